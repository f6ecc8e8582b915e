"""What the verdict says where somebody attacks the protection itself, beside what it should say.

But for who immunizes again, nobody here has the key. The networks are public, and so is all of
`imuge.bench.forgeries`.

    python -m imuge.bench.security --data ../shared/data/validation --out out/security
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.bench.cases import SIDE
from imuge.bench.pictures import photographs
from imuge.bench.scores import f1
from imuge.bench.security_cases import GROUPS, Case, Row, Studio
from imuge.bench.security_table import shortfalls, to_markdown
from imuge.engine import Engine
from imuge.errors import ProtectionError
from imuge.files import write_atomically
from imuge.guard import Guard
from imuge.image.padding import to_canvas
from imuge.keys import Key
from imuge.results import Pixels
from imuge.verification import verify

COMMAND = "python -m imuge.bench.security --data ../shared/data/validation --out DIR"
REFUSED, TAKEN = "refused", "taken"


@dataclass(slots=True)
class Tally:
    """What one row found over all pictures."""

    row: Row
    verdicts: Counter[str] = field(default_factory=Counter)
    key_names: Counter[str] = field(default_factory=Counter)  # that the verdict was given under
    f1: list[float] = field(default_factory=list)
    least_p: float = 1.0  # of presence

    def add(self, case: Case, engine: Engine) -> None:
        """Verify one picture and count."""
        found = verify(engine, to_canvas(case.received), case.keys, recover=False)
        self.verdicts[found.finding] += 1
        self.least_p = min(self.least_p, found.reading.presence_p)
        if found.key is not None:
            self.key_names[found.key.name] += 1
        if case.true is not None:
            self.f1.append(f1(found.mask, case.true(found.reading.image_id)))

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        row, count = self.row, self.verdicts.total()
        return {
            "group": row.group,
            "row": row.name,
            "should": row.words,
            "pictures": count,
            "verdicts": dict(sorted(self.verdicts.items())),
            "as_it_should": sum(self.verdicts[verdict] for verdict in row.should),
            "harmful": sum(self.verdicts[verdict] for verdict in row.harmful),
            "keys": dict(sorted(self.key_names.items())),
            "f1": float(np.mean(self.f1)) if self.f1 else None,
            "least_f1": min(self.f1) if self.f1 else None,
            "least_presence_p": self.least_p,
        }


def measure(
    studio: Studio, steps: Iterable[int], groups: Sequence[str] = tuple(GROUPS)
) -> list[dict[str, Any]]:
    """All rows of these groups.

    Args:
        studio: The pictures.
        steps: Numbers of the pictures that are attacked; the others are there to be pasted from.
        groups: Out of `GROUPS`.
    """
    tallies: dict[tuple[str, str], Tally] = {}
    for i in steps:
        for group in groups:
            for case in GROUPS[group](studio, i):
                tally = tallies.setdefault((case.row.group, case.row.name), Tally(case.row))
                tally.add(case, studio.engine)
    order = sorted(tallies.values(), key=lambda tally: groups.index(tally.row.group))
    return [tally.facts() for tally in order]


def refusals(guard: Guard, published: Iterable[Pixels]) -> dict[str, Any]:
    """Whether a protected picture is refused when it shall be immunized again without --replace."""
    counts: Counter[str] = Counter()
    for pixels in published:
        try:
            guard.immunize(pixels)
        except ProtectionError:
            counts[REFUSED] += 1
        else:
            counts[TAKEN] += 1
    return {
        "group": "again",
        "row": "same key, without --replace",
        "should": "refused: it would hide what was done since",
        "pictures": counts.total(),
        "verdicts": dict(counts),
        "as_it_should": counts[REFUSED],
        "harmful": counts[TAKEN],
        "keys": {},
        "f1": None,
        "least_f1": None,
        "least_presence_p": None,
    }


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
    studio = Studio(guard.engine, [picture.pixels for picture in pool])
    console = Console(stderr=True)
    rows = measure(studio, track(attacked, "attacking", console=console), options.groups)
    if "again" in options.groups:
        rows.append(refusals(guard, (studio.published(i).pixels for i in attacked)))
    result = {
        "command": COMMAND,
        "imuge": __version__,
        "model": guard.engine.record.name,
        "model_sha256": guard.engine.sha256,
        "keys": [studio.key.key_id, studio.other_key.key_id],
        "attacked": [pool[i].name for i in attacked],
        "pictures": {picture.name: picture.sha256 for picture in pool},
        "rows": rows,
    }
    text = json.dumps(result, indent=1) + "\n"
    write_atomically(options.out / "security.json", text.encode(), overwrite=True)
    write_atomically(options.out / "security.md", to_markdown(result).encode(), overwrite=True)
    sys.stdout.write(to_markdown(result))
    for line in shortfalls(rows):
        sys.stderr.write(f"falls short: {line}\n")


if __name__ == "__main__":
    main()
