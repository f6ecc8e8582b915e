"""Draws the strips of the pages' pictures: panels of one width side by side, a line over each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imuge.engine.canvas import BLOCK
from imuge.report.overlay import COLOURS
from imuge.results import Pixels

GAP = 16  # pixels between panels
LINE = 38  # height of a label
LABEL = 24  # its letters; GitHub shows a strip at about two thirds of its size
NUMBER = 0.46  # height of a number in a table, of its cell
INK = (30, 30, 30)
BETWEEN = 190  # grey between patterns, neither black nor white


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a strip."""

    label: str  # ASCII, which is what Pillow's own font has
    pixels: NDArray[np.uint8]  # (H, W, 3) RGB or (H, W) grey


def strip(panels: Sequence[Panel], *, width: int, columns: int) -> Image.Image:
    """Put panels side by side, `columns` in a row, each scaled to `width` pixels across."""
    drawn = [_scaled(panel.pixels, width) for panel in panels]
    height = max(picture.height for picture in drawn)
    rows = -(-len(panels) // columns)
    size = (columns * (width + GAP) - GAP, rows * (height + LINE + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(LABEL)
    for i, (panel, picture) in enumerate(zip(panels, drawn, strict=True)):
        left, top = i % columns * (width + GAP), i // columns * (height + LINE + GAP)
        wide = draw.textlength(panel.label, font=font)
        if wide > width:
            raise ValueError(f"the label {panel.label!r} takes {wide:.0f} of {width} pixels")
        draw.text((left, top + LINE / 2), panel.label, fill=INK, font=font, anchor="lm")
        sheet.paste(picture, (left, top + LINE))
    return sheet


def _scaled(pixels: NDArray[np.uint8], width: int) -> Image.Image:
    """A small map keeps its cells; a photograph is averaged."""
    size = (width, round(pixels.shape[0] * width / pixels.shape[1]))
    enlarged = width >= pixels.shape[1]
    method = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
    return Image.fromarray(pixels).convert("RGB").resize(size, method)


def grey(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """(h, w) numbers as grey, `low` black and `high` white."""
    share = (values - low) / (high - low)
    return np.rint(share.clip(0, 1) * 255).astype(np.uint8)


def heat(share: NDArray[np.float32]) -> Pixels:
    """(h, w) of 0 to 1 as colour: white is 0, the report's colour for changes is 1."""
    white, full = np.array([255.0] * 3), np.array(COLOURS["changed"], np.float64)
    mixed = white + np.clip(share, 0, 1)[..., None] * (full - white)
    return np.rint(mixed).astype(np.uint8)


def tinted(picture: Pixels, blocks: NDArray[np.bool_]) -> Pixels:
    """The picture with some of its blocks of 8x8 pixels in the report's colour."""
    height, width = picture.shape[:2]
    inside = blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]
    shown = picture.copy()
    shown[inside] = COLOURS["changed"]
    return shown


def added(change: NDArray[np.float32], *, gain: float) -> NDArray[np.uint8]:
    """What is added to a picture, grey levels, `gain` times enlarged on middle grey."""
    return np.rint((128 + gain * change).clip(0, 255)).astype(np.uint8)


def curve(values: Sequence[float], *, width: int, height: int) -> Pixels:
    """Numbers as a line from the left to the right, the greatest at the top, 0 at the bottom."""
    sheet = Image.new("RGB", (width, height), "white")
    most = max(values)
    points = [
        (i * (width - 1) / (len(values) - 1), (height - 3) * (1 - value / most) + 1)
        for i, value in enumerate(values)
    ]
    ImageDraw.Draw(sheet).line(points, fill=COLOURS["changed"], width=3)
    return np.array(sheet)


def table(numbers: NDArray[np.float32], *, most: float, digits: int, side: int) -> Pixels:
    """An 8x8 table with its numbers written in; `most` and above have the full colour."""
    cells = Image.fromarray(heat(numbers / most)).resize((side, side), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(cells)
    cell = side / len(numbers)
    font = ImageFont.load_default(NUMBER * cell)
    for (row, column), number in np.ndenumerate(numbers):
        middle = ((column + 0.5) * cell, (row + 0.5) * cell)
        ink = "white" if number > 0.6 * most else INK
        draw.text(middle, f"{number:.{digits}f}", fill=ink, font=font, anchor="mm")
    return np.array(cells)


def bands(four: NDArray[np.float32], *, gain: float) -> NDArray[np.uint8]:
    """The four bands of one Haar level, (4, h, w), as one picture, details times `gain`."""
    mean = grey(four[0], 0, 2)
    details = [grey(band, -0.5 / gain, 0.5 / gain) for band in four[1:]]
    return np.vstack([np.hstack([mean, details[0]]), np.hstack(details[1:])])


def patterns(tiles: NDArray[np.float32], *, cell: int) -> NDArray[np.uint8]:
    """The patterns that a transform tells apart, (n², s, s), as a square of squares.

    Args:
        tiles: Row by row, each shown with its own contrast, 0 as middle grey.
        cell: Pixels from one to the next; a multiple of s is drawn.
    """
    count, size = round(len(tiles) ** 0.5), tiles.shape[1]
    scale = (cell - 1) // size
    first = (cell - scale * size) // 2
    sheet = np.full((count * cell, count * cell), BETWEEN, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // count * cell + first, i % count * cell + first
        most = float(np.abs(tile).max())
        shown = grey(tile, -most, most).repeat(scale, 0).repeat(scale, 1)
        sheet[top : top + scale * size, left : left + scale * size] = shown
    return sheet
