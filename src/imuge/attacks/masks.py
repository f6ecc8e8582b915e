"""Shapes of tampering: random masks of a wanted area, True where a picture is to change.

    blob     one or a few soft islands, as of a careless selection
    box      a rectangle, from half to twice as wide as tall
    ellipse  the same, round
    stroke   a brush drawn along a winding path
    banner   a wide box, for captions
    object   a body with parts that stick out, as of somebody cut out along the outline

Every shape but the boxes is the set of the n best pixels of a score, so its area is exact; a box
is the closest product of two whole numbers.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from imuge.errors import ConfigError

Mask: TypeAlias = NDArray[np.bool_]

BOX_ASPECT = (0.5, 2.0)  # width / height
BANNER_ASPECT = (3.0, 8.0)
LARGEST_AREA = 0.9
STROKE_SLENDERNESS = 8  # length of a stroke over its thickness


def draw_mask(
    shape_name: str, height: int, width: int, area: float, rng: np.random.Generator
) -> Mask:
    """Draw one random shape.

    Args:
        shape_name: One of `SHAPES`.
        height: Rows of the picture, in pixels.
        width: Columns of the picture, in pixels.
        area: Wanted fraction of the picture, above 0 and up to 0.9.
        rng: Source of the shape and its place; the same state gives the same mask.

    Returns:
        (height, width), True inside the shape: at least one pixel, its area within 10 % of the
        wanted one wherever that is 20 pixels or more.

    Raises:
        ConfigError: the shape is unknown, the area out of range or the size not positive.
    """
    if shape_name not in SHAPES:
        raise ConfigError(f"unknown shape {shape_name!r}; known are {', '.join(SHAPES)}")
    if not 0 < area <= LARGEST_AREA:
        raise ConfigError(f"expected an area above 0 and up to {LARGEST_AREA}, got {area}")
    if height < 1 or width < 1:
        raise ConfigError(f"expected a size of at least 1x1 pixels, got {width}x{height}")
    count = max(1, round(area * height * width))
    return SHAPES[shape_name](height, width, count, rng)


def _blob(height: int, width: int, count: int, rng: np.random.Generator) -> Mask:
    seeds = Image.fromarray(rng.standard_normal((5, 5)).astype(np.float32))
    return _lowest(np.asarray(seeds.resize((width, height), Image.Resampling.BICUBIC)), count)


def _ellipse(height: int, width: int, count: int, rng: np.random.Generator) -> Mask:
    aspect = np.exp(rng.uniform(*np.log(BOX_ASPECT)))
    half_height = np.sqrt(count / np.pi / aspect)
    half_width = half_height * aspect
    row = _centre(height, half_height, rng)
    column = _centre(width, half_width, rng)
    rows, columns = np.ogrid[:height, :width]
    distance = ((rows - row) / half_height) ** 2 + ((columns - column) / half_width) ** 2
    return _lowest(distance, count)


def _stroke(height: int, width: int, count: int, rng: np.random.Generator) -> Mask:
    length = np.sqrt(STROKE_SLENDERNESS * count)
    steps = max(2, int(2 * length))  # half a pixel each, so the path has no gaps
    turns = ndimage.gaussian_filter1d(rng.standard_normal(steps), steps / 16, mode="wrap")
    turns *= rng.uniform(2, 6) / (np.abs(turns).sum() + 1e-9)  # radians turned in all
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(turns)
    rows = rng.uniform(0, height) + np.cumsum(np.sin(heading)) * length / steps
    columns = rng.uniform(0, width) + np.cumsum(np.cos(heading)) * length / steps
    away = np.ones((height, width), dtype=np.bool_)
    away[fold(rows.astype(np.intp), height), fold(columns.astype(np.intp), width)] = False
    return _lowest(ndimage.distance_transform_edt(away), count)


def _box(height: int, width: int, count: int, rng: np.random.Generator) -> Mask:
    return _rectangle(height, width, count, BOX_ASPECT, rng)


def _banner(height: int, width: int, count: int, rng: np.random.Generator) -> Mask:
    return _rectangle(height, width, count, BANNER_ASPECT, rng)


def _rectangle(
    height: int, width: int, count: int, aspect: tuple[float, float], rng: np.random.Generator
) -> Mask:
    """Choose among the rectangles that fit, have about the area and, if any does, the aspect."""
    widths = np.arange(1, width + 1)
    heights = np.clip(np.rint(count / widths), 1, height).astype(np.intp)
    error = np.abs(widths * heights - count) / count
    good = error <= max(0.04, error.min())
    shapely = good & (widths >= aspect[0] * heights) & (widths <= aspect[1] * heights)
    chosen = rng.choice(np.flatnonzero(shapely if shapely.any() else good))
    top = rng.integers(height - heights[chosen] + 1)
    left = rng.integers(width - widths[chosen] + 1)
    mask = np.zeros((height, width), dtype=np.bool_)
    mask[top : top + heights[chosen], left : left + widths[chosen]] = True
    return mask


def _object(height: int, width: int, count: int, rng: np.random.Generator) -> Mask:
    """A trunk and four smaller ellipses around its rim, grown until the area is reached."""
    radius = np.sqrt(count / np.pi)
    row, column = _centre(height, radius, rng), _centre(width, radius, rng)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)

    def distance(down: float, right: float, tall: float, wide: float) -> NDArray[np.float32]:
        squares = ((rows - row - down) / tall) ** 2 + ((columns - column - right) / wide) ** 2
        return np.asarray(np.sqrt(squares), np.float32)

    score = distance(0, 0, 0.9 * radius, 0.6 * radius)
    for angle in rng.uniform(0, 2 * np.pi) + np.arange(4) * np.pi / 2 + rng.uniform(-0.4, 0.4, 4):
        away, tall, wide = rng.uniform(0.7, 1.1), rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.5)
        place = away * radius * np.sin(angle), away * radius * np.cos(angle)
        score = np.minimum(score, distance(*place, tall * radius, wide * radius))
    return _lowest(score, count)


def fold(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Reflect indices that leave 0..length-1 back into it, as between two mirrors."""
    phase: NDArray[np.intp] = np.mod(index, 2 * length)
    return np.minimum(phase, 2 * length - 1 - phase)


def _centre(length: int, half: float, rng: np.random.Generator) -> float:
    """Place a shape so that it lies inside, or in the middle where it cannot."""
    return rng.uniform(half, length - half) if 2 * half < length else length / 2


def _lowest(score: NDArray[np.floating], count: int) -> Mask:
    """Mark exactly the `count` pixels of the lowest score."""
    mask = np.zeros(score.size, dtype=np.bool_)
    mask[np.argpartition(score, count - 1, axis=None)[:count]] = True
    return mask.reshape(score.shape)


SHAPES: dict[str, Callable[[int, int, int, np.random.Generator], Mask]] = {
    "blob": _blob,
    "box": _box,
    "ellipse": _ellipse,
    "stroke": _stroke,
    "banner": _banner,
    "object": _object,
}
