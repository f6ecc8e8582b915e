"""Tone: how a copy's brightness and contrast differ from what was published.

    hidden copy, untouched blocks ─┐
                                   ├─ robust lines ─► one gain, an offset of each channel
    copy,        untouched blocks ─┘

The code tells of the tones that were published. Where a copy was made brighter since, a
reconstruction in those tones would stand out like a patch, and the recoverer, which sees the copy
around it, is misled. So it is shown the copy in the published tones, and what it renders is brought
to the copy's. The lines are fitted through all untouched blocks: a ring around a change tells no
more and may be small. A gain for each channel tells no more either, and may tint what is white.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.engine.canvas import BLOCK, Canvas
from imuge.protection.code import HiddenCode, erased_blocks, survived

Array: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

FEWEST_BLOCKS = 64  # untouched, below which tones are taken to be those published
GAINS = (0.5, 2.0)  # what is fitted at most
FLAT = 50.0  # variance, squared grey levels, at which a gain is half believed
ROUNDS = 4  # of the robust fit
OUTLIER = 2.5  # standard deviations from which a block is left out
LEAST_RESIDUAL = 1.0  # grey level, that never makes an outlier


@dataclass(frozen=True, slots=True)
class Tone:
    """What was done to the tones of what was published: grey level y = gain · x + offset."""

    gain: np.float32  # of all channels
    offset: Array  # (3,), grey levels

    def undone(self, image: Array) -> Array:
        """A copy (3, H, W) in [0, 1] in the tones that were published."""
        published: Array = ((image - self._offset) / self.gain).clip(0, 1)
        return published

    def applied(self, image: Array) -> Array:
        """What was published, (3, H, W) in [0, 1], in the tones of the copy; not clamped."""
        toned: Array = self.gain * image + self._offset
        return toned

    @property
    def _offset(self) -> Array:
        return self.offset[:, None, None] / np.float32(255)


AS_PUBLISHED = Tone(np.float32(1), np.zeros(3, np.float32))


def tone_of(canvas: Canvas, hidden_copy: Array, code: HiddenCode, wide: Mask) -> Tone:
    """Compare a copy with its hidden copy where nothing was changed.

    Args:
        canvas: The copy on its frame.
        hidden_copy: (h, w, 3), grey levels, rendered on the frame.
        code: As `find_code` gathered it.
        wide: (H16, W16), True where the copy is not to be trusted, as `widen` gives it.
    """
    erased = erased_blocks(wide)
    down, across = canvas.height // BLOCK, canvas.width // BLOCK
    known = (canvas.inside & (erased[0] == 0) & survived(code.without(erased)))[:down, :across]
    if known.sum() < FEWEST_BLOCKS:
        return AS_PUBLISHED
    seen = _block_means(canvas.image.transpose(1, 2, 0) * np.float32(255), known)
    told = _block_means(hidden_copy, known)
    return _fitted(told, seen)


def _block_means(picture: Array, known: Mask) -> Array:
    """Means of the known blocks (n, 3) of a picture (h, w, 3)."""
    down, across = known.shape
    whole = picture[: down * BLOCK, : across * BLOCK]
    means: Array = whole.reshape(down, BLOCK, across, BLOCK, 3).mean((1, 3))[known]
    return means


def _fitted(told: Array, seen: Array) -> Tone:
    """The tone that makes one of two lists of block means (n, 3) the other, without outliers."""
    kept = np.ones(told.shape, np.float32)
    tone = AS_PUBLISHED
    for _ in range(ROUNDS):
        count = kept.sum(0)
        mean_told, mean_seen = (kept * told).sum(0) / count, (kept * seen).sum(0) / count
        x, y = told - mean_told, seen - mean_seen
        together, varied = ((kept * x * part).sum(0) / count for part in (y, x))
        gain = (together.sum() + FLAT) / (varied.sum() + FLAT)
        gain = np.float32(gain.clip(*GAINS))
        tone = Tone(gain, mean_seen - gain * mean_told)
        residual = np.abs(seen - gain * told - tone.offset)
        spread = np.median(residual, 0) / np.float32(0.6745)
        kept = (residual <= OUTLIER * spread + LEAST_RESIDUAL).astype(np.float32)
    return tone
