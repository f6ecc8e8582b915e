"""Watermarks that only carry bits: how much they change, and how many bits survive.

    python -m imuge.bench.bit_marks --data ../shared/data/validation --out out/bit_marks

Bits are counted, not messages: a mark that is not there gives half of them. The marks are packages
(`imuge.bench.peers.bits`); one that is not installed is left out, and named.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.bench.cases import PROCESSING, SIDE
from imuge.bench.peers import BIT_MARKS
from imuge.bench.peers.bits import BitMark
from imuge.bench.pictures import Photograph, photographs
from imuge.bench.scores import psnr_db, ssim
from imuge.bench.side_by_side import PROCESSES
from imuge.errors import ConfigError, ImugeError
from imuge.files import write_atomically

FAILED = 1


def measure(mark: BitMark, pictures: Sequence[Photograph]) -> dict[str, float]:
    """Means over pictures: `psnr_db`, `ssim`, and the share of right bits after each process.

    Raises:
        ConfigError: the mark's package is not installed.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for number, picture in enumerate(pictures):
        rng = np.random.default_rng(number)
        bits = rng.integers(2, size=mark.capacity).astype(bool)
        marked = mark.embed(picture.pixels, bits, seed=number)
        found["psnr_db"].append(psnr_db(picture.pixels, marked))
        found["ssim"].append(ssim(picture.pixels, marked))
        for name in PROCESSES:
            read = mark.read(PROCESSING[name](marked, rng), seed=number)
            found[name].append(float((read == bits).mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def measure_all(
    marks: Iterable[BitMark], pictures: Sequence[Photograph]
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """What each mark reached; and for those that cannot be measured, why."""
    rows, missing = {}, {}
    for mark in marks:
        try:
            rows[mark.name] = measure(mark, pictures)
        except ConfigError as error:
            missing[mark.name] = str(error)
    return rows, missing


def to_markdown(result: Mapping[str, Any]) -> str:
    """The table as text."""
    lines = [
        f"| mark | PSNR, dB | SSIM | {' | '.join(PROCESSES)} |",
        "|---" * (3 + len(PROCESSES)) + "|",
    ]
    for name, row in result["rows"].items():
        shares = " | ".join(f"{row[process]:.3f}" for process in PROCESSES)
        lines.append(f"| {name} | {row['psnr_db']:.1f} | {row['ssim']:.3f} | {shares} |")
    lines += [f"\n{name} was left out: {why}." for name, why in result["missing"].items()]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write bit_marks.json and bit_marks.md; exit status 1 where it cannot."""
    parser = argparse.ArgumentParser(description="Watermarks that only carry bits.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, metavar="N", help="only so many")
    options = parser.parse_args(arguments)
    try:
        pictures = photographs(options.data, side=SIDE, count=options.pictures)
        marks = [make() for make in BIT_MARKS.values()]
        shown = track(marks, "measuring", console=Console(stderr=True))
        rows, missing = measure_all(shown, pictures)
        result = {
            "command": "python -m imuge.bench.bit_marks --data ../shared/data/validation --out DIR",
            "imuge": __version__,
            "pictures": {picture.name: picture.sha256 for picture in pictures},
            "rows": rows,
            "missing": missing,
        }
        options.out.mkdir(parents=True, exist_ok=True)
        table = to_markdown(result)
        for name, text in (("json", json.dumps(result, indent=1) + "\n"), ("md", table)):
            write_atomically(options.out / f"bit_marks.{name}", text.encode(), overwrite=True)
    except ImugeError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(FAILED)
    sys.stdout.write(table)


if __name__ == "__main__":
    main()
