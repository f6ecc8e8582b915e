"""Watermarks that only carry bits: how much they change, and how many bits survive.

Bits are counted, not messages: a mark that is not there gives half of them. The marks are packages
(`imuge.bench.peers.bits`); one that is not installed is left out, and named.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from imuge.bench.grid.edits import read_back
from imuge.bench.peers.bits import BitMark
from imuge.bench.pictures import Photograph
from imuge.bench.scores import psnr_db, ssim
from imuge.errors import ConfigError

PROCESSES = ("none", "jpeg:90", "jpeg:75", "jpeg:50", "webp:80", "resize-back:0.7", "blur:0.8")


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
            read = mark.read(read_back(marked, name), seed=number)
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
