"""A whole copy as the product sees it once it has read the message, told what that says.

So calibration and the plain working point look at copies whose message is lost, too: they see what
`imuge.protection.receive` would, without its search.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_canvas
from imuge.image.picture import Samples
from imuge.keys import Key, Message
from imuge.protection.frame import fitted_frame, size_named
from imuge.protection.locate import Located, locate
from imuge.protection.pilot import ORIENTATIONS
from imuge.protection.placement import Placement, edge_to_edge
from imuge.protection.warp import warp

Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One copy on its frame, before any threshold."""

    placement: Placement
    canvas: Canvas
    located: Located

    def placement_of(self, width: int, height: int) -> Placement:
        """Where a whole copy of another size lies, pixels."""
        size = self.canvas.height, self.canvas.width
        return edge_to_edge(width, height, fitted_frame(width, height, size), ORIENTATIONS[0])


def examine_told(engine: Engine, pixels: Samples, key: Key, message: Message) -> Told:
    """Look at a whole, upright copy of any scale.

    Args:
        engine: The networks.
        pixels: (H, W, 3), the copy.
        key: The key it was published with.
        message: Its message, which names the frame.
    """
    size = size_named(message.geometry)
    assert size is not None, "the message is of a picture that was published"
    height, width = pixels.shape[:2]
    frame = fitted_frame(width, height, size)
    placement = edge_to_edge(width, height, frame, ORIENTATIONS[0])
    moved, shown = warp(pixels, placement, size, threads=engine.threads)
    canvas = to_canvas(moved, shown)
    located = locate(engine, canvas, engine.reveal(canvas.image), key, message)
    return Told(placement=placement, canvas=canvas, located=located)


def mask_on_frame(mask: Mask, placement: Placement, size: tuple[int, int]) -> Mask:
    """A mask (H, W) of a copy on its frame `size` (h, w): what it covers by half or more."""
    grey = np.where(mask, np.uint8(255), np.uint8(0))[..., None]
    moved, shown = warp(grey, placement, size)
    covered: Mask = shown & (moved[..., 0] >= 127.5)
    return covered
