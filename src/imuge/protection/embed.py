"""Embedding: the payload is laid out by the key, and the networks hide it in the picture.

code ─► scattered ─┐
                   ├─► payload (30, h, w) ─► embed ─► immunized pixels (H, W, 3)
template ──────────┘
"""

import numpy as np
from numpy.typing import NDArray

from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_pixels
from imuge.keys import Key, template
from imuge.protection.code import code_keying, scatter_code
from imuge.results import Pixels
from imuge.weights import Options

Array = NDArray[np.float32]


def embed(
    engine: Engine, canvas: Canvas, code: Array, key: Key, image_id: int, strength: float = 1.0
) -> Pixels:
    """Immunize one picture.

    Args:
        engine: The networks.
        canvas: The picture.
        code: (24, h, w), its own code, from `engine.encode(canvas.image)`: the same for every id.
        key: A full key.
        image_id: What the picture will be known by, 0..2^32 - 1.
        strength: Scales the change.

    Returns:
        The immunized pixels, (H, W, 3) uint8.

    Raises:
        KeyFileError: `key` is verify-only.
        ValueError: `image_id` is out of range.
    """
    payload = lay_out(engine.record.options, key, image_id, code)
    return embed_payload(engine, canvas, payload, strength)


def lay_out(options: Options, key: Key, image_id: int, code: Array) -> Array:
    """The payload (30, h, w): the code where the key hides it, and the template beside it.

    Raises:
        KeyFileError: `key` is verify-only.
        ValueError: `image_id` is out of range.
    """
    rows, columns = code.shape[1:]
    keying = code_keying(options, key, image_id, (rows, columns), len(code))
    signs = template(key, image_id, rows, columns, scales=options.template_scales)
    return np.concatenate([scatter_code(code, *keying), signs])


def embed_payload(engine: Engine, canvas: Canvas, payload: Array, strength: float = 1.0) -> Pixels:
    """Hide any payload (30, h, w) in a picture; the pixels (H, W, 3), rounded."""
    immunized = engine.embed(canvas.image, payload, strength)
    return to_pixels(immunized[:, : canvas.height, : canvas.width])
