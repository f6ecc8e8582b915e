"""The hidden copy: the whole picture as its code alone tells it.

    revealed code ─► gathered home ─► recoverer without any surroundings ─► hidden copy

The published picture and its hidden copy show the same thing; whether they do is weighed in code
space (`imuge.protection.content`).
"""

import numpy as np
from numpy.typing import NDArray

from imuge.engine import Engine
from imuge.engine.canvas import Canvas
from imuge.protection.code import HiddenCode, erased_blocks
from imuge.protection.recover import widen

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


def render(engine: Engine, image: Array, codes: Array) -> Array:
    """Render the hidden copy (3, H, W) in [0, 1] from gathered codes."""
    blind = np.ones((1, *image.shape[1:]), np.float32)
    return engine.recover(image, blind, codes).clip(0, 1)


def render_whole(engine: Engine, canvas: Canvas, codes: Array) -> Array:
    """Render the hidden copy on the frame, (h, w, 3) grey levels, from gathered codes."""
    rendered = render(engine, canvas.image, codes)[:, : canvas.height, : canvas.width]
    return np.ascontiguousarray(rendered.transpose(1, 2, 0)) * np.float32(255)


def render_untouched(engine: Engine, canvas: Canvas, mask: Mask, code: HiddenCode) -> Array:
    """Render the hidden copy as `render_whole` does, without code that lay in a mask (h, w)."""
    wide = widen(canvas, mask)
    return render_whole(engine, canvas, code.without(erased_blocks(wide)))
