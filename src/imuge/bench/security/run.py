"""What the verdict says where somebody attacks the protection itself, beside what it should say.

But for who immunizes again, nobody here has the key. The networks are public, and so is all of
`imuge.bench.security.forgeries`. Every picture that is done is kept in a journal, so that a run
that was stopped goes on.

    python -m imuge.bench.security --data ../shared/data/validation --out docs/scores
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import numpy as np

from imuge import __version__
from imuge.bench.command import write_result
from imuge.bench.grid.entrants import bench_key
from imuge.bench.lines import rows_done, rows_of_all
from imuge.bench.pictures import SIDE, Photograph, photographs
from imuge.bench.scores import f1
from imuge.bench.security.cases import GROUPS, THE_KEY, Case, Gallery, Row, strangers_key
from imuge.bench.security.table import to_markdown
from imuge.engine import Engine, available_threads
from imuge.errors import ProtectionError
from imuge.files import make_folder
from imuge.guard import Guard
from imuge.results import Pixels
from imuge.weights import load_release

COMMAND = "python -m imuge.bench.security"
JOURNAL = "security.journal.jsonl"
REFUSED, TAKEN, NOT_MADE = "refused", "taken", "not made"
REFUSAL = Row(
    group="again",
    name="same key, without --replace",
    words="refused: it would hide what was done since",
    needs=THE_KEY,
    should=frozenset({REFUSED}),
    harmful=frozenset({TAKEN}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one case of one picture."""

    group: str
    row: str
    should: str
    needs: str
    verdict: str
    right: bool  # it is what it should be, with the region that should be there
    harmful: bool
    key_name: str | None  # that the verdict was given under
    kinds: tuple[str, ...]  # of its regions
    f1: float | None
    presence_p: float

    @classmethod
    def of(
        cls,
        row: Row,
        verdict: str,
        *,
        key_name: str | None = None,
        kinds: tuple[str, ...] = (),
        f1: float | None = None,
        presence_p: float = 1.0,
    ) -> Self:
        """Held against what the row wants."""
        return cls(
            group=row.group,
            row=row.name,
            should=row.words,
            needs=row.needs,
            verdict=verdict,
            right=verdict in row.should and (row.kind is None or row.kind in kinds),
            harmful=verdict in row.harmful,
            key_name=key_name,
            kinds=kinds,
            f1=f1,
            presence_p=presence_p,
        )


def judged(case: Case, engine: Engine) -> Outcome:
    """Verify one picture."""
    if case.received is None:
        return Outcome.of(case.row, NOT_MADE)
    verdict = Guard(case.keys, engine=engine).verify(case.received, recover=False)
    score = None
    if case.true is not None:
        read = None if verdict.image_id is None else int(verdict.image_id, 16)
        score = f1(verdict.mask, case.true(read))
    return Outcome.of(
        case.row,
        verdict.verdict,
        key_name=verdict.key_name,
        kinds=tuple(sorted({region.kind for region in verdict.regions})),
        f1=score,
        presence_p=verdict.presence_p,
    )


def attack(
    guard: Guard, gallery: Gallery, number: int, groups: Sequence[str] = tuple(GROUPS)
) -> Iterator[Outcome]:
    """Make and judge every case of one picture; the others are there to be pasted from."""
    for group in groups:
        try:
            for case in GROUPS[group](gallery, number):
                yield judged(case, gallery.engine)
            if group == REFUSAL.group:
                found = refused_or_taken(guard, gallery.published(number).pixels)
                yield Outcome.of(REFUSAL, found)
        except ProtectionError as error:
            nothing: frozenset[str] = frozenset()
            words = f"the rest of the group: {error}"
            yield Outcome.of(
                Row(group=group, name=words, words="-", needs="-", should=nothing, harmful=nothing),
                NOT_MADE,
            )


def refused_or_taken(guard: Guard, pixels: Pixels) -> str:
    """What becomes of a picture that shall be immunized without --replace."""
    try:
        guard.immunize(pixels)
    except ProtectionError:
        return REFUSED
    return TAKEN


