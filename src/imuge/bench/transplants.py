"""How well content tells a picture's own protection from one that was moved there.

The bound between the two is in the release's record: half of the least likeness of any untouched
copy in calibration. Here it is tried on pictures that were moved, half replaced and re-lit.

    python -m imuge.bench.transplants --data ../shared/data/train
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy import ndimage

from imuge.attacks.resave import parse_chain, resave
from imuge.bench.command import as_command
from imuge.bench.pictures import SIDE, photographs
from imuge.guard import Guard
from imuge.keys import new_key
from imuge.results import Pixels


def own(published: Pixels, other: Pixels) -> Iterator[tuple[str, Pixels]]:
    """What may happen to a picture that keeps its own protection."""
    half = published.copy()
    half[: len(half) // 2] = other[: len(half) // 2]
    yield "own", published
    for chain in ("jpeg:70", "jpeg:50", "brightness:1.2", "gamma:1.4"):
        yield f"own, {chain}", resave(published, parse_chain(chain))
    yield "own, half replaced", half
    yield "own, half replaced, jpeg:70", resave(half, parse_chain("jpeg:70"))


def moved(original: Pixels, published: Pixels, other: Pixels) -> Iterator[tuple[str, Pixels]]:
    """The protection of one picture added to another: known exactly, or estimated by a median."""
    median = ndimage.median_filter(published, (3, 3, 1))
    for name, source in (("moved", original), ("moved, estimated", median)):
        residual = published.astype(np.int16) - source
        transplant = (other + residual).clip(0, 255).astype(np.uint8)
        yield name, transplant
        yield f"{name}, jpeg:70", resave(transplant, parse_chain("jpeg:70"))


def main(arguments: list[str] | None = None) -> None:
    """Print the spread of likeness, and the verdicts, for every case."""
    parser = argparse.ArgumentParser(description="Own protection against moved protection.")
    parser.add_argument("--data", type=Path, required=True, help="folder of training pictures")
    parser.add_argument("--pictures", type=int, default=40)
    options = parser.parse_args(arguments)
    pictures = photographs(options.data, side=SIDE, count=options.pictures)
    guard = Guard(new_key("transplants"))
    correlations: dict[str, list[float]] = defaultdict(list)
    verdicts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    console = Console(stderr=True)
    for i in track(range(len(pictures)), "measuring", console=console):
        original, other = pictures[i].pixels, pictures[i - 1].pixels
        published = guard.immunize(original).image
        for name, received in (*own(published, other), *moved(original, published, other)):
            verdict = guard.verify(received, recover=False)
            verdicts[name][verdict.verdict] += 1
            if verdict.hidden_copy_agreement is not None:
                correlations[name].append(verdict.hidden_copy_agreement)
    sys.stdout.write("| case | least | median | most | verdicts |\n|---|---|---|---|---|\n")
    for name, values in correlations.items():
        least, middle, most = np.quantile(values, (0, 0.5, 1))
        counts = ", ".join(f"{finding} {count}" for finding, count in verdicts[name].items())
        sys.stdout.write(f"| {name} | {least:.2f} | {middle:.2f} | {most:.2f} | {counts} |\n")


if __name__ == "__main__":
    as_command(main)
