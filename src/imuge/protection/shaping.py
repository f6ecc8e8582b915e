"""How strongly a picture is protected: what of the payload more, what of the residual where.

    signs of the template · gain(blocks) ─► payload ─► residual
    residual ─► luminance · gain(local deviation) + chrominance · gain · share ─► shaped

The eye sees a pattern in a sky long before it sees one in grass, and colour speckle before either;
JPEG throws most of the chrominance away in any case. The message is what a copy is lost without,
and the fewer blocks there are to tell it, the more of them have to be read right.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array: TypeAlias = NDArray[np.float32]

SPREAD = 3.0  # frame pixels, of the Gaussian within which deviation is local
LUMINANCE = (0.299, 0.587, 0.114)  # JFIF
TEMPLATE = 1.2  # how strongly its signs are hidden in frames of MANY_BLOCKS and more; the code by 1
MANY_BLOCKS = 4096
FEWER = 1 / 8  # exponent, of how many times fewer there are: 1.43 in a frame of 256x256
STRONGEST = 1.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaping:
    """The curve of the gain over local deviation, a straight line between two ends."""

    flat: float = 0.62  # gain where nothing varies
    busy: float = 0.88  # gain from `level` on
    level: float = 6.0  # grey levels of local deviation
    chrominance: float = 0.5  # share of the gain that colour differences get


def template_gain(rows: int, columns: int) -> float:
    """How strongly the template, which carries the message, is hidden in so many blocks."""
    fewer = max(MANY_BLOCKS / (rows * columns), 1.0)
    return min(TEMPLATE * float(fewer**FEWER), STRONGEST)


def luminance(pixels: Array) -> Array:
    """The JFIF luminance (h, w) of (h, w, 3) RGB."""
    weighted: Array = pixels @ np.array(LUMINANCE, np.float32)
    return weighted


def local_deviation(plane: Array) -> Array:
    """Standard deviation around every pixel of (h, w), in a Gaussian window."""
    mean = ndimage.gaussian_filter(plane, SPREAD)
    square = ndimage.gaussian_filter(plane * plane, SPREAD)
    deviation: Array = np.sqrt(np.maximum(square - mean * mean, 0))
    return deviation


def shape(residual: Array, deviation: Array, shaping: Shaping) -> Array:
    """Weight a residual for the picture it is added to.

    Args:
        residual: (h, w, 3) float32 RGB, grey levels, on the frame.
        deviation: (h, w), `local_deviation` of the frame's luminance.
        shaping: The curve.
    """
    rise = (deviation / np.float32(shaping.level)).clip(0, 1)
    gain = np.float32(shaping.flat) + np.float32(shaping.busy - shaping.flat) * rise
    grey = luminance(residual)[..., None]
    weighted: Array = gain[..., None] * (grey + np.float32(shaping.chrominance) * (residual - grey))
    return weighted
