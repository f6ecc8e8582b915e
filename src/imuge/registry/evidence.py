"""The evidence kept beside a record: reference grid, perceptual hash, thumbnail.

The *reference grid* is a picture of 64x64 luminance averages of the frame, taken at publication.
Whoever embeds a picture's protection again over an edit makes the marks agree; the grid still
shows what was published. It is compared after fitting a smooth curve of tones, because re-saving,
contrast, brightness and gamma are no edits.

PDQ (Facebook's perceptual hash, 256 bits) *finds* records of copies without mark or key. It never
decides: pictures made to collide are cheap.
"""

import io
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imuge.errors import ConfigError, to_install
from imuge.registry.records import GRID_SIDE, Evidence

THUMBNAIL_SIDE = 256
MIN_CELLS = 256  # of 4096: below that a gain and an offset fit nearly anything
_LUMINANCE = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601, as JPEG
_MIDDLE = 127.5  # grey levels; the curve's variable is -1 at black and 1 at white
_STIFFNESS = (0.0, 1e-6, 1e-3)  # against offset, slope and bend, as shares of the cells' weight
# Grey levels from which a cell counts for little: an edit must not bend the curve. Narrower in
# rounds, since the first curve is none.
_WIDTHS = (40.0, 30.0, 20.0, 14.0, 10.0, 6.0, 6.0, 6.0)
_SLOPES = (0.4, 2.5)  # near 0 every picture would fit every other, as a flat one
_MOST_CUT = 80.0  # grey levels beyond the ends, a gain of 1.3: more would excuse too much
_CLIPPED = (3, 252)  # cells at the ends say nothing of the curve


@dataclass(frozen=True, slots=True, kw_only=True)
class GridComparison:
    """How far a copy's frame is from the reference kept at publication.

    `difference` is (64, 64), in grey levels of 255 after the fit, each the mean of its 3x3
    neighbours; NaN where the copy does not show that place.
    """

    difference: NDArray[np.float32] = field(repr=False)
    maximum: float  # grey levels; of the absolute difference
    curve: tuple[float, float, float]  # copy ≈ reference + a + b·t + c·t², t = reference/127.5 - 1
    cells: int  # compared, of 4096

    def share_above(self, threshold: float) -> float:
        """The share of compared cells that differ by more than `threshold` grey levels."""
        seen = np.isfinite(self.difference)
        return float(np.mean(np.abs(self.difference[seen]) > threshold))


