"""Draws what is published and is no photograph: letters, tables, receipts, charts, maps, screens.

    python scripts/render_documents.py --out DIR [--count 24] [--seed 0]

Kinds take turns, and half of the paper ones look scanned: a little grey, turned, soft and noisy.
The pages are nearly white, and flat beside what is written, which photographs hardly are. The same
seed draws the same pages; training and measuring want different ones. Needs Pillow and numpy;
words and numbers are invented, and the font is the one inside Pillow. Pages that are there already
are kept.
"""

import argparse
import io
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from imuge.errors import ImageError
from imuge.files import make_folder, write_atomically

PAGE = (1240, 1754)  # A4 at 150 dots an inch
SCREEN = (1440, 1080)
INK = (24, 24, 28)
GREY = (120, 124, 130)
SYLLABLES = (*re.findall("..", "bacedifoguhajekilomunaperisotuvawexiyoza"), "stra", "ment", "gen")
TONES = ((38, 92, 160), (190, 60, 48), (52, 130, 78), (214, 150, 40), (110, 70, 150))

Colour: TypeAlias = str | tuple[int, int, int]


class Page:
    """A picture to write on."""

    def __init__(
        self, rng: np.random.Generator, size: tuple[int, int], paper: Colour = "white"
    ) -> None:
        self.rng = rng
        self.image = Image.new("RGB", size, paper)
        self.draw = ImageDraw.Draw(self.image)

    def among(self, low: int, high: int) -> int:
        """A whole number from low to below high."""
        return int(self.rng.integers(low, high))

    def tone(self) -> tuple[int, int, int]:
        """One of the colours in which things are set off."""
        return TONES[self.among(0, len(TONES))]

    def word(self) -> str:
        """A word of one to four syllables."""
        return "".join(self.rng.choice(SYLLABLES, self.among(1, 5)))

    def amount(self) -> str:
        """A sum of money."""
        return f"{self.rng.lognormal(5, 2):,.2f}"

    def text(self, at: tuple[float, float], text: str, size: int = 22, fill: Colour = INK) -> None:
        """Write one line, its top left corner at (x, y)."""
        self.draw.text(at, text, fill, font(size))

    def paragraph(self, left: int, top: int, width: int, lines: int, size: int = 22) -> int:
        """Write lines of words, and tell where the next may begin."""
        for number in range(lines):
            line = self.word().capitalize()
            end = width * (self.rng.uniform(0.3, 0.9) if number == lines - 1 else 1.0)
            while font(size).getlength(f"{line} {(word := self.word())}") < end:
                line += f" {word}"
            self.text((left, top + number * size * 1.5), line, size)
        return top + round((lines + 1) * size * 1.5)

    def scribble(self, left: int, top: int, width: int) -> None:
        """A signature."""
        x = np.linspace(0, 1, 40)
        y = 26 * np.sin(x * self.rng.uniform(20, 40)) * np.cos(7 * x + self.rng.uniform(0, 6))
        points = np.stack([left + x * width, top + y], 1).ravel().tolist()
        self.draw.line(points, (30, 40, 120), 3, joint="curve")


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The one that comes with Pillow, so that every machine draws the same."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont), "this Pillow was built without FreeType"
    return found


def letter(rng: np.random.Generator) -> Image.Image:
    """Paragraphs below a heading, signed."""
    page = Page(rng, PAGE)
    page.draw.rectangle((110, 90, 110 + page.among(60, 160), 150), page.tone())
    page.text(
        (760, 100), f"{page.word().capitalize()} {page.word()} 20{page.among(10, 27)}", 20, GREY
    )
    page.text((110, 240), f"{page.word().capitalize()} {page.word()} {page.word()}", 38)
    top = 330
    while top < 1350:
        top = page.paragraph(110, top, 1010, page.among(3, 8))
    page.scribble(130, top + 40, page.among(200, 400))
    return page.image


