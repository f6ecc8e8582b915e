"""Fine alignment: once the message is read the whole template is known, and tells where blocks are.

    agreement with the template, at the placement and half a pixel to each side
        └─► per window: a parabola's peak ─► displacement ─► robust affine fit ─► placement

The waves place a part to a few tenths of a frame pixel; that is enough to read it and too little to
judge it. Tampered windows agree at no shift and have no say.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.engine.canvas import BLOCK, Canvas
from imuge.protection.placement import Placement, apart

Array: TypeAlias = NDArray[np.float32]
Numbers: TypeAlias = NDArray[np.float64]
Revealed: TypeAlias = tuple[Canvas, Array]

STEP = 0.5  # frame pixels to each side
LARGEST = 0.8  # frame pixels, of one window's correction
GRID = 6  # windows on a side, half overlapping
FEWEST_BLOCKS = 24  # of a window
FEWEST_WINDOWS = 4
ROUNDS = 2
CLOSE = 0.2  # frame pixels at the corners after which no second round is worth its time
CLAMP = 1.5  # a revealed sign counts up to this
PULL = 0.35  # frame pixels at the corners, of stretch and shear that rounding may leave


@dataclass(frozen=True, slots=True)
class _Windows:
    """Local corrections: where (N, 2) in frame pixels, by how much (N, 2), how surely (N,)."""

    centres: Numbers
    moved: Numbers
    sure: Numbers


def fine_aligned(
    placement: Placement, expected: Array, reveal: Callable[[Placement], Revealed]
) -> Placement:
    """Correct a placement by the template.

    Args:
        placement: Right to about half a frame pixel.
        expected: (channels, h, w) of ±1, on the frame's blocks that `reveal` shows.
        reveal: Brings the copy to those blocks under a placement: the canvas, and the revealed
            template in the same channels.

    Returns:
        The placement under which the template agrees best; the one given where no other is better.
    """
    best, agreed = placement, _agreement(*reveal(placement), expected)
    for _ in range(ROUNDS):
        around = [
            [
                _agreement(*reveal(best.moved(sign * STEP * x, sign * STEP * y)), expected)
                for sign in (-1, 1)
            ]
            for x, y in ((1, 0), (0, 1))
        ]
        windows = _corrections(agreed, around)
        if windows is None:
            break
        better = _fitted(best, windows)
        now = _agreement(*reveal(better), expected)
        if np.nanmean(now) <= np.nanmean(agreed):
            break
        moved = apart(better, best)
        best, agreed = better, now
        if moved < CLOSE:
            break
    return best


def _agreement(canvas: Canvas, signs: Array, expected: Array) -> Array:
    """(h, w): how far a block's signs are the expected ones; NaN where it is not there."""
    per_block: Array = (signs.clip(-CLAMP, CLAMP) * expected).mean(0)
    per_block[~canvas.inside] = np.nan
    return per_block


def _corrections(agreed: Array, around: list[list[Array]]) -> _Windows | None:
    """The peak of a parabola through three agreements along each axis, in every window."""
    rows, columns = agreed.shape
    height, width = max(3, 2 * rows // (GRID + 1)), max(3, 2 * columns // (GRID + 1))
    centres, moved, sure = [], [], []
    for top in range(0, rows - height + 1, max(1, height // 2)):
        for left in range(0, columns - width + 1, max(1, width // 2)):
            window = (slice(top, top + height), slice(left, left + width))
            there = ~np.isnan(agreed[window])
            for pair in around:
                there &= ~np.isnan(pair[0][window]) & ~np.isnan(pair[1][window])
            if there.sum() < FEWEST_BLOCKS:
                continue
            middle = float(agreed[window][there].mean())
            peaks, bends = [], []
            for before, after in around:
                low, high = (float(side[window][there].mean()) for side in (before, after))
                bend = low - 2 * middle + high
                bends.append(-bend)
                peaks.append(STEP * 0.5 * (low - high) / bend if bend < 0 else 0.0)
            if min(bends) <= 0 or max(abs(peak) for peak in peaks) > LARGEST:
                continue
            centres.append(((left + width / 2) * BLOCK, (top + height / 2) * BLOCK))
            moved.append(peaks)
            # The standard deviation of a peak falls with the bend and the root of the blocks.
            sure.append(min(bends) * np.sqrt(there.sum()))
    if len(centres) < FEWEST_WINDOWS:
        return None
    return _Windows(np.array(centres), np.array(moved), np.array(sure))


def _fitted(placement: Placement, windows: _Windows) -> Placement:
    """Add the affine correction that most windows agree on."""
    centres, moved = windows.centres, windows.moved
    middle = centres.mean(0)
    spread = max(float(np.ptp(centres, axis=0).max()), 1.0)
    plain = (centres - middle) / spread
    slopes = np.zeros((len(plain), 2, 6))
    slopes[:, 0, :2] = slopes[:, 1, 3:5] = plain
    slopes[:, 0, 2] = slopes[:, 1, 5] = 1
    pull = np.array([[1, 0, 0, 0, -1, 0], [0, 1, 0, 1, 0, 0]]) / PULL
    trust = windows.sure**2
    change = np.zeros(6)
    for _ in range(8):
        root = np.sqrt(trust / trust.mean())[:, None]
        noise = max(1.5 * float(np.median(np.linalg.norm(moved - slopes @ change, axis=1))), 0.05)
        rows = np.vstack([(slopes * root[..., None]).reshape(-1, 6) / noise, pull])
        wanted = np.concatenate([(moved * root).ravel() / noise, np.zeros(2)])
        change = np.linalg.lstsq(rows, wanted, rcond=None)[0]
        errors = np.linalg.norm(moved - slopes @ change, axis=1)
        trust = windows.sure**2 / (1 + (errors / noise) ** 2) ** 2
    linear = change.reshape(2, 3)[:, :2] / spread
    shift = change.reshape(2, 3)[:, 2] - linear @ middle
    # The correction is a function of the frame's position: F + L F + s.
    return replace(
        placement,
        matrix=placement.matrix + linear @ placement.matrix,
        offset=placement.offset + linear @ placement.offset + shift,
    )
