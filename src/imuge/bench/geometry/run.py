"""Cut, turned, mirrored, stretched, shown on a page: what becomes of such copies.

    photograph ─ publish ─► tampered ─► moved, saved ─► verified ─► held against the truth

    python -m imuge.bench.geometry --data ../shared/data/large --out docs/scores

Nothing is fitted on these pictures. Processes share the pictures out; what was measured is kept in
a journal, line by line, and a run that was stopped goes on.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imuge import __version__
from imuge.bench.command import as_command, option, write_result
from imuge.bench.geometry.cases import FEW_KEYS, KEYS, MOVES, Move
from imuge.bench.geometry.matches import looked_through, matches, search_seconds
from imuge.bench.geometry.table import summary, to_markdown
from imuge.bench.geometry.trial import Unmoved, scores, subject
from imuge.bench.grid.cases import UNTOUCHED, Case
from imuge.bench.grid.entrants import bench_key
from imuge.bench.grid.journal import Journal, Unit
from imuge.bench.grid.trials import Row
from imuge.bench.pictures import Group, Photograph, large_and_small
from imuge.bench.presence.run import resampled_keys
from imuge.bench.processes import Task, Worker, shared_out
from imuge.engine import Engine, available_threads
from imuge.files import make_folder

COMMAND = "python -m imuge.bench.geometry --data ../shared/data/large --out docs/scores"
JOURNAL = "geometry.journal.jsonl"
CROPS = 1000
LOOKED = {"unprotected": FEW_KEYS, "protected": KEYS}  # through crops, with so many keys
FEWER = 10  # times fewer are the protected crops
TIMED = 3  # pictures in which looking in vain is timed

Groups = Mapping[Group, Sequence[Photograph]]


def _moved(moves: Sequence[Move], picture: Photograph, other: Photograph, number: int) -> list[Row]:
    """Every move of a picture."""
    engine = Worker.engine
    of = subject(engine, bench_key(), picture.pixels, other.pixels, number)
    unmoved = Unmoved(engine, of)
    return [
        Row(Case("splice", f"{move.chain},{move.process}"), scores(engine, of, move, unmoved))
        for move in moves
    ]


def _looked(kind: str, picture: Photograph, number: int, crops: range) -> list[Row]:
    """What is found in crops of a picture that the keys looked for did not protect."""
    engine, pixels = Worker.engine, picture.pixels
    if kind == "protected":
        pixels = subject(engine, bench_key(), pixels, pixels, number).published
    found = looked_through(engine, pixels, resampled_keys(LOOKED[kind]), crops)
    return [Row(Case(UNTOUCHED, "crop"), one) for one in found]


def _units(groups: Groups, crops: int) -> Iterator[tuple[Unit, Task]]:
    """All pieces of work, those that take longest first."""
    for group, pictures in groups.items():
        for i, picture in enumerate(pictures):
            yield (group, picture.name), (_moved, (MOVES[group], picture, pictures[i - 1], i))
    pictures = groups["validation"]
    for kind in LOOKED:
        count = crops if kind == "unprotected" else max(1, crops // FEWER)
        for i, picture in enumerate(pictures):
            numbers = range(i, count, len(pictures))
            if numbers:
                yield (kind, picture.name), (_looked, (kind, picture, i, numbers))


def measure(groups: Groups, journal: Journal, crops: int, *, jobs: int) -> dict[str, Any]:
    """All rows of all groups, and what was found in vain; the journal's are not measured again.

    Args:
        groups: The pictures.
        journal: Of this run.
        crops: How many unprotected ones to look through.
        jobs: How many processes, which change no result.
    """
    units = dict(_units(groups, crops))
    missing = {unit: work for unit, work in units.items() if unit not in journal.done}
    for unit, rows in shared_out(missing, total=len(units), jobs=jobs):
        journal.add(unit, rows)

    def found(kind: str) -> list[list[Row]]:
        return [journal.done[unit] for unit in units if unit[0] == kind]

    return {
        "groups": {
            group: [
                summary(move, [dict(rows[k].scores) for rows in found(group)])
                for k, move in enumerate(MOVES[group])
            ]
            for group in groups
        },
        "matches": {
            kind: matches([row.scores for rows in found(kind) for row in rows], keys)
            for kind, keys in LOOKED.items()
        },
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure and write geometry.json and geometry.md.

    Raises:
        ConfigError: a folder holds fewer than two pictures.
    """
    parser = argparse.ArgumentParser(description="Copies that were cut, turned and framed.")
    parser.add_argument("--data", type=Path, required=True, help="folder of large photographs")
    parser.add_argument("--validation", type=Path, help="default: DATA/../validation")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="of each folder only so many")
    parser.add_argument("--crops", type=int, default=CROPS, help="looked through in vain")
    parser.add_argument("--jobs", type=int, default=available_threads(), help="processes")
    options = parser.parse_args(arguments)
    make_folder(options.out)
    groups = large_and_small(options.data, options.validation, count=options.pictures)
    engine = Engine(threads=1)
    facts = {
        "imuge": __version__,
        "model": engine.record.name,
        "model_sha256": engine.sha256,
        "pictures": {g: {p.name: p.sha256 for p in pictures} for g, pictures in groups.items()},
    }
    resume = (options.out / JOURNAL).exists()
    plan = {**facts, "crops": options.crops}
    journal = Journal(options.out, plan, resume=resume, name=JOURNAL)
    result = {
        "command": COMMAND
        + option("pictures", options.pictures)
        + option("crops", options.crops, CROPS),
        **facts,
        **measure(groups, journal, options.crops, jobs=options.jobs),
        "seconds": [
            {"size": "{1}x{0}".format(*p.pixels.shape), **search_seconds(engine, p.pixels)}
            for p in groups["large"][-TIMED:]
        ],
    }
    markdown = to_markdown(result)
    write_result(options.out, "geometry", result, markdown)
    journal.finish()
    sys.stdout.write(markdown)


if __name__ == "__main__":
    as_command(main)
