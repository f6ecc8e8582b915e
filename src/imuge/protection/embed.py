"""Publishing: a picture's own recovery data and its key's marks, hidden in the picture.

    picture ─► frame ─► code ─► scattered, beside the template ─► embed ─► shaped ─┐
       │         └───────────────────────────────────────────────► pilot ────────► +
       └─────────────────────────────────────────────────────────────────────────► published

All but the last step takes place on the frame; the picture's own pixels are only ever added to.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_canvas
from imuge.engine.steps import step
from imuge.image.picture import Samples
from imuge.keys import Key, Message, template
from imuge.protection.code import code_keying, scatter_code
from imuge.protection.frame import (
    Detail,
    Frame,
    add_to_picture,
    geometry_of,
    published_frame,
    to_frame,
)
from imuge.protection.pilot import pilot, waves
from imuge.protection.shaping import Shaping, local_deviation, luminance, shape, template_gain
from imuge.weights import Options

Array: TypeAlias = NDArray[np.float32]

SHAPING = Shaping()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A picture prepared for publication: the same for every key and id."""

    frame: Frame
    canvas: Canvas
    code: Array  # (24, h, w)
    deviation: Array  # (h, w) of the frame's luminance, grey levels


def prepare(engine: Engine, pixels: Samples, detail: Detail = "normal") -> Host:
    """Scale a picture to its frame and encode it.

    Args:
        engine: The networks.
        pixels: (H, W, 3) uint8 or uint16.
        detail: Which frame it is published on.
    """
    height, width = pixels.shape[:2]
    frame = published_frame(width, height, detail)
    scaled = to_frame(pixels, frame, threads=engine.threads)
    canvas = to_canvas(scaled)
    return Host(
        frame=frame,
        canvas=canvas,
        code=engine.encode(canvas.image),
        deviation=local_deviation(luminance(scaled)),
    )


def publish(
    engine: Engine,
    pixels: Samples,
    host: Host,
    key: Key,
    image_id: int,
    *,
    strength: float = 1.0,
    shaping: Shaping = SHAPING,
) -> Samples:
    """Immunize a picture.

    Args:
        engine: The networks.
        pixels: (H, W, 3) uint8 or uint16; not changed.
        host: What `prepare` made of them.
        key: A full key.
        image_id: What the picture will be known by, 0..2^48 - 1.
        strength: Scales the shaped residual; the pilot is as it is.
        shaping: How the residual is weighted.

    Returns:
        The immunized pixels, in shape and depth those given.

    Raises:
        KeyFileError: `key` is verify-only.
        ValueError: `image_id` is out of range.
    """
    message = Message(image_id, geometry_of(host.frame))
    payload = lay_out(engine.record.options, key, message, host.code)
    shaped = shape(residual(engine, host.canvas, payload), host.deviation, shaping)
    shaped *= np.float32(strength)
    shaped += pilot(waves(key.root("pilot")), host.deviation)[..., None]
    with step(engine.progress, "add"):
        return add_to_picture(pixels, shaped, host.frame, threads=engine.threads)


def lay_out(options: Options, key: Key, message: Message, code: Array) -> Array:
    """The payload (30, h, w): the code where the key hides it, and the template beside it.

    Raises:
        KeyFileError: `key` is verify-only.
    """
    rows, columns = code.shape[1:]
    keying = code_keying(options, key, message.image_id, (rows, columns), len(code))
    marks = hidden_signs(options, key, message, rows, columns)
    return np.concatenate([scatter_code(code, *keying), marks])


def hidden_signs(options: Options, key: Key, message: Message, rows: int, columns: int) -> Array:
    """The template (6, h, w) as it is hidden: its signs, stronger than the code beside them."""
    marks = template(key, message, rows, columns, scales=options.template_scales)
    return marks * np.float32(template_gain(rows, columns))


def residual(engine: Engine, canvas: Canvas, payload: Array) -> Array:
    """What hiding a payload (30, h, w) adds to a frame: (h, w, 3) grey levels, unshaped."""
    immunized = engine.embed(canvas.image, payload, 1.0)
    change = (immunized - canvas.image)[:, : canvas.height, : canvas.width]
    added: Array = np.ascontiguousarray(change.transpose(1, 2, 0)) * np.float32(255)
    return added
