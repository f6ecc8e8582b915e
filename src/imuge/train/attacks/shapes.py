"""The shapes of tampering that training draws from, made once and kept on the device.

    blob     the highest hills of a random landscape, from a few large to many small islands
    box      a rectangle, from 0.4 to 2.5 times as wide as tall
    boxes    two to five of them
    ellipse  a box, round
    stroke   a brush drawn along a winding path
    banner   a wide box

Areas follow one law: half of the masks log-uniform from 0.2 % to 50 % of the picture, the other
half uniform. So one mask in four is under 3 % and two in five above 20 %: small tampering is
learned as well as what one recovers from large. Only numpy and Pillow; the shapes users get
(`imuge.attacks.masks`) need scipy, which training machines lack.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from imuge.train.attacks.overlays import draw_overlay

Mask: TypeAlias = NDArray[np.bool_]
Score: TypeAlias = NDArray[np.float32]

SMALLEST_AREA = 0.002
LARGEST_AREA = 0.5
SMALLEST_SIDE = 64  # pixels; on less, copy-move finds no content far enough away
BLOB_GRIDS = (3, 4, 5, 6, 8, 10, 12)
STROKE_SLENDERNESS = 8  # length of a stroke over its thickness
STROKE_STEPS = 48
MASKS_PER_OVERLAY = 4


@dataclass(frozen=True, slots=True)
class ShapeBank:
    """Masks and overlays for square pictures of one size, both sorted by area."""

    masks: Tensor  # (N, 1, side, side) bool, True where tampered
    areas: Tensor  # (N,) float, fraction of the picture, ascending
    overlays: Tensor  # (M, 4, side, side) uint8 RGBA, not premultiplied
    overlay_areas: Tensor  # (M,) float, fraction where alpha is above 0, ascending

    @property
    def side(self) -> int:
        """Height and width of the pictures, in pixels."""
        return self.masks.shape[-1]

    @classmethod
    def build(
        cls, side: int, *, count: int = 768, seed: int = 0, device: torch.device | str = "cpu"
    ) -> "ShapeBank":
        """Draw the masks, and one overlay to every four of them.

        Args:
            side: Height and width of the pictures, at least 64 pixels.
            count: Number of masks, 1 or more; a mask takes side² bytes, an overlay four times that.
            seed: The same seed gives the same bank.
            device: Where the tensors shall lie.

        Raises:
            ValueError: the side or the count is too small.
        """
        if side < SMALLEST_SIDE or count < 1:
            raise ValueError(
                f"expected a side of at least {SMALLEST_SIDE} pixels and one mask or more, "
                f"got side {side} and count {count}"
            )
        rng = np.random.default_rng(seed)
        drawers = tuple(SHAPES.values())
        masks = np.stack(
            [
                drawers[number % len(drawers)](side, round(area * side * side), rng)
                for number, area in enumerate(draw_areas(count, rng))
            ]
        )
        number_of_overlays = -(-count // MASKS_PER_OVERLAY)
        overlays = np.stack([draw_overlay(side, rng) for _ in range(number_of_overlays)])
        mask_areas, overlay_areas = _areas(masks), _areas(overlays[:, 3] > 0)
        mask_order, overlay_order = np.argsort(mask_areas), np.argsort(overlay_areas)
        return cls(
            masks=torch.from_numpy(masks[mask_order, None]).to(device),
            areas=torch.from_numpy(mask_areas[mask_order]).to(device),
            overlays=torch.from_numpy(overlays[overlay_order]).to(device),
            overlay_areas=torch.from_numpy(overlay_areas[overlay_order]).to(device),
        )


def draw_areas(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw areas by the law above, one from each of `count` equal slices, in random order."""
    place = (rng.permutation(count) + rng.random(count)) / count
    lower, upper = 2 * place, 2 * place - 1  # the first half of the slices, the second half
    logarithmic = SMALLEST_AREA * (LARGEST_AREA / SMALLEST_AREA) ** lower
    uniform = SMALLEST_AREA + (LARGEST_AREA - SMALLEST_AREA) * upper
    return np.where(place < 0.5, logarithmic, uniform)


def _areas(covered: Mask) -> NDArray[np.float32]:
    areas: NDArray[np.float32] = covered.mean(axis=(1, 2), dtype=np.float32)
    return areas


