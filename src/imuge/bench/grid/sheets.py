"""Example sheets of the bench: what happened to a picture, side by side.

host | immunized | residual ten times | attacked | mask found | recovered
"""

from dataclasses import dataclass

import numpy as np

from imuge.bench.grid.cases import Case
from imuge.bench.grid.trials import Subject, restored
from imuge.bench.scores import Mask, f1, psnr_db
from imuge.report.overlay import COLOURS
from imuge.results import Pixels

GAIN = 10  # of the residual
TRUTH = (255, 255, 255)  # outline of what was really changed


@dataclass(frozen=True, slots=True)
class Sheet:
    """One case of one picture."""

    title: str
    pictures: tuple[tuple[str, Pixels], ...]  # caption and picture (H, W, 3)


def sheet(subject: Subject, case: Case, *, name: str) -> Sheet:
    """Everything that one case shows.

    Raises:
        ImugeError: the contestant cannot do it.
    """
    contestant = subject.contestant
    published = subject.published(case.strength)
    received, true = subject.forged(case)
    finding = contestant.examine(received, published.secret)
    shown = finding.at_size(subject.size)
    pictures = [
        ("photograph", subject.original),
        (f"immunized, {psnr_db(subject.original, published.pixels):.1f} dB", published.pixels),
        (f"the change, {GAIN} times", residual(subject.original, published.pixels)),
        ("as it came back", received),
        (
            f"found (red), true outline (white), F1 {f1(shown.mask, true):.3f}",
            marked(shown.received, shown.mask, true),
        ),
    ]
    if contestant.restores:
        recovered = restored(subject, finding, finding.mask)
        before, after = (psnr_db(subject.original, p, true) for p in (shown.received, recovered))
        pictures.append((f"recovered, {before:.1f} to {after:.1f} dB in the area", recovered))
    return Sheet(f"{name}: {case}", tuple(pictures))


def residual(before: Pixels, after: Pixels) -> Pixels:
    """The difference, enlarged `GAIN` times around mid-grey."""
    change = GAIN * (after.astype(np.int16) - before)
    enlarged: Pixels = np.clip(128 + change, 0, 255).astype(np.uint8)
    return enlarged


def marked(picture: Pixels, found: Mask, true: Mask) -> Pixels:
    """The picture in grey with the found mask tinted and the true one outlined."""
    grey = np.repeat(picture.mean(2, keepdims=True), 3, axis=2)
    tinted = np.where(found[..., None], 0.4 * grey + 0.6 * np.array(COLOURS["changed"]), grey)
    tinted[outline(true)] = TRUTH
    rounded: Pixels = tinted.round().astype(np.uint8)
    return rounded


def outline(mask: Mask) -> Mask:
    """Pixels of a mask next to one outside it, two pixels wide."""
    padded = np.pad(mask, 2, mode="edge")
    inner = mask.copy()
    height, width = mask.shape
    for down, right in ((0, 2), (4, 2), (2, 0), (2, 4)):
        inner &= padded[down : down + height, right : right + width]
    edge: Mask = mask & ~inner
    return edge
