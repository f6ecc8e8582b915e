"""Reconstruction: what was there before, rendered from the hidden code where the picture changed.

The recoverer's mask is wider than the reported one by a margin: the rim of a change is blended, and
what is taken for untouched surroundings must be untouched.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.engine import Engine
from imuge.engine.canvas import SIDE_MULTIPLE, Canvas, to_pixels
from imuge.protection.code import HiddenCode, erased_blocks
from imuge.results import Pixels

RECOVERY_MARGIN = 4  # pixels the recoverer's mask is wider than the reported one

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


def recover(
    engine: Engine,
    canvas: Canvas,
    mask: Mask,
    code: HiddenCode,
    *,
    margin: int = RECOVERY_MARGIN,
) -> Pixels:
    """The received picture with the reconstruction in place of every tampered pixel.

    Args:
        engine: The networks.
        canvas: The received picture.
        mask: (H, W), True where tampered; nothing else of the picture changes.
        code: As `find_code` gathered it.
        margin: Pixels around the mask that are not trusted either.

    Returns:
        (H, W, 3) uint8.
    """
    wide = widen(canvas, mask, margin)
    return render_masked(engine, canvas, mask, wide, code.without(erased_blocks(wide)))


def render_masked(engine: Engine, canvas: Canvas, mask: Mask, wide: Mask, codes: Array) -> Pixels:
    """`recover` from codes that are erased already.

    Args:
        engine: The networks.
        canvas: The received picture.
        mask: (H, W), the pixels to replace.
        wide: (H16, W16), the pixels not to look at (`widen`).
        codes: (26, h, w), less what lay in `wide`.
    """
    received = to_pixels(canvas.image[:, : canvas.height, : canvas.width])
    rows = np.flatnonzero(mask.any(1))
    if not rows.size:
        return received
    first = int(rows[0]) // SIDE_MULTIPLE * SIDE_MULTIPLE
    last = -(-int(rows[-1] + 1) // SIDE_MULTIPLE) * SIDE_MULTIPLE
    masked = wide[None].astype(np.float32)
    rendered = engine.recover(canvas.image, masked, codes, rows=(first, last))
    last = min(last, canvas.height)
    patch = to_pixels(rendered[:, : last - first, : canvas.width])
    received[first:last][mask[first:last]] = patch[mask[first:last]]
    return received


def widen(canvas: Canvas, mask: Mask, margin: int = RECOVERY_MARGIN) -> Mask:
    """The mask (H, W) for the recoverer, (H16, W16): a margin more, and all that lies outside."""
    wide = np.ones(canvas.image.shape[1:], bool)
    side = 2 * margin + 1
    wide[: canvas.height, : canvas.width] = ndimage.maximum_filter(mask, side, mode="constant")
    return wide
