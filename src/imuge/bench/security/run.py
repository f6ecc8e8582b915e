"""What the verdict says where somebody attacks the protection itself, beside what it should say.

But for who immunizes again, nobody here has the key. The networks are public, and so is all of
`imuge.bench.security.forgeries`.

    python -m imuge.bench.security --data ../shared/data/validation --out out/security
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.bench.command import as_command
from imuge.bench.pictures import SIDE, photographs
from imuge.bench.scores import f1
from imuge.bench.security.cases import GROUPS, THE_KEY, Case, Gallery, Row
from imuge.bench.security.table import to_markdown
from imuge.engine import Engine
from imuge.errors import ProtectionError
from imuge.files import write_atomically
from imuge.guard import Guard
from imuge.keys import Key
from imuge.results import Pixels

COMMAND = "python -m imuge.bench.security --data ../shared/data/validation --out DIR"
REFUSED, TAKEN, NOT_MADE = "refused", "taken", "not made"
REFUSAL = Row(
    group="again",
    name="same key, without --replace",
    words="refused: it would hide what was done since",
    needs=THE_KEY,
    should=frozenset({REFUSED}),
    harmful=frozenset({TAKEN}),
)


@dataclass(slots=True)
class Tally:
    """What one row found over all pictures."""

    row: Row
    verdicts: Counter[str] = field(default_factory=Counter)
    key_names: Counter[str] = field(default_factory=Counter)  # that the verdict was given under
    f1: list[float] = field(default_factory=list)
    least_p: float = 1.0  # of presence
    kinds: Counter[str] = field(default_factory=Counter)  # copies with such a region
    lacking: int = 0  # copies with a right verdict, but without the region that should be there

    def add(self, case: Case, engine: Engine) -> None:
        """Verify one picture and count."""
        if case.received is None:
            self.verdicts[NOT_MADE] += 1
            return
        verdict = Guard(case.keys, engine=engine).verify(case.received, recover=False)
        self.verdicts[verdict.verdict] += 1
        kinds = {region.kind for region in verdict.regions}
        self.kinds.update(kinds)
        wanted = self.row.kind
        if verdict.verdict in self.row.should and wanted is not None and wanted not in kinds:
            self.lacking += 1
        self.least_p = min(self.least_p, verdict.presence_p)
        if verdict.key_name is not None:
            self.key_names[verdict.key_name] += 1
        if case.true is not None:
            read = None if verdict.image_id is None else int(verdict.image_id, 16)
            self.f1.append(f1(verdict.mask, case.true(read)))

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        row, count = self.row, self.verdicts.total()
        return {
            "group": row.group,
            "row": row.name,
            "should": row.words,
            "needs": row.needs,
            "pictures": count,
            "verdicts": dict(sorted(self.verdicts.items())),
            "kinds": dict(sorted(self.kinds.items())),
            "as_it_should": sum(self.verdicts[verdict] for verdict in row.should) - self.lacking,
            "harmful": sum(self.verdicts[verdict] for verdict in row.harmful),
            "keys": dict(sorted(self.key_names.items())),
            "f1": float(np.mean(self.f1)) if self.f1 else None,
            "least_f1": min(self.f1) if self.f1 else None,
            "least_presence_p": self.least_p,
        }


@dataclass(slots=True)
class Report:
    """All rows, growing picture by picture."""

    guard: Guard  # with the gallery's key
    gallery: Gallery
    groups: Sequence[str] = tuple(GROUPS)
    attacked: list[int] = field(default_factory=list)  # numbers of the gallery's pictures
    left_out: list[str] = field(default_factory=list)  # what could not be protected, and why
    _tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def attack(self, number: int) -> None:
        """Make and judge every case of one picture; the others are there to be pasted from."""
        for group in self.groups:
            try:
                for case in GROUPS[group](self.gallery, number):
                    name = (case.row.group, case.row.name)
                    self._tallies.setdefault(name, Tally(case.row)).add(case, self.gallery.engine)
                if group == REFUSAL.group:
                    name = (group, REFUSAL.name)
                    tally = self._tallies.setdefault(name, Tally(REFUSAL))
                    protected = self.gallery.published(number).pixels
                    tally.verdicts[refused_or_taken(self.guard, protected)] += 1
            except ProtectionError as error:
                self.left_out.append(f"{group}, picture {number}: {error}")
        self.attacked.append(number)

    def rows(self) -> list[dict[str, Any]]:
        """What was found so far, in the order of the groups."""
        order = sorted(self._tallies.values(), key=lambda one: self.groups.index(one.row.group))
        return [tally.facts() for tally in order]


def refused_or_taken(guard: Guard, pixels: Pixels) -> str:
    """What becomes of a picture that shall be immunized without --replace."""
    try:
        guard.immunize(pixels)
    except ProtectionError:
        return REFUSED
    return TAKEN


def main(arguments: list[str] | None = None) -> None:
    """Measure and write security.json and security.md."""
    parser = argparse.ArgumentParser(description="Verdicts under attacks on the protection.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="how many are attacked (default: all)")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=tuple(GROUPS))
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    pool = photographs(options.data, side=SIDE)
    count = min(options.pictures or len(pool), len(pool))
    attacked = np.linspace(0, len(pool) - 1, count).round().astype(int).tolist()
    guard = Guard(Key.from_secret("bench", bytes(range(32))))
    gallery = Gallery(guard.engine, [picture.pixels for picture in pool], guard.keys[0])
    report = Report(guard, gallery, options.groups)
    facts = {
        "command": f"{COMMAND} --pictures {count}",
        "imuge": __version__,
        "model": guard.engine.record.name,
        "model_sha256": guard.engine.sha256,
        "keys": [gallery.key.key_id, gallery.other_key.key_id],
        "pictures": {picture.name: picture.sha256 for picture in pool},
    }
    for i in track(attacked, "attacking", console=Console(stderr=True)):
        report.attack(i)
        names = [pool[n].name for n in report.attacked]
        result = facts | {"attacked": names, "left_out": report.left_out, "rows": report.rows()}
        _write(options.out, result)  # after every picture: all of them take a while
    sys.stdout.write(to_markdown(result))


def _write(folder: Path, result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=1) + "\n"
    write_atomically(folder / "security.json", text.encode(), overwrite=True)
    write_atomically(folder / "security.md", to_markdown(result).encode(), overwrite=True)


if __name__ == "__main__":
    as_command(main)
