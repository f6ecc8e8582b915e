"""Captions and stickers to lay over pictures: small drawings on a transparent ground.

    draw_overlay ── one or two pieces ──┬── caption: outlined letters or letters on a plate
                                        └── sticker: disk, star, arrow, heart or face

Pieces are drawn larger than needed and reduced, so their edges are smooth, and lie anywhere in the
picture, turned a little. Pillow's built-in font is used, so no machine lacks it.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour: TypeAlias = tuple[int, int, int]
Rgba: TypeAlias = NDArray[np.uint8]

WORDS = (
    *("BREAKING", "NEWS", "live", "Exclusive", "SALE", "-50%", "photo", "by", "official", "FAKE"),
    *("copy", "Paris", "12.03.", "2019", "call 555-0117", "@someone", "www.example.org", "LOL"),
    *("confidential", "no", "entry", "Best", "price", "you", "won't", "believe", "this", "!"),
)
CANVAS = 160  # pixels; pieces are drawn this large and then reduced
FAINTEST_ALPHA = 32  # of 255; less hardly changes the picture and is left out
SMALLEST_AREA = 0.002
LARGEST_AREA = 0.2  # overlays stay small to middle, so that every stage of training may use them


def draw_overlay(side: int, rng: np.random.Generator) -> Rgba:
    """Draw one overlay.

    Args:
        side: Height and width, in pixels.
        rng: Source of every choice; the same state gives the same overlay.

    Returns:
        (4, side, side) RGBA; alpha is above 0 on 0.2 % to 20 % of the picture and never between
        1 and 31, and colour is 0 where alpha is.
    """
    while True:
        ground = Image.new("RGBA", (side, side))
        for _ in range(rng.integers(1, 3)):
            piece = _caption(side, rng) if rng.random() < 0.5 else _sticker(side, rng)
            if rng.random() < 0.6:
                turn = rng.uniform(-20, 20)
                piece = piece.rotate(turn, Image.Resampling.BILINEAR, expand=True)
            left, top = (rng.integers(0, max(1, side - length + 1)) for length in piece.size)
            layer = Image.new("RGBA", (side, side))
            layer.paste(piece, (int(left), int(top)))
            ground = Image.alpha_composite(ground, layer)
        planes: Rgba = np.asarray(ground).transpose(2, 0, 1)
        planes = np.where(planes[3] >= FAINTEST_ALPHA, planes, np.uint8(0))
        if SMALLEST_AREA <= (planes[3] > 0).mean() <= LARGEST_AREA:
            return planes


def _caption(side: int, rng: np.random.Generator) -> Image.Image:
    """Write a few words, outlined or on a plate, no wider than the picture."""
    text = " ".join(rng.choice(WORDS, rng.integers(1, 4), replace=False))
    probe = ImageFont.load_default(100).getlength(text)
    widest = 90 * side / probe
    size = min(side * math.exp(rng.uniform(math.log(0.06), math.log(0.2))), widest)
    font = ImageFont.load_default(max(6, size))
    outline = round(size * rng.uniform(0.04, 0.1)) if rng.random() < 0.6 else 0
    left, top, right, bottom = font.getbbox(text, stroke_width=outline)
    margin = math.ceil(size * rng.uniform(0.1, 0.5))
    extent = math.ceil(right - left) + 2 * margin, math.ceil(bottom - top) + 2 * margin
    ink, paper = _two_colours(rng)
    plate = (*paper, int(rng.integers(120, 256))) if rng.random() < 0.5 else (*ink, 0)
    piece = Image.new("RGBA", extent, plate)
    ImageDraw.Draw(piece).text(
        (margin - left, margin - top),
        text,
        fill=(*ink, 255),
        font=font,
        stroke_width=outline,
        stroke_fill=(*paper, 255),
    )
    return piece


def _sticker(side: int, rng: np.random.Generator) -> Image.Image:
    canvas = Image.new("RGBA", (CANVAS, CANVAS))
    names = tuple(STICKERS)
    STICKERS[names[rng.integers(len(names))]](ImageDraw.Draw(canvas), rng)
    size = round(side * math.exp(rng.uniform(math.log(0.07), math.log(0.4))))
    piece = canvas.resize((max(8, size), max(8, size)), Image.Resampling.BOX)
    opacity = rng.uniform(0.5, 1) if rng.random() < 0.3 else 1.0
    piece.putalpha(piece.getchannel("A").point([round(alpha * opacity) for alpha in range(256)]))
    return piece


def _two_colours(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """A colour and one that stands out from it."""
    bright, dark = rng.integers(150, 256, 3), rng.integers(0, 100, 3)
    first, second = (bright, dark) if rng.random() < 0.5 else (dark, bright)
    return _colour(first), _colour(second)


def _colour(values: NDArray[np.integer]) -> Colour:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def _disk(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    fill, rim = _two_colours(rng)
    draw.ellipse((4, 4, CANVAS - 5, CANVAS - 5), fill, rim, width=int(rng.integers(1, 16)))


def _star(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    fill, rim = _two_colours(rng)
    points = int(rng.integers(5, 13))
    radii = (CANVAS / 2 - 4, CANVAS / 2 * rng.uniform(0.4, 0.8))
    corners = [
        (
            CANVAS / 2 + radii[number % 2] * math.sin(math.pi * number / points),
            CANVAS / 2 - radii[number % 2] * math.cos(math.pi * number / points),
        )
        for number in range(2 * points)
    ]
    draw.polygon(corners, fill, rim, width=int(rng.integers(1, 6)))


def _arrow(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    fill, rim = _two_colours(rng)
    middle, shaft = CANVAS / 2, rng.uniform(8, 26)
    neck, tip = rng.uniform(70, 110), CANVAS - 5
    if rng.random() < 0.5:  # to the left
        neck, tip, tail = CANVAS - neck, 4, CANVAS - 5
    else:
        tail = 4
    half = rng.uniform(shaft + 8, 60)
    upper = [(tail, middle - shaft), (neck, middle - shaft), (neck, middle - half)]
    lower = [(x, CANVAS - y) for x, y in reversed(upper)]
    draw.polygon([*upper, (tip, middle), *lower], fill, rim, width=int(rng.integers(1, 6)))


def _heart(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    fill, rim = _two_colours(rng)
    angles = np.linspace(0, 2 * np.pi, 60)
    across = 16 * np.sin(angles) ** 3
    up = (13, 5, 2, 1) * np.cos(np.outer(angles, (1, 2, 3, 4))) @ (1, -1, -1, -1)
    corners = [
        (CANVAS / 2 + 4.6 * x, CANVAS / 2 - 4.6 * y) for x, y in zip(across, up, strict=True)
    ]
    draw.polygon(corners, fill, rim, width=int(rng.integers(1, 6)))


def _face(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    skin = _colour(np.array([255, rng.integers(180, 226), rng.integers(30, 90)]))
    ink = (60, 40, 20)
    draw.ellipse((4, 4, CANVAS - 5, CANVAS - 5), skin, ink, width=int(rng.integers(1, 8)))
    eye, height = rng.uniform(8, 15), rng.uniform(0.32, 0.44) * CANVAS
    for x in (0.33 * CANVAS, 0.67 * CANVAS):
        draw.ellipse((x - eye, height - eye, x + eye, height + eye), ink)
    mouth = (0.25 * CANVAS, 0.4 * CANVAS, 0.75 * CANVAS, 0.8 * CANVAS)
    if rng.random() < 0.3:
        draw.chord(mouth, 10, 170, (250, 250, 250), ink, width=5)
    else:
        draw.arc(mouth, 15, 165, ink, width=10)


STICKERS: dict[str, Callable[[ImageDraw.ImageDraw, np.random.Generator], None]] = {
    "disk": _disk,
    "star": _star,
    "arrow": _arrow,
    "heart": _heart,
    "face": _face,
}
