"""What a received picture should carry, for measurements that know its key and image id."""

import numpy as np
from numpy.typing import NDArray

from imuge.engine import Engine
from imuge.engine.canvas import Canvas
from imuge.keys import TEMPLATE_CHANNELS, Key, template
from imuge.protection.canvas_message import canvas_message
from imuge.protection.hidden_copy import HiddenCode, find_code

Array = NDArray[np.float32]


def published_with(
    engine: Engine, key: Key, image_id: int, canvas: Canvas, revealed: Array
) -> tuple[Array, HiddenCode]:
    """The template a picture was published with, and its code as it can be found now.

    Args:
        engine: The networks; their release says how template and code are keyed.
        key: The full key it was immunized with.
        image_id: Its id.
        canvas: The received picture.
        revealed: (30, h, w), its payload.

    Returns:
        What `verification.localize` compares a picture with: (6, h, w) of ±1, and the code.
    """
    options = engine.record.options
    message = canvas_message(canvas, image_id)
    expected = template(key, message, *canvas.grid, scales=options.template_scales)
    code = revealed[:-TEMPLATE_CHANNELS]
    return expected, find_code(options, key, image_id, code, canvas.inside)
