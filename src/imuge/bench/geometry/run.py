"""Cut, turned, mirrored, stretched, shown on a page: what becomes of such copies.

    photograph ─ publish ─► tampered ─► moved, saved ─► verified ─► held against the truth

    python -m imuge.bench.geometry --data ../shared/data/large --out docs/scores

Nothing is fitted on these pictures. What was measured is kept in a journal, line by line, and a
run that was stopped goes on.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.bench.geometry.cases import KEYS, MOVES
from imuge.bench.geometry.matches import matches, search_seconds
from imuge.bench.geometry.table import summary, to_markdown
from imuge.bench.geometry.trial import Unmoved, scores, subject
from imuge.bench.grid.cases import Case
from imuge.bench.grid.entrants import bench_key
from imuge.bench.grid.journal import Journal
from imuge.bench.grid.trials import Row
from imuge.bench.pictures import Group, Photograph, large_and_small
from imuge.bench.presence.run import resampled_keys
from imuge.engine import Engine
from imuge.files import write_atomically

COMMAND = "python -m imuge.bench.geometry --data ../shared/data/large --out docs/scores"
JOURNAL = "geometry.journal.jsonl"
CROPS = 1000
TIMED = 3  # pictures in which looking in vain is timed


def measure(
    engine: Engine, groups: Mapping[Group, Sequence[Photograph]], journal: Journal
) -> dict[Group, list[dict[str, Any]]]:
    """All rows of all groups; what the journal holds is not measured again."""
    units = [(group, i) for group, pictures in groups.items() for i in range(len(pictures))]
    for group, i in track(units, "moved copies", console=Console(stderr=True)):
        pictures = groups[group]
        if (group, pictures[i].name) in journal.done:
            continue
        of = subject(engine, bench_key(), pictures[i].pixels, pictures[i - 1].pixels, i)
        unmoved = Unmoved(engine, of)
        rows = [
            Row(Case("splice", f"{move.chain},{move.process}"), scores(engine, of, move, unmoved))
            for move in MOVES[group]
        ]
        journal.add((group, pictures[i].name), rows)
    return {
        group: [
            summary(move, [dict(journal.done[group, p.name][k].scores) for p in pictures])
            for k, move in enumerate(MOVES[group])
        ]
        for group, pictures in groups.items()
    }


def false_matches(
    engine: Engine, pictures: Sequence[Photograph], crops: int
) -> dict[str, dict[str, float]]:
    """Crops without protection, and of pictures protected with another key."""
    keys = resampled_keys(KEYS)
    plain = [picture.pixels for picture in pictures]
    protected = [
        subject(engine, bench_key(), picture.pixels, picture.pixels, i).published
        for i, picture in enumerate(pictures)
    ]
    return {
        "unprotected": asdict(matches(engine, plain, keys, crops)),
        "protected": asdict(matches(engine, protected, keys, max(1, crops // 10))),
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
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    groups = large_and_small(options.data, options.validation, count=options.pictures)
    engine = Engine(threads=1)
    facts = {
        "imuge": __version__,
        "model": engine.record.name,
        "model_sha256": engine.sha256,
        "pictures": {g: {p.name: p.sha256 for p in pictures} for g, pictures in groups.items()},
    }
    resume = (options.out / JOURNAL).exists()
    journal = Journal(options.out, facts, resume=resume, name=JOURNAL)
    result = {
        "command": COMMAND,
        **facts,
        "groups": measure(engine, groups, journal),
        "matches": false_matches(engine, groups["validation"], options.crops),
        "seconds": [
            {"size": "{1}x{0}".format(*p.pixels.shape), **search_seconds(engine, p.pixels)}
            for p in groups["large"][-TIMED:]
        ],
    }
    text = json.dumps(result, indent=1) + "\n"
    write_atomically(options.out / "geometry.json", text.encode(), overwrite=True)
    write_atomically(options.out / "geometry.md", to_markdown(result).encode(), overwrite=True)
    journal.finish()
    sys.stdout.write(to_markdown(result))


if __name__ == "__main__":
    main()
