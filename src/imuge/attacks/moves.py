"""What moves a picture's pixels to other places: scaling, cutting, turning, a rim around.

All take a picture or, as a plane of one number a pixel, the mask or the positions that belong to
it, and move all alike.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageOps

PHONE = 1080  # pixels across
BAR = 0.1  # of the phone's width, above and below
SCREEN = (1920, 1080)  # pixels, of a page on a desk
PAGE_HEIGHT = 0.94  # of the screen that a picture on a page may fill
LINE = 18  # pixels, of text on it


def resize(image: Image.Image, factor: float, _rng: np.random.Generator) -> Image.Image:
    """Scale both sides by a factor."""
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC)


def long_edge(image: Image.Image, edge: float, rng: np.random.Generator) -> Image.Image:
    """Shrink to a longer side; what is smaller stays."""
    return resize(image, min(1, edge / max(image.size)), rng)


def crop(image: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    """Keep a window of `share` of each side, somewhere."""
    width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def rotate(image: Image.Image, degrees: float, _rng: np.random.Generator) -> Image.Image:
    """Turn clockwise, as an editor does: quarters exactly, others cut to what has no corners."""
    if degrees % 90 == 0:
        quarters = {90: "ROTATE_270", 180: "ROTATE_180", 270: "ROTATE_90"}
        name = quarters.get(int(degrees) % 360)
        return image if name is None else image.transpose(Image.Transpose[name])
    turned = image.rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    width, height = _largest_inside(image.width, image.height, math.radians(degrees))
    left, top = (turned.width - width) // 2, (turned.height - height) // 2
    return turned.crop((left, top, left + width, top + height))


def _largest_inside(width: int, height: int, angle: float) -> tuple[int, int]:
    """Sides of the largest upright rectangle in a turned one."""
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    longer, shorter = max(width, height), min(width, height)
    if shorter <= 2 * sine * cosine * longer or abs(sine - cosine) < 1e-9:
        half = shorter / 2  # two corners touch the longer sides
        sides = (half / sine, half / cosine) if width >= height else (half / cosine, half / sine)
    else:
        double = cosine * cosine - sine * sine
        sides = (
            (width * cosine - height * sine) / double,
            (height * cosine - width * sine) / double,
        )
    return max(1, math.floor(sides[0])), max(1, math.floor(sides[1]))


def flip(image: Image.Image, _value: float, _rng: np.random.Generator) -> Image.Image:
    """Mirror, left for right."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def stretch(image: Image.Image, factor: float, _rng: np.random.Generator) -> Image.Image:
    """Widen by a factor."""
    size = (max(1, round(image.width * factor)), image.height)
    return image.resize(size, Image.Resampling.BICUBIC)


def pad(image: Image.Image, rim: float, _rng: np.random.Generator) -> Image.Image:
    """Lay a white rim of so many pixels around."""
    return ImageOps.expand(image, int(rim), _ground(image, "white"))


def screenshot(image: Image.Image, _value: float, rng: np.random.Generator) -> Image.Image:
    """Fit to a phone's width, between two dark bars, as a screenshot has it."""
    shown = resize(image, PHONE / image.width, rng)
    return ImageOps.expand(shown, (0, round(BAR * PHONE)), _ground(image, "#202124"))


def page(image: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    """Show it on `share` of a page's width at the most, beside text, as a browser does."""
    across, down = SCREEN
    factor = min(share * across / image.width, PAGE_HEIGHT * down / image.height)
    shown = resize(image, factor, rng)
    left = int(rng.integers(across - shown.width + 1))
    top = int(rng.integers(down - shown.height + 1))
    made = Image.new(image.mode, SCREEN, _ground(image, "white"))
    if image.mode == "RGB":
        _text(made, rng)
    made.paste(shown, (left, top))
    return made


def _text(made: Image.Image, rng: np.random.Generator) -> None:
    """Fill a page with lines of words, drawn as bars: any font would do."""
    drawn = ImageDraw.Draw(made)
    for top in range(LINE, made.height - LINE, 2 * LINE):
        left = 2 * LINE
        while left < made.width - 8 * LINE:
            width = int(rng.integers(LINE, 8 * LINE))
            if rng.random() < 0.9:
                drawn.rectangle((left, top, left + width, top + LINE // 2), fill="#3c4043")
            left += width + LINE // 2


def _ground(image: Image.Image, colour: str) -> str:
    """What is laid around a picture; around a mask or positions nothing."""
    return colour if image.mode == "RGB" else "black"
