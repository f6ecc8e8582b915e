"""False alarms on untouched pictures after treatment at other strengths than calibration's.

python -m imuge.bench.alarms --data ../shared/data/validation --out docs/scores
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from imuge.attacks.resave import parse_chain, resave
from imuge.bench.cases import SIDE
from imuge.bench.pictures import photographs
from imuge.guard import Guard
from imuge.keys import Key

CHAINS = (
    "webp:90",
    "webp:80",
    "avif:80",
    "jpeg:85,jpeg:75",
    "saturation:0",
    "contrast:1.3",
    "noise:5",
)


def to_markdown(result: dict[str, Any]) -> str:
    """The verdicts as a table."""
    lines = ["| untouched, then | verdicts |", "|---|---|"]
    for chain, counts in result["verdicts"].items():
        found = ", ".join(f"{finding} {number}" for finding, number in sorted(counts.items()))
        lines.append(f"| {chain} | {found} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write alarms.json."""
    parser = argparse.ArgumentParser(description="False alarms after other treatment.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    pictures = photographs(options.data, side=SIDE)
    guard = Guard(Key.from_secret("bench", bytes(range(32))))
    verdicts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for picture in track(pictures, "measuring", console=Console(stderr=True)):
        made = guard.immunize(picture.pixels)
        for chain in CHAINS:
            received = resave(made.image, parse_chain(chain))
            verdicts[chain][guard.verify(received, recover=False).verdict] += 1
    result = {
        "command": "python -m imuge.bench.alarms --data ../shared/data/validation --out DIR",
        "model_sha256": guard.engine.sha256,
        "points": [point.model_dump() for point in guard.engine.record.calibration.points],
        "pictures": len(pictures),
        "verdicts": verdicts,
    }
    (options.out / "alarms.json").write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(to_markdown(result))


if __name__ == "__main__":
    main()