def invoice(rng: np.random.Generator) -> Image.Image:
    """A table of sums."""
    page = Page(rng, PAGE)
    tone = page.tone()
    page.text((110, 110), page.word().capitalize() + " " + page.word(), 46, tone)
    top = page.paragraph(110, 230, 420, 4, 20)
    rows = page.among(10, 24)
    page.draw.rectangle((110, top, 1130, top + 44), tone)
    for x, title in ((124, page.word()), (700, page.word()), (960, page.word())):
        page.text((x, top + 9), title.capitalize(), 22, "white")
    for row in range(rows):
        y = top + 56 + row * 42
        page.text((124, y), f"{page.word()} {page.word()}", 20)
        page.text((700, y), str(page.among(1, 90)), 20)
        page.text((960, y), page.amount(), 20)
        page.draw.line((110, y + 34, 1130, y + 34), (215, 215, 220), 1)
    page.text((960, top + 80 + rows * 42), page.amount(), 28)
    if rng.random() < 0.5:
        stamp = (700, 1480, 1000, 1600)
        page.draw.ellipse(stamp, outline=(180, 40, 60), width=5)
        page.text((760, 1522), page.word().upper()[:9], 30, (180, 40, 60))
    return page.image


def receipt(rng: np.random.Generator) -> Image.Image:
    """A narrow slip on a dark table."""
    page = Page(rng, (1080, 1440), (70, 58, 48))
    left, right = page.among(180, 260), page.among(820, 900)
    page.draw.rectangle((left, 60, right, 1380), (247, 246, 240))
    page.text((left + 120, 110), page.word().upper(), 44)
    for row in range(page.among(14, 22)):
        y = 220 + row * 44
        page.text((left + 40, y), f"{page.among(1, 9)} x {page.word()}", 26)
        page.text((right - 180, y), page.amount()[-8:], 26)
    bars = 0
    while bars < right - left - 160:
        wide = page.among(2, 9)
        page.draw.rectangle((left + 80 + bars, 1250, left + 80 + bars + wide, 1340), INK)
        bars += wide + page.among(3, 10)
    return page.image


def chart(rng: np.random.Generator) -> Image.Image:
    """Columns or curves over axes, and a caption."""
    page = Page(rng, (1400, 1000))
    page.text((120, 50), f"{page.word().capitalize()} {page.word()}, 20{page.among(10, 27)}", 36)
    for y in range(150, 800, 108):
        page.draw.line((120, y, 1320, y), (225, 225, 228), 2)
        page.text((50, y - 12), str(page.among(10, 99)), 20, GREY)
    count = page.among(6, 15)
    if rng.random() < 0.5:
        step, tone = 1200 / count, page.tone()
        for i in range(count):
            high = page.among(200, 780)
            page.draw.rectangle((130 + i * step, high, 120 + (i + 0.75) * step, 798), tone)
            page.text((130 + i * step, 810), page.word()[:6], 18, GREY)
    else:
        for tone in TONES[: page.among(2, 5)]:
            heights = np.cumsum(rng.normal(0, 45, count)) + rng.uniform(300, 650)
            points = np.stack([np.linspace(130, 1310, count), heights.clip(150, 790)], 1)
            page.draw.line(points.ravel().tolist(), tone, 5)
    page.paragraph(120, 870, 1180, 3, 20)
    return page.image