class _Process:
    """What a process keeps between two pictures."""

    gallery: Gallery | None = None


def measure(
    pool: Sequence[Photograph],
    groups: Sequence[str],
    guard: Guard,
    picture: Photograph,
    _other: Photograph,
    _number: int,
) -> Iterator[Outcome]:
    """All outcomes of one picture of the pool."""
    if _Process.gallery is None:
        _Process.gallery = Gallery(guard.engine, [one.pixels for one in pool], guard.keys[0])
    number = [one.sha256 for one in pool].index(picture.sha256)
    return attack(guard, _Process.gallery, number, groups)


def tallied(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """What each row found over all pictures, as JSON, in the order of the groups."""
    first = {(one.group, one.row): n for n, one in reversed(list(enumerate(outcomes)))}
    order = list(GROUPS)

    def place(one: Outcome) -> tuple[int, int]:
        return order.index(one.group), first[one.group, one.row]

    rows = groupby(sorted(outcomes, key=place), key=lambda one: (one.group, one.row))
    return [_tally(list(members)) for _, members in rows]


def _tally(outcomes: list[Outcome]) -> dict[str, Any]:
    one = outcomes[0]
    scores = [each.f1 for each in outcomes if each.f1 is not None]
    names = Counter(each.key_name for each in outcomes if each.key_name is not None)
    return {
        "group": one.group,
        "row": one.row,
        "should": one.should,
        "needs": one.needs,
        "pictures": len(outcomes),
        "verdicts": dict(sorted(Counter(each.verdict for each in outcomes).items())),
        "kinds": dict(sorted(Counter(kind for each in outcomes for kind in each.kinds).items())),
        "as_it_should": sum(each.right for each in outcomes),
        "harmful": sum(each.harmful for each in outcomes),
        "keys": dict(sorted(names.items())),
        "f1": float(np.mean(scores)) if scores else None,
        "least_f1": min(scores, default=None),
        "least_presence_p": min(each.presence_p for each in outcomes),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure and write security.json and security.md."""
    parser = argparse.ArgumentParser(description="Verdicts under attacks on the protection.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="how many are attacked (default: all)")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=tuple(GROUPS))
    parser.add_argument("--jobs", type=int, default=available_threads(), help="processes")
    options = parser.parse_args(arguments)
    make_folder(options.out)
    pool = photographs(options.data, side=SIDE)
    count = min(options.pictures or len(pool), len(pool))
    attacked = [pool[i] for i in np.linspace(0, len(pool) - 1, count).round().astype(int)]
    release = load_release()
    calibration = release.record.calibration.fingerprint
    groups = sorted(options.groups, key=list(GROUPS).index)
    path = options.out / JOURNAL
    header = {"sha256": release.sha256, "calibration": calibration, "groups": groups}
    done = rows_done(path, header, Outcome, other="other weights, thresholds or groups")
    outcomes = rows_of_all(attacked, path, done, partial(measure, pool, groups), jobs=options.jobs)
    result = {
        "command": _command(options.data, count, groups),
        "imuge": __version__,
        "model": release.record.name,
        "model_sha256": release.sha256,
        "calibration": calibration,
        "keys": [bench_key().key_id, strangers_key().key_id],
        "pictures": {picture.name: picture.sha256 for picture in pool},
        "attacked": [picture.name for picture in attacked],
        "rows": tallied(outcomes),
    }
    markdown = to_markdown(result)
    write_result(options.out, "security", result, markdown)
    path.unlink()
    sys.stdout.write(markdown)


def _command(data: Path, count: int, groups: Sequence[str]) -> str:
    chosen = "" if len(groups) == len(GROUPS) else f" --groups {' '.join(map(repr, groups))}"
    folder = f"--data ../shared/data/{data.name} --out docs/scores"
    return f"{COMMAND} {folder} --pictures {count}{chosen}"
