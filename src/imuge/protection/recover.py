"""Reconstruction: what was there before, rendered from the hidden code where the picture changed.

    mask on the frame ─► filled, widened ─► recoverer ─► reconstruction on the frame
                         tones undone ────────┘                 │ tones of the copy
                                                                │ unwarp, feathered seam
    copy ───────────────────────────────────────────────────────┴─► copy with it pasted in

What is taken for untouched surroundings must be untouched, so the recoverer sees nothing of a rim
around the mask; and no pixel of a forgery may remain in what is called a reconstruction, so what
is pasted reaches further than the reported mask, and holes inside of it are filled.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.engine import Engine
from imuge.engine.canvas import Canvas
from imuge.protection.code import HiddenCode, erased_blocks
from imuge.protection.placement import Placement
from imuge.protection.tone import Tone
from imuge.protection.warp import unwarp
from imuge.results import Pixels

TRUST_MARGIN = 4  # frame pixels around a mask that encoders may have mixed into it
# By `imuge.bench.recovery` on training pictures: with a seam from 1.5 to 3.5 about twice as many
# forged pixels stayed in sight; further out, the changed area of small copies lost up to 1 dB. The
# recoverer sees nothing of what it replaces, so the margin is never less than the seam's end.
RECOVERY_MARGIN = 6  # frame pixels around a mask that the recoverer does not look at
SEAM = (4.0, 6.0)  # frame pixels from the mask: all reconstruction up to there; nothing from there

Seam: TypeAlias = tuple[float, float]
Array: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]


def recover(
    engine: Engine,
    canvas: Canvas,
    mask: Mask,
    code: HiddenCode,
    copy: Pixels,
    placement: Placement,
    tone: Tone,
    *,
    margin: int = RECOVERY_MARGIN,
) -> Pixels:
    """The copy with the reconstruction in place of every tampered pixel.

    Args:
        engine: The networks.
        canvas: The copy on its frame.
        mask: (h, w) on the frame, True where tampered.
        code: As `find_code` gathered it.
        copy: (H, W, 3), its own pixels; not changed.
        placement: Where they lie in the frame.
        tone: What was done to the tones of the copy since it was published.
        margin: Frame pixels around the mask that are not trusted either.
    """
    filled = ndimage.binary_fill_holes(mask)
    rendered = render_masked(engine, canvas, filled, code, tone, margin=margin)
    return paste(copy, rendered, filled, placement)


def render_masked(
    engine: Engine,
    canvas: Canvas,
    mask: Mask,
    code: HiddenCode,
    tone: Tone,
    *,
    margin: int = RECOVERY_MARGIN,
) -> Array:
    """The reconstruction on the frame, (h, w, 3) grey levels, of which the mask and its rim count.

    It is in the tones of the copy.

    Args:
        engine: The networks.
        canvas: The copy on its frame.
        mask: (h, w), the pixels to replace.
        code: As `find_code` gathered it.
        tone: What was done to the tones of the copy since it was published.
        margin: Frame pixels around the mask that are not looked at.
    """
    wide = widen(canvas, mask, margin)
    codes = code.without(erased_blocks(wide))
    published = tone.undone(canvas.image)
    rendered = tone.applied(engine.recover(published, wide[None].astype(np.float32), codes))
    made = rendered[:, : canvas.height, : canvas.width].transpose(1, 2, 0) * np.float32(255)
    return np.ascontiguousarray(made)


def paste(
    copy: Pixels, rendered: Array, mask: Mask, placement: Placement, seam: Seam = SEAM
) -> Pixels:
    """Lay a reconstruction over a copy, with a seam that is feathered outside of the mask.

    Args:
        copy: (H, W, 3); not changed.
        rendered: (h, w, 3) on the frame, grey levels.
        mask: (h, w), True where the reconstruction belongs.
        placement: Where the copy lies in the frame.
        seam: Frame pixels from the mask; all reconstruction up to the first, nothing from the
            second.
    """
    made = copy.copy()
    if not mask.any():
        return made
    near, far = seam
    distance = ndimage.distance_transform_edt(~mask).astype(np.float32)
    share = ((far - distance) / (far - near)).clip(0, 1)
    box = placement.showing(share > 0)
    if any(side.start >= side.stop for side in box):
        return made
    part = placement.part(*box)
    weight = unwarp(share, part).clip(0, 1)[..., None]
    patch = np.stack([unwarp(rendered[..., c], part) for c in range(3)], 2)
    mixed = made[box] + weight * (patch - made[box])
    made[box] = np.rint(mixed).clip(0, 255).astype(np.uint8)
    return made


def widen(canvas: Canvas, mask: Mask, margin: int = TRUST_MARGIN) -> Mask:
    """What is not to be trusted, (H16, W16): a mask (h, w), a margin, and all that is not there."""
    wide = np.ones(canvas.image.shape[1:], bool)
    side = 2 * margin + 1
    widened = ndimage.maximum_filter(mask, side, mode="constant")
    wide[: canvas.height, : canvas.width] = widened
    if canvas.shown is not None:
        wide[: canvas.height, : canvas.width] |= ~canvas.shown
    return wide
