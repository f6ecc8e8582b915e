"""The whole published picture around a part of it: what was cut away, from the hidden code.

    copy on its frame ─┬──────────────────────────────────────────┐
                       └─► recoverer, all that is missing masked ─┴─► one picture on the frame
    code that survived ───────┘        hatched where none did ──────────┘

Every block's code lies scattered over the whole picture, twice: a part that shows a share s of it
still holds about 1 - (1 - s)² of the code of what was cut away. Who holds the full key sees that.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.engine import Engine
from imuge.engine.canvas import BLOCK, Canvas, to_pixels
from imuge.protection.code import HiddenCode, erased_blocks, survived
from imuge.protection.recover import render_masked, widen
from imuge.protection.tone import Tone
from imuge.results import Pixels

Array: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

RIM = 2  # frame pixels of a copy's edge, blended with what lies beyond it
HATCH = 8  # frame pixels from line to line
LINE, GROUND = 176, 208  # grey levels of the hatching


def uncrop(
    engine: Engine, canvas: Canvas, changed: Mask, code: HiddenCode, tone: Tone
) -> Pixels | None:
    """Show the whole frame: the copy in its place, and what was cut away as its code tells it.

    Args:
        engine: The networks.
        canvas: The copy on its frame.
        changed: (h, w), where the copy was tampered with: no code from there is believed.
        code: As `find_code` gathered it.
        tone: What was done to the tones of the copy since it was published.

    Returns:
        (h, w, 3) on the frame, hatched where neither a block's code nor its neighbours' survived;
        None where nothing was cut away.
    """
    if canvas.shown is None:
        return None
    missing = ~canvas.shown
    left = HiddenCode(code.without(erased_blocks(widen(canvas, changed))), code.permutations)
    rendered = render_masked(engine, canvas, missing, left, tone)
    seen = canvas.image[:, : canvas.height, : canvas.width].transpose(1, 2, 0) * np.float32(255)
    inside = ndimage.distance_transform_edt(canvas.shown).astype(np.float32)
    share = (inside / np.float32(RIM + 1)).clip(0, 1)[..., None]
    made = share * seen + (1 - share) * rendered
    lost = missing & _lost(canvas, left)
    made[lost] = _hatching(canvas.height, canvas.width)[lost][:, None]
    return to_pixels(made.transpose(2, 0, 1) / np.float32(255))


def _lost(canvas: Canvas, code: HiddenCode) -> Mask:
    """(h, w): where nothing tells what was there, neither in the block nor beside it."""
    told = ndimage.maximum_filter(survived(code.codes), 3)
    pixels: Mask = ~np.repeat(np.repeat(told, BLOCK, 0), BLOCK, 1)
    return pixels[: canvas.height, : canvas.width]


def _hatching(height: int, width: int) -> Array:
    """(h, w) grey levels: diagonal lines, which no photograph has."""
    diagonal = np.add.outer(np.arange(height), np.arange(width)) % HATCH
    return np.where(diagonal < HATCH // 4, np.float32(LINE), np.float32(GROUND))
