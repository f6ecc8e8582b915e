"""The picture with what was found tinted, outlined and numbered.

Sizes follow the picture, so that the drawing reads the same on a thumbnail and on 48 megapixels.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from imuge.results import Pixels, Region, RegionKind, Verdict

COLOURS: dict[RegionKind, tuple[int, int, int]] = {  # also --changed, --again, --lost in page.css
    "changed": (214, 0, 98),
    "protected again": (107, 63, 191),
    "protection lost": (0, 112, 130),
}
TINT = 0.38  # share of the colour inside a mask
MOST_NUMBERED = 50  # of the regions, the first; the page lists as many
LINES_PER_EDGE = 360  # long edge over line width
LABELS_PER_EDGE = 34  # long edge over label height


def overlay(verdict: Verdict) -> Pixels:
    """Draw the regions into a copy of the picture, each kind in its colour.

    Returns:
        (H, W, 3) uint8 RGB: the picture itself where there is nothing to show.
    """
    drawn = _tinted(verdict.image, verdict.mask, COLOURS["changed"])
    if verdict.lost_mask is not None:
        drawn = _tinted(drawn, verdict.lost_mask, COLOURS["protection lost"])
    if not verdict.regions:
        return drawn
    canvas = Image.fromarray(drawn)
    draw = ImageDraw.Draw(canvas)
    numbered = list(enumerate(verdict.regions[:MOST_NUMBERED], start=1))
    for _, region in numbered:
        _draw_box(draw, region, canvas.size)
    # The first region comes last, so that its number is on top.
    for number, region in reversed(numbered):
        _draw_number(draw, number, region, canvas.size)
    return np.array(canvas)


def _line_width(size: tuple[int, int]) -> int:
    return max(1, round(max(size) / LINES_PER_EDGE))


def _tinted(picture: Pixels, mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> Pixels:
    drawn = picture.copy()
    if not mask.any():
        return drawn
    line = _line_width((mask.shape[1], mask.shape[0]))
    rows, columns = (_reach(np.asarray(mask.any(axis)), line) for axis in (1, 0))
    part, inside = drawn[rows, columns], mask[rows, columns]
    part[inside] = np.rint((1 - TINT) * part[inside] + TINT * np.array(colour)).astype(np.uint8)
    window = 2 * line + 1
    plane = inside.astype(np.uint8)
    edge = plane != ndimage.minimum_filter(plane, window, mode="nearest")
    halo = plane != ndimage.maximum_filter(plane, window, mode="nearest")
    part[edge] = colour
    part[halo] = 255
    return drawn


def _reach(marked: NDArray[np.bool_], line: int) -> slice:
    """From the first to the last that is marked, and what is drawn around them."""
    first, last = np.flatnonzero(marked)[[0, -1]]
    return slice(max(0, int(first) - line), int(last) + 1 + line)


def _draw_box(draw: ImageDraw.ImageDraw, region: Region, size: tuple[int, int]) -> None:
    """Draw a light frame with a dark one around it, visible on any picture."""
    line = _line_width(size)
    left, top, right, bottom = region.box
    for grow, colour in ((2 * line, (0, 0, 0)), (line, (255, 255, 255))):
        frame = (
            max(0, left - grow),
            max(0, top - grow),
            min(size[0], right + grow) - 1,
            min(size[1], bottom + grow) - 1,
        )
        draw.rectangle(frame, outline=colour, width=line)


def _draw_number(
    draw: ImageDraw.ImageDraw, number: int, region: Region, size: tuple[int, int]
) -> None:
    """Put the number above the box's left corner, or inside it where the picture ends."""
    height = max(11, round(max(size) / LABELS_PER_EDGE))
    font = ImageFont.load_default(0.8 * height)
    width = max(height, round(draw.textlength(str(number), font=font)) + height // 2)
    left = min(max(0, region.box[0]), max(0, size[0] - width))
    top = region.box[1] - height
    top = min(max(0, top), max(0, size[1] - height))
    plate = (left, top, left + width - 1, top + height - 1)
    draw.rectangle(
        plate, fill=COLOURS[region.kind], outline=(255, 255, 255), width=max(1, height // 12)
    )
    middle = (left + width / 2, top + height / 2)
    draw.text(middle, str(number), fill=(255, 255, 255), font=font, anchor="mm")
