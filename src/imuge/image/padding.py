"""Pixels to the form the networks take, and back: float32, channels first, sides of 16.

    (H, W, 3) uint8  ──► reflect at the right and bottom ──►  (3, H16, W16) float32 in [0, 1]

What lies beyond the picture is not published, so whatever a network writes there is lost; the
canvas therefore says which blocks lie wholly inside.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imuge.image.picture import Samples

SIDE_MULTIPLE = 16
BLOCK = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A picture on the networks' grid.

    Attributes:
        image: (3, H16, W16) float32 RGB in [0, 1].
        height: Rows of the picture itself.
        width: Columns of the picture itself.
        judged: (H, W), True where a pixel is seen; what alpha hides is no evidence.
    """

    image: NDArray[np.float32]
    height: int
    width: int
    judged: NDArray[np.bool_]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of 8x8 blocks."""
        return self.image.shape[1] // BLOCK, self.image.shape[2] // BLOCK

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(rows, columns) of blocks: True where the whole block is part of the picture, and seen.

        Where no block is seen whole, all that are part of the picture count.
        """
        rows, columns = self.height // BLOCK, self.width // BLOCK
        whole = self.judged[: rows * BLOCK, : columns * BLOCK]
        seen = whole.reshape(rows, BLOCK, columns, BLOCK).all(axis=(1, 3))
        inside = np.zeros(self.grid, bool)
        inside[:rows, :columns] = seen if seen.any() else True
        return inside


def to_canvas(pixels: Samples, judged: NDArray[np.bool_] | None = None) -> Canvas:
    """Convert (H, W, 3) RGB of 8 or 16 bits, both sides 16 or more.

    Args:
        pixels: The picture.
        judged: (H, W), True where a pixel is seen; None means all.
    """
    height, width = pixels.shape[:2]
    below, right = -height % SIDE_MULTIPLE, -width % SIDE_MULTIPLE
    padded = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="reflect")
    image = np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)
    image /= np.iinfo(pixels.dtype).max
    seen = np.ones((height, width), bool) if judged is None else judged
    return Canvas(image=image, height=height, width=width, judged=seen)


def to_pixels(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round (3, H, W) float RGB to (H, W, 3) uint8; what lies outside [0, 1] is clipped."""
    return _rounded(image, 255).astype(np.uint8)


def to_samples(image: NDArray[np.float32], *, bits: int) -> Samples:
    """Round (3, H, W) float RGB to (H, W, 3) of 8 or 16 bits, as `to_pixels`."""
    return to_pixels(image) if bits == 8 else _rounded(image, 65535).astype(np.uint16)


def _rounded(image: NDArray[np.float32], white: int) -> NDArray[np.float32]:
    scaled = image * np.float32(white)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, white, out=scaled)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0))
