"""Pixels to the form the networks take, and back: float32, channels first, sides of 16.

    (H, W, 3) in 0..255 ──► reflect at the right and bottom ──► (3, H16, W16) float32 in [0, 1]

What lies beyond the picture is not published, so whatever a network writes there is lost; and a
part of a picture shows only some of it. The canvas therefore says which blocks are wholly there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE_MULTIPLE = 16  # pixels: what the networks halve must come out even
BLOCK = 8  # pixels on a side of a block, which carries one column of the payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A picture on the networks' grid.

    Attributes:
        image: (3, H16, W16) float32 RGB in [0, 1].
        height: Rows of the picture itself.
        width: Columns of the picture itself.
        shown: (H, W), True where there is a picture to look at; elsewhere it was filled in. None
            where all of it is there.
    """

    image: NDArray[np.float32]
    height: int
    width: int
    shown: NDArray[np.bool_] | None = None

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of 8x8 blocks."""
        return self.image.shape[1] // BLOCK, self.image.shape[2] // BLOCK

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of `image`, multiples of 16, that hold all that is there to look at.

        Networks look at no more of a part: what was filled in around it, however smooth, reads as
        a change. A picture's border they know.
        """
        whole = (slice(0, self.image.shape[1]), slice(0, self.image.shape[2]))
        if self.shown is None or not self.shown.any():
            return whole
        sides = []
        for axis, limit in zip((1, 0), self.image.shape[1:], strict=True):
            there = np.flatnonzero(self.shown.any(axis))
            first = int(there[0]) // SIDE_MULTIPLE * SIDE_MULTIPLE
            last = -(-(int(there[-1]) + 1) // SIDE_MULTIPLE) * SIDE_MULTIPLE
            sides.append(slice(first, min(last, limit)))
        return sides[0], sides[1]

    @property
    def window_blocks(self) -> tuple[slice, slice]:
        """The window's rows and columns of 8x8 blocks."""
        rows, columns = (slice(side.start // BLOCK, side.stop // BLOCK) for side in self.window)
        return rows, columns

    @property
    def window_image(self) -> NDArray[np.float32]:
        """The window of `image`, as networks take it."""
        rows, columns = self.window
        return np.ascontiguousarray(self.image[:, rows, columns])

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(rows, columns) of blocks: True where the whole block is there to look at."""
        rows, columns = self.grid
        inside = np.zeros((rows, columns), bool)
        down, across = self.height // BLOCK, self.width // BLOCK
        inside[:down, :across] = True
        if self.shown is not None:
            whole = self.shown[: down * BLOCK, : across * BLOCK]
            blocks = whole.reshape(down, BLOCK, across, BLOCK)
            inside[:down, :across] = blocks.all((1, 3))
        return inside


def to_canvas(
    pixels: NDArray[np.uint8] | NDArray[np.float32], shown: NDArray[np.bool_] | None = None
) -> Canvas:
    """Convert RGB pixels (H, W, 3), grey levels 0..255; `shown` as `Canvas` has it."""
    height, width = pixels.shape[:2]
    below, right = -height % SIDE_MULTIPLE, -width % SIDE_MULTIPLE
    padded = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="reflect")
    image = np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)
    image /= 255
    if shown is not None and shown.all():
        shown = None
    return Canvas(image=image, height=height, width=width, shown=shown)


def to_pixels(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round (3, H, W) float RGB to (H, W, 3) uint8; what lies outside [0, 1] is clipped."""
    scaled = image * np.float32(255)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, 255, out=scaled)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0), dtype=np.uint8)
