"""Core seconds of large pictures, and what they come to for a million: docs/capacity.md.

Core seconds are processor time, not a clock's: other people's work on the machine hardly changes
them. As many pictures of a size are worked on at once as there are processors, each by a process
of one thread, so what they take from each other is in the numbers.
`imuge.bench.speed.throughput` is the command; one size in a process of its own:

    python -m imuge.bench.speed.capacity 4
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import mean
from typing import Any

from PIL import Image

from imuge.bench.command import as_command
from imuge.bench.speed.run import SIZES
from imuge.bench.speed.whole_calls import forged, scene
from imuge.errors import ImugeError
from imuge.guard import Guard
from imuge.image import load
from imuge.keys import Key
from imuge.results import Pixels

MILLION = 1_000_000
BUSY = 0.5  # load above which somebody else's work shows
VERBS = {
    "immunize_s": "Immunize",
    "verify_s": "Verify, an intact picture",
    "report_s": "Verify, a changed picture, with its report",
}


def one(megapixels: str) -> dict[str, float]:
    """Core seconds of one picture in this process, on one thread: made, checked, and reported on.

    An intact picture is checked as a batch checks it; a changed one is checked twice, the second
    time with all that its report shows.
    """
    width, height = SIZES[megapixels]
    file = _jpeg(scene(width, height), quality=95)
    guard = Guard(Key.from_secret("bench", bytes(range(32))), threads=1)
    clock = [time.process_time()]
    made = guard.immunize(file)
    clock.append(time.process_time())
    assert guard.verify(made.image, recover=False).verdict == "intact"
    clock.append(time.process_time())
    changed = _jpeg(forged(load(made.image).pixels), quality=90)
    clock.append(time.process_time())
    assert guard.verify(changed, recover=False).verdict == "tampered"
    guard.verify(changed, recover=True, hidden_copy=True)
    clock.append(time.process_time())
    return {
        "immunize_s": clock[1] - clock[0],
        "verify_s": clock[2] - clock[1],
        "report_s": clock[4] - clock[3],
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def _jpeg(pixels: Pixels, *, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def large(megapixels: str, *, copies: int) -> dict[str, Any]:
    """Mean core seconds of `copies` pictures worked on at once, each in a process of its own."""
    command = [sys.executable, "-m", "imuge.bench.speed.capacity", megapixels]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
        for _ in range(copies)
    ]
    said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise ImugeError(f"{megapixels} megapixels could not be measured; see above")
    found = [json.loads(text) for text in said]
    width, height = SIZES[megapixels]
    seconds = {verb: mean(row[verb] for row in found) for verb in VERBS}
    peak = max(row["peak_gb"] for row in found)
    return {"megapixels": width * height / 1e6, **seconds, "peak_gb": peak}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one core does, and a million pictures cost."""

    per_hour: float  # pictures a core does in an hour
    core_hours: float  # for a million
    cost: float  # for a million, in the price's currency


def capacity(core_seconds: float, *, price: float) -> Capacity:
    """From one picture to a million.

    Args:
        core_seconds: Of one picture.
        price: Of one core for one hour.
    """
    core_hours = MILLION * core_seconds / 3600
    return Capacity(per_hour=3600 / core_seconds, core_hours=core_hours, cost=core_hours * price)


def to_markdown(result: dict[str, Any]) -> str:
    """The table of rates."""
    lines = [
        "| engine, workers x threads | pictures/s | Mpx/s | against one worker | start, s |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['engine']}, {row['workers']} x {row['threads']} | {row['pictures_per_s']:.2f} "
        f"| {row['megapixels_per_s']:.2f} | {row['ratio']:.2f} | {row['start_s']:.0f} |"
        for row in result["rates"]
    ]
    return "\n".join(lines) + "\n"


def capacity_page(result: dict[str, Any]) -> str:
    """The whole page docs/capacity.md."""
    price = result["price_per_core_hour"]
    parts = [
        "# Capacity: how many pictures, and what they cost\n",
        "Made by this command; every number below was measured by it, and none is a vendor's:\n",
        f"```\n{result['command']}\n```\n",
        f"imuge {result['version']}, {result['machine']}, {result['processors']} processors, "
        f"{result['date']}; load before the start {result['load']:.1f}.\n",
    ]
    if result["load"] > BUSY:
        parts.append(
            "**The machine was busy with other work. The pictures a second below are too few and "
            "their ratios distorted, the core seconds somewhat too high: run the command on a "
            "quiet machine before you rely on them.**\n"
        )
    parts += [
        "## Throughput\n",
        f"`imuge batch immunize` over {result['pictures']} photographs of {result['side']}x"
        f"{result['side']} pixels, median of {result['rounds']} rounds. Rates begin when every "
        "worker has finished its first picture; *start* is the time until then.\n",
        to_markdown(result),
        "## A million pictures\n",
        f"At an assumed {price:g} for one core for one hour, in whatever currency that is; put in "
        "your own with `--price-per-core-hour`. Core seconds are processor time with all cores at "
        "work, one thread a worker. Storage, transfer and idle machines are not in it.\n",
        *(_capacity_table(result, verb, words, price) for verb, words in VERBS.items()),
    ]
    return "\n".join(parts)


def _capacity_table(result: dict[str, Any], verb: str, words: str, price: float) -> str:
    lines = [
        f"### {words}\n",
        "| megapixels | core seconds a picture | a megapixel | pictures an hour and core "
        "| core hours a million | cost a million | peak GB a worker |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["large"]:
        size, seconds = row["megapixels"], row[verb]
        found = capacity(seconds, price=price)
        lines.append(
            f"| {size:.1f} | {seconds:.1f} | {seconds / size:.2f} | {found.per_hour:,.0f} "
            f"| {found.core_hours:,.0f} | {found.cost:,.0f} | {row['peak_gb']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure one size in this process and print it as JSON; `large` starts it."""
    parser = argparse.ArgumentParser(description="One picture of a size, for bench.speed.")
    parser.add_argument("megapixels", choices=SIZES)
    sys.stdout.write(json.dumps(one(parser.parse_args(arguments).megapixels)))


if __name__ == "__main__":
    as_command(main)