def reference_grid(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average the luminance of a frame over 64x64 cells.

    Args:
        frame: (H, W, 3) uint8 RGB, the whole frame, upright.

    Returns:
        (64, 64) uint8. Cells that share a pixel take their part of it.
    """
    rows, columns = (_shares(side) for side in frame.shape[:2])
    averages = rows @ (frame.astype(np.float32) @ _LUMINANCE) @ columns.T
    grid: NDArray[np.uint8] = np.clip(np.rint(averages), 0, 255).astype(np.uint8)
    return grid


def compare_grids(
    reference: NDArray[np.uint8],
    copy: NDArray[np.uint8],
    seen: NDArray[np.bool_] | None = None,
) -> GridComparison | None:
    """Compare a copy's grid with the one recorded.

    Args:
        reference: (64, 64) uint8, as `reference_grid` made it at publication.
        copy: (64, 64) uint8, of the copy aligned to the same frame.
        seen: (64, 64), True for the cells that the copy shows whole; None for all.

    Returns:
        The comparison; None where fewer than 256 cells can be compared.
    """
    usable = np.ones(reference.shape, bool) if seen is None else seen
    if np.count_nonzero(usable) < MIN_CELLS:
        return None
    wanted, given = reference.astype(np.float64), copy.astype(np.float64)
    curve = _fit(wanted[usable], given[usable])
    low, high = _expected(wanted, curve)
    difference = np.where(usable, given - np.clip(given, low, high), 0.0)
    smooth = _mean_3x3(difference) / np.maximum(_mean_3x3(usable.astype(np.float64)), 1e-9)
    return GridComparison(
        difference=np.where(usable, smooth, np.nan).astype(np.float32),
        maximum=float(np.max(np.abs(smooth[usable]))),
        curve=curve,
        cells=int(np.count_nonzero(usable)),
    )


def perceptual_hash(pixels: NDArray[np.uint8]) -> tuple[bytes, int]:
    """Hash a picture with PDQ.

    Args:
        pixels: (H, W, 3) uint8 RGB, upright.

    Returns:
        32 bytes, and PDQ's quality 0..100; below 50 the picture is too plain to be found by it.

    Raises:
        ConfigError: pdqhash is not installed.
    """
    try:
        import pdqhash
    except ImportError as error:
        raise ConfigError(
            f"the registry needs pdqhash, which is not installed; run: {to_install('registry')}"
        ) from error
    bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
    return np.packbits(np.asarray(bits, np.uint8)).tobytes(), int(quality)


def thumbnail_of(pixels: NDArray[np.uint8], side: int = THUMBNAIL_SIDE) -> bytes:
    """Make a small WebP, its longer side at most `side` pixels, without any metadata."""
    small = Image.fromarray(pixels)
    small.thumbnail((side, side))
    out = io.BytesIO()
    small.save(out, "WEBP", quality=70)
    return out.getvalue()


def gather_evidence(
    pixels: NDArray[np.uint8], frame: NDArray[np.uint8], *, thumbnail: bool = False
) -> Evidence:
    """Take from a published picture what its record keeps.

    Args:
        pixels: (H, W, 3) uint8 RGB, as published.
        frame: (h, w, 3) uint8 RGB, the frame of these pixels.
        thumbnail: Whether a small picture is kept, to be shown to whoever may see the record.

    Raises:
        ConfigError: pdqhash is not installed.
    """
    pdq, quality = perceptual_hash(pixels)
    return Evidence(
        pdq=pdq,
        pdq_quality=quality,
        grid=reference_grid(frame).tobytes(),
        thumbnail=thumbnail_of(pixels) if thumbnail else None,
    )


def _shares(side: int) -> NDArray[np.float32]:
    """How much of each pixel of a side falls into each cell: (64, side), rows that sum to 1.

    Pillow's box filter takes whole pixels only, and cells then shift with the picture's size.
    """
    edges = np.arange(GRID_SIDE + 1) * (side / GRID_SIDE)
    pixels = np.arange(side)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    shares: NDArray[np.float32] = (np.maximum(high - low, 0) * GRID_SIDE / side).astype(np.float32)
    return shares


def _fit(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float, float]:
    """The curve that takes one grid's tones to the other's, held by the cells that agree on one.

    Least squares with weights that fall with a cell's distance (Geman and McClure), in rounds.
    """
    level = before / _MIDDLE - 1
    terms = np.stack([np.ones_like(level), level, level**2])
    change = after - before
    inside = (after > _CLIPPED[0]) & (after < _CLIPPED[1])
    if np.count_nonzero(inside) < MIN_CELLS // 2:
        inside[:] = True
    curve = np.array((np.median(change[inside]), 0.0, 0.0))
    for width in _WIDTHS:
        weight = inside / (1 + ((curve @ terms - change) / width) ** 2) ** 2
        stiff = np.diag(_STIFFNESS) * weight.sum()
        curve = np.linalg.solve((weight * terms) @ terms.T + stiff, (weight * terms) @ change)
    offset, slope, bend = _within(curve, weight, level, change)
    return offset, slope, bend


def _within(
    curve: NDArray[np.float64],
    weight: NDArray[np.float64],
    level: NDArray[np.float64],
    change: NDArray[np.float64],
) -> tuple[float, float, float]:
    """The curve with its slope in bounds at both ends, and the offset that goes with it."""
    low, high = ((bound - 1) * _MIDDLE for bound in _SLOPES)
    at_black = float(np.clip(curve[1] - 2 * curve[2], low, high))
    at_white = float(np.clip(curve[1] + 2 * curve[2], low, high))
    slope, bend = (at_black + at_white) / 2, (at_white - at_black) / 4
    left = change - slope * level - bend * level**2
    return float(np.average(left, weights=weight)), slope, bend


def _expected(
    wanted: NDArray[np.float64], curve: tuple[float, float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which values an honest copy's cells lie.

    Where the curve leaves 0..255 single pixels were cut off, which takes from their cell's average
    as much as its texture has it. What a pixel loses grows from nothing at black to `over` at
    white and bends upwards, so a cell of average m loses at most over·m/255; of the darks the same.
    """
    toned = _toned(wanted, curve)
    inside = np.clip(toned, 0, 255)
    black, white = _toned(np.array((0.0, 255.0)), curve)
    over = min(max(white - 255, 0.0), _MOST_CUT)
    under = min(max(-black, 0.0), _MOST_CUT)
    low = np.minimum(inside, toned - over * wanted / 255)
    high = np.maximum(inside, toned + under * (1 - wanted / 255))
    return low, high


def _toned(values: NDArray[np.float64], curve: tuple[float, float, float]) -> NDArray[np.float64]:
    level = values / _MIDDLE - 1
    return values + curve[0] + curve[1] * level + curve[2] * level**2


def _mean_3x3(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, 1)
    height, width = values.shape
    shifts = [padded[i : i + height, j : j + width] for i in range(3) for j in range(3)]
    mean: NDArray[np.float64] = np.mean(shifts, axis=0)
    return mean
