"""The hidden copy: the whole picture as its code alone tells it, and what it says about identity.

    revealed code ─► gathered home ─► recoverer without any surroundings ─► hidden copy
                                                                              │ compare
    visible picture ──────────────────────────────────────────────────────────┘

The published picture and its hidden copy show the same thing. Where protection was moved to
another picture they do not, anywhere. The comparison is the correlation of 16x16 averages after
the local mean is taken out: changes of brightness, contrast and colour leave it alone, and two
unrelated pictures give about 0 however alike their skies are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.engine import Engine
from imuge.engine.canvas import BLOCK, Canvas
from imuge.protection.code import survived
from imuge.results import HiddenCopyCheck

CELL = 16  # pixels averaged on a side; finer detail of the code drowns in noise
WINDOW = 128  # pixels on a side of one sample
SAMPLED_SHARE = 4  # one in so many windows is rendered, for speed
FEWEST_WINDOWS, MOST_WINDOWS = 4, 64
LOCAL_CELLS = 5  # side of the neighbourhood whose mean is taken out
MOST_MASKED = 0.25  # a cell with more of it tampered is left out
FEWEST_CELLS = 24
# Set between what `python -m imuge.bench.transplants` finds on training pictures.
OWN_CORRELATION = 0.2
SAME_ANYWAY = 0.08  # mean difference, of 1, below which two plain pictures count as the same
# So much more where no code is left: what is rendered from holes differs, and is no other picture.
MISSING_CODE = 0.12
LEAST_TOLD = 0.4  # share of code left below which a hidden copy may agree and accuses nobody

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How far the hidden copy and the visible picture agree outside the tampered regions."""

    correlation: float | None  # None where too little untouched picture is left
    difference: float | None  # mean absolute difference of cells, of 1
    told: float = 1.0  # share of the blocks looked at whose code was left

    @property
    def check(self) -> HiddenCopyCheck:
        """Whether they show the same thing, or different things nearly everywhere."""
        if self.correlation is None or self.difference is None:
            return "not checked"
        if self.told < LEAST_TOLD:
            return "agrees" if self.correlation >= OWN_CORRELATION else "not checked"
        same_anyway = SAME_ANYWAY + MISSING_CODE * (1 - self.told)
        unlike = self.correlation < OWN_CORRELATION and self.difference > same_anyway
        return "disagrees" if unlike else "agrees"


def render(engine: Engine, image: Array, codes: Array) -> Array:
    """Render the hidden copy (3, H, W) in [0, 1] from gathered codes."""
    blind = np.ones((1, *image.shape[1:]), np.float32)
    return engine.recover(image, blind, codes).clip(0, 1)


def render_whole(engine: Engine, canvas: Canvas, codes: Array) -> Array:
    """Render the hidden copy on the frame, (h, w, 3) grey levels, from gathered codes."""
    rendered = render(engine, canvas.image, codes)[:, : canvas.height, : canvas.width]
    return np.ascontiguousarray(rendered.transpose(1, 2, 0)) * np.float32(255)


def compare(engine: Engine, image: Array, mask: NDArray[np.bool_], codes: Array) -> Comparison:
    """Compare hidden copy and visible picture on a sample of windows, least tampered first.

    Args:
        engine: The networks.
        image: (3, H16, W16), the received picture.
        mask: (H16, W16), True where tampered or outside the picture.
        codes: (26, h, w), gathered code.
    """
    hidden, visible, masked, told = [], [], [], []
    for top, left, height, width in _windows(mask):
        rows, columns = slice(top, top + height), slice(left, left + width)
        blocks = codes[
            :, top // BLOCK : (top + height) // BLOCK, left // BLOCK : (left + width) // BLOCK
        ]
        seen = image[:, rows, columns]
        told.append(survived(blocks).mean())
        copy = render(engine, seen, blocks)
        hidden.append(_detail(copy))
        visible.append(_detail(seen))
        masked.append(_cells(mask[None, rows, columns].astype(np.float32))[0].ravel())
    kept = np.concatenate(masked) <= MOST_MASKED
    if kept.sum() < FEWEST_CELLS:
        return Comparison(correlation=None, difference=None)
    (a, plain_a), (b, plain_b) = (
        tuple(np.concatenate(part, axis=1)[:, kept] for part in zip(*side, strict=True))
        for side in (hidden, visible)
    )
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    correlation = float((a * b).sum()) / spread if spread > 0 else 0.0
    return Comparison(
        correlation=correlation,
        difference=float(np.abs(plain_a - plain_b).mean()),
        told=float(np.mean(told)),
    )


def _windows(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Choose windows (top, left, height, width): the least tampered, spread over the picture."""
    height, width = mask.shape
    side = (min(WINDOW, height), min(WINDOW, width))
    tops = range(0, height - side[0] + 1, side[0])
    lefts = range(0, width - side[1] + 1, side[1])
    places = [(top, left, *side) for top in tops for left in lefts]
    count = min(len(places), max(FEWEST_WINDOWS, len(places) // SAMPLED_SHARE), MOST_WINDOWS)
    # A fixed shuffle before a stable sort spreads the equally clean windows over the picture.
    places = [places[i] for i in np.random.default_rng(0).permutation(len(places))]
    tampered = [mask[t : t + h, x : x + w].mean() for t, x, h, w in places]
    return [places[i] for i in np.argsort(tampered, kind="stable")[:count]]


def _cells(image: Array) -> Array:
    """Average over 16x16 pixels: (C, H, W) to (C, H/16, W/16)."""
    channels, height, width = image.shape
    split = image.reshape(channels, height // CELL, CELL, width // CELL, CELL)
    averages: Array = split.mean((2, 4))
    return averages


def _detail(image: Array) -> tuple[Array, Array]:
    """Cells without their local mean, and the cells themselves, each (3, number of cells)."""
    cells = _cells(image)
    local = cells - ndimage.uniform_filter(cells, (0, LOCAL_CELLS, LOCAL_CELLS))
    return local.reshape(3, -1), cells.reshape(3, -1)