def _blob(side: int, pixels: int, rng: np.random.Generator) -> Mask:
    grid = int(rng.choice(BLOB_GRIDS))
    hills = Image.fromarray(rng.standard_normal((grid, grid)).astype(np.float32))
    return _lowest(np.asarray(hills.resize((side, side), Image.Resampling.BICUBIC)), pixels)


def _box(side: int, pixels: int, rng: np.random.Generator) -> Mask:
    return _lowest(_box_score(side, pixels, (0.4, 2.5), rng), pixels)


def _boxes(side: int, pixels: int, rng: np.random.Generator) -> Mask:
    number = int(rng.integers(2, 6))
    shares = rng.uniform(0.3, 1, number)
    parts = np.maximum(4, pixels * shares / shares.sum())
    scores = [_box_score(side, part, (0.4, 2.5), rng) for part in parts]
    # Where boxes overlap, all of them grow until the area is right.
    return _lowest(np.minimum.reduce(scores), pixels)


def _banner(side: int, pixels: int, rng: np.random.Generator) -> Mask:
    return _lowest(_box_score(side, pixels, (3, 8), rng), pixels)


def _ellipse(side: int, pixels: int, rng: np.random.Generator) -> Mask:
    rows, columns = _axes(side, pixels * 4 / np.pi, (0.4, 2.5), rng)
    return _lowest(rows[:, None] ** 2 + columns**2, pixels)


def _stroke(side: int, pixels: int, rng: np.random.Generator) -> Mask:
    length = np.sqrt(STROKE_SLENDERNESS * pixels)
    bends = np.convolve(rng.standard_normal(STROKE_STEPS), np.hanning(11), mode="same")
    bends *= rng.uniform(2, 6) / (np.abs(bends).sum() + 1e-9)  # radians turned in all
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(bends)
    steps = np.stack([np.sin(heading), np.cos(heading)]) * length / STROKE_STEPS
    path = rng.uniform(0, side, (2, 1)) + np.cumsum(steps, axis=1)
    # Reflected at the border, so that the whole stroke lies in the picture.
    rows, columns = side - np.abs(np.mod(path, 2 * side) - side)
    return _lowest(_distance(side, rows, columns), pixels)


def _distance(side: int, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Score:
    """Squared distance of every pixel to the nearest of a few points.

    Measured at every other pixel and enlarged: a quarter of the work, and no edge shows it.
    """
    half = (side + 1) // 2
    places = (np.arange(half, dtype=np.float32) + 0.5) * side / half
    down = (places - rows[:, None].astype(np.float32)) ** 2
    across = (places - columns[:, None].astype(np.float32)) ** 2
    nearest = np.full((half, half), np.inf, dtype=np.float32)
    for vertical, horizontal in zip(down, across, strict=True):
        np.minimum(nearest, vertical[:, None] + horizontal, out=nearest)
    enlarged = Image.fromarray(nearest).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(enlarged)


def _box_score(
    side: int, pixels: float, aspect: tuple[float, float], rng: np.random.Generator
) -> Score:
    """Distance from the middle of a random box, 1 on its border."""
    rows, columns = _axes(side, pixels, aspect, rng)
    return np.maximum(np.abs(rows)[:, None], np.abs(columns))


def _axes(
    side: int, pixels: float, aspect: tuple[float, float], rng: np.random.Generator
) -> tuple[Score, Score]:
    """Place a box and count rows and columns from its middle, in halves of its size."""
    wide = np.exp(rng.uniform(*np.log(aspect)))
    half_height = min(side, max(np.sqrt(pixels / wide), pixels / side)) / 2
    half_width = min(side, pixels / (2 * half_height)) / 2
    row, column = (
        rng.uniform(half, side - half) if 2 * half < side else side / 2
        for half in (half_height, half_width)
    )
    places = np.arange(side, dtype=np.float32) + np.float32(0.5)
    return (places - np.float32(row)) / np.float32(half_height), (
        places - np.float32(column)
    ) / np.float32(half_width)


def _lowest(score: Score, pixels: int) -> Mask:
    """Mark the pixels of the lowest score: as many as asked, or a whole row of a box more."""
    pixels = max(1, pixels)
    highest = np.partition(score, pixels - 1, axis=None)[pixels - 1]
    mask: Mask = score <= highest
    return mask


SHAPES: dict[str, Callable[[int, int, np.random.Generator], Mask]] = {
    "blob": _blob,
    "box": _box,
    "ellipse": _ellipse,
    "stroke": _stroke,
    "boxes": _boxes,
    "banner": _banner,
}