def street_map(rng: np.random.Generator) -> Image.Image:
    """Water, parks and streets with names."""
    page = Page(rng, (1300, 1100), (242, 239, 233))
    for tone in ((170, 211, 223), (200, 225, 180), (228, 222, 210)):
        x, y = rng.uniform(0, 1300), rng.uniform(0, 1100)
        turns = np.sort(rng.uniform(0, 2 * np.pi, 11))
        reach = rng.uniform(120, 420, 11)
        edge = np.stack([x + reach * np.cos(turns), y + reach * np.sin(turns)], 1)
        page.draw.polygon(edge.ravel().tolist(), tone)
    for _ in range(page.among(24, 44)):
        x, y, turn = rng.uniform(0, 1300), rng.uniform(0, 1100), rng.uniform(0, np.pi)
        reach = rng.uniform(200, 900) * np.array([np.cos(turn), np.sin(turn)])
        street = [x - reach[0], y - reach[1], x + reach[0], y + reach[1]]
        wide = page.among(5, 18)
        page.draw.line(street, (196, 190, 180), wide + 4)
        page.draw.line(street, (252, 214, 164) if wide > 14 else (255, 255, 255), wide)
    for _ in range(page.among(20, 45)):
        at = (page.among(0, 1200), page.among(0, 1080))
        page.text(at, page.word().capitalize(), page.among(15, 26), (85, 85, 90))
    return page.image


def screen(rng: np.random.Generator) -> Image.Image:
    """A window with a menu at its side, and cards."""
    page = Page(rng, SCREEN, (246, 247, 249))
    tone = page.tone()
    page.draw.rectangle((0, 0, SCREEN[0], 64), tone)
    page.text((30, 16), page.word().capitalize(), 30, "white")
    for row in range(page.among(8, 16)):
        page.text((34, 110 + row * 52), f"{page.word()} {page.word()}", 20, GREY)
    for top in range(100, 1000, 310):
        for left in range(320, 1400, 370):
            page.draw.rounded_rectangle(
                (left, top, left + 340, top + 280), 14, "white", (222, 224, 228), 2
            )
            page.text((left + 24, top + 20), f"{page.word().capitalize()} {page.word()}", 24)
            page.paragraph(left + 24, top + 70, 290, page.among(2, 5), 16)
            page.draw.rounded_rectangle((left + 24, top + 222, left + 150, top + 260), 8, tone)
            page.text((left + 44, top + 229), page.word()[:8], 18, "white")
    return page.image


def scanned(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """As it comes from a scanner or a phone held above it."""
    turned = image.rotate(
        rng.uniform(-1.2, 1.2), Image.Resampling.BICUBIC, fillcolor=image.getpixel((2, 2))
    ).filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.0)))
    pixels = np.asarray(turned, np.float32)
    height, width = pixels.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1 - rng.uniform(0.02, 0.1) - 0.06 * (rng.normal() * x + rng.normal() * y)
    warm = np.array([1, rng.uniform(0.97, 1), rng.uniform(0.9, 1)])
    lit = pixels * light[..., None].clip(0.6, 1) * warm + rng.normal(0, 2.0, (height, width, 1))
    return Image.fromarray(lit.round().clip(0, 255).astype(np.uint8))


PAPER: tuple[Callable[[np.random.Generator], Image.Image], ...] = (letter, invoice, receipt)
KINDS = (letter, screen, invoice, street_map, receipt, chart)


def page(number: int, seed: int) -> Image.Image:
    """One of the pages of a seed."""
    rng = np.random.default_rng([seed, number])
    kind = KINDS[number % len(KINDS)]
    drawn = kind(rng)
    return scanned(drawn, rng) if kind in PAPER and number // len(KINDS) % 2 else drawn


def main(arguments: list[str] | None = None) -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the pages")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.count < 1:
        parser.error(f"expected a --count of 1 or more, got {options.count}")
    try:
        make_folder(options.out)
    except ImageError as error:
        parser.error(str(error))
    made = 0
    for number in range(options.count):
        name = f"{options.seed}-{number:03}-{KINDS[number % len(KINDS)].__name__}.png"
        if not (options.out / name).exists():
            file = io.BytesIO()
            page(number, options.seed).save(file, "PNG")
            write_atomically(options.out / name, file.getvalue())
            made += 1
    sys.stdout.write(f"{options.out}: {made} pages drawn, {options.count - made} were there\n")


if __name__ == "__main__":
    main()
