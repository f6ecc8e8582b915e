"""The message of a picture that is published without a frame, as long as `Guard` does so."""

from imuge.engine.canvas import Canvas
from imuge.keys import Message
from imuge.protection.frame import SIDES, geometry_of, whole_frame


def canvas_message(canvas: Canvas, image_id: int) -> Message:
    """The message under this id, naming the largest frame that is no larger than the picture."""
    longer = max(canvas.height, canvas.width)
    side = max((side for side in SIDES if side <= longer), default=SIDES[0])
    return Message(image_id, geometry_of(whole_frame(canvas.width, canvas.height, side)))
