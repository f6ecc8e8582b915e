"""Makes the pictures of docs/how-it-works.md: the shipped release on the bundled photograph.

    pip install '.[train]'        (the paper's transform and the DCT are torch code)
    python scripts/how_it_works_pictures.py

A fixed key and image id are used, so that the same pictures come out again.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from how_it_works_strips import Panel, bands, grey, heat, patterns, strip, table, tinted
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.scores import psnr_db
from imuge.demo import PALM, host_photograph
from imuge.engine.canvas import to_canvas
from imuge.guard import Guard
from imuge.keys import TEMPLATE_CHANNELS, Geometry, Key, Message, template
from imuge.model.imuge_plus.edges import edge_map
from imuge.model.imuge_plus.haar import haar_down, haar_up
from imuge.model.transform import BLOCK, YCBCR_FROM_RGB, BlockTransform
from imuge.protection.code import (
    HiddenCode,
    code_keying,
    erased_blocks,
    gather_code,
    scatter_code,
)
from imuge.protection.embed import embed
from imuge.protection.locate import locate
from imuge.report.overlay import overlay
from imuge.results import Pixels
from imuge.train.attacks.jpeg.tables import tables

FOLDER = Path(__file__).parents[1] / "docs" / "images"
KEY = Key.from_secret("how-it-works", bytes(range(32)))
IMAGE_ID = 0x010203040506
MESSAGE = Message(IMAGE_ID, Geometry(side_number=4, tall=False, shorter=512))
QUALITY = 78  # of the WebP files
THREE, FOUR = 384, 320  # side of a panel where so many stand in a row
CODE_NUMBER, CODE_RANGE = 7, 2.5
NEIGHBOURS = 7  # blocks on a side, averaged for the eye
LEAST, MOST = 0.35, 0.55  # disagreement after averaging: white, and the full colour
MIDDLE = (slice(0, THREE), slice(64, 64 + THREE))  # rows and columns shown pixel by pixel
ERASED = (slice(48, 304), slice(96, 352))  # rows and columns around the face

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Received:
    """A copy as it came back, and what the networks make of it."""

    guard: Guard
    picture: Pixels

    @cached_property
    def revealed(self) -> Array:
        """The payload, (30, h, w)."""
        return self.guard.engine.reveal(to_canvas(self.picture).image)

    def disagreement(self) -> Array:
        """Share of the template's signs of each block that are not as expected, (h, w)."""
        signs = self.revealed[-TEMPLATE_CHANNELS:]
        return (signs * expected(signs.shape[1:]) <= 0).mean(0, dtype=np.float32)

    def probability(self) -> Array:
        """The localizer's answer, (H, W)."""
        canvas = to_canvas(self.picture)
        return locate(self.guard.engine, canvas, self.revealed, KEY, IMAGE_ID).probability


class Story:
    """The bundled photograph, immunized, tampered with and saved again."""

    def __init__(self) -> None:
        self.guard = Guard(KEY)
        self.host = host_photograph()
        self.canvas = to_canvas(self.host)
        self.code = self.guard.engine.encode(self.canvas.image)
        options = self.guard.engine.record.options
        self.keying = code_keying(options, KEY, IMAGE_ID, self.canvas.grid, len(self.code))
        self.published = embed(self.guard.engine, self.canvas, self.code, KEY, IMAGE_ID)
        outline = Image.new("1", self.host.shape[1::-1])
        ImageDraw.Draw(outline).polygon(PALM, fill=1)
        self.mask = np.array(outline)
        # As in the demo: a palm leaf is retouched away.
        random = np.random.default_rng(0)
        self.forged = tamper(self.published, "inpaint", mask=self.mask, rng=random).picture

    def received(self, picture: Pixels, chain: str = "none") -> Received:
        """The picture after what may happen to it on its way."""
        return Received(self.guard, resave(picture, parse_chain(chain)))


def expected(grid: tuple[int, ...]) -> Array:
    """The template that the photograph was published with."""
    rows, columns = grid
    return template(KEY, MESSAGE, rows, columns)


def transforms(story: Story) -> Image.Image:
    """What the paper hides and works on, and the patterns of its transform and of ours."""
    host = torch.from_numpy(story.canvas.image)[None]
    luma = torch.tensor(YCBCR_FROM_RGB[0]).view(1, 3, 1, 1)
    once = haar_down((host * luma).sum(1, keepdim=True))[0].numpy()
    each = torch.eye(BLOCK**2)[..., None, None]
    walsh = haar_up(haar_up(haar_up(each)))[:, 0].numpy()
    in_order = [_walsh(row, column) for row in range(BLOCK) for column in range(BLOCK)]
    luma_alone = torch.cat([each, torch.zeros(BLOCK**2, 2 * BLOCK**2, 1, 1)], 1)
    cosines = BlockTransform().inverse(luma_alone)[:, 0].numpy() - 0.5
    cell = FOUR // BLOCK
    panels = [
        Panel("edge map", grey(edge_map(host)[0, 0].numpy(), 0, 1)),
        Panel("one Haar level", bands(once, gain=2)),
        Panel("three Haar levels: patterns", patterns(walsh[in_order], cell=cell)),
        Panel("8x8 DCT: patterns", patterns(cosines, cell=cell)),
    ]
    return strip(panels, side=FOUR, columns=4)


def _walsh(row: int, column: int) -> int:
    """Which of the 64 Haar bands varies `row` times downwards and `column` times across.

    Three levels on all channels are the Walsh-Hadamard transform of 8x8 blocks. Level l, the finest
    0, has left-and-right in bit 2·l of the band's number and top-and-bottom in the next; how often
    a pattern changes its sign is the Gray code of these bits, coarsest level first.
    """
    number = 0
    for changes, place in ((column, 0), (row, 1)):
        gray = changes ^ (changes >> 1)
        for level in range(3):
            number |= (gray >> (2 - level) & 1) << (2 * level + place)
    return number


def residual(story: Story) -> Image.Image:
    """What immunizing changes."""
    decibels = psnr_db(story.host, story.published)
    host, published = story.host[MIDDLE], story.published[MIDDLE]
    change = 128 + 10 * (published.astype(np.float32) - host)
    panels = [
        Panel("host, part", host),
        Panel(f"immunized, {decibels:.1f} dB PSNR", published),
        Panel("difference, 10 times, on grey", np.uint8(change.clip(0, 255))),
    ]
    return strip(panels, side=THREE, columns=3)


def spectrum(story: Story) -> torch.Tensor:
    """What immunizing changes in every coefficient, grey levels: (3, 8, 8, h, w)."""
    transform = BlockTransform()
    pair = torch.stack(
        [torch.from_numpy(to_canvas(p).image) for p in (story.host, story.published)]
    )
    host, published = transform(pair)
    return 255 * (published - host).unflatten(0, (3, BLOCK, BLOCK))


def coefficients(story: Story) -> Image.Image:
    """Where in the spectrum the change lies."""
    change = spectrum(story).abs().mean((-2, -1)).numpy()
    steps = tables(torch.tensor([75.0]))[0].view(BLOCK, BLOCK).numpy()
    planes = [
        Panel(f"{name}: mean change", table(plane, most=change.max(), digits=1, side=FOUR))
        for name, plane in zip(("Y", "Cb", "Cr"), change, strict=True)
    ]
    steps_panel = Panel("Y: step of JPEG 75", table(steps, most=60, digits=0, side=FOUR))
    return strip([*planes, steps_panel], side=FOUR, columns=4)


def scattered(story: Story) -> Image.Image:
    """One number of the code, in place and scattered, and what is lost when a region is erased."""
    gone = np.zeros(story.mask.shape, bool)
    gone[ERASED] = True
    erased = erased_blocks(gone)
    picture = story.published.copy()
    picture[gone] = 128
    permutations, signs = story.keying
    revealed = story.received(picture).revealed[:-TEMPLATE_CHANNELS]
    gathered = gather_code(revealed, np.zeros_like(erased), permutations, signs)
    kept = HiddenCode(gathered, permutations).without(erased)
    flags = kept[len(kept) // 2 - 1 :: len(kept) // 2]
    first, both = flags[0] == 0, (flags == 0).all(0)
    hidden = scatter_code(story.code, permutations, signs)

    def code(numbers: Array) -> NDArray[np.uint8]:
        return grey(numbers[CODE_NUMBER], -CODE_RANGE, CODE_RANGE)

    def lost(where: str, blocks: NDArray[np.bool_]) -> Panel:
        return Panel(f"{where}: {blocks.mean():.0%} lost", tinted(story.published, blocks))

    panels = [
        Panel("a number of the code, in place", code(story.code)),
        Panel("the same, scattered by the key", code(hidden)),
        Panel("a region is erased", picture),
        lost("if hidden in place", erased[0] > 0),
        lost("scattered, description 1", first),
        lost("scattered, both", both),
    ]
    return strip(panels, side=THREE, columns=3)


def signs(story: Story) -> Image.Image:
    """Where the revealed template disagrees, before and after tampering and JPEG."""
    untouched, forged = story.received(story.published), story.received(story.forged)
    saved = story.received(story.forged, "jpeg:75")

    def wrong(name: str, received: Received) -> Panel:
        share = received.disagreement()
        return Panel(f"{name}: {share.mean():.0%} wrong", heat(share))

    average = ndimage.uniform_filter(saved.disagreement(), NEIGHBOURS)
    contrasted = (average - LEAST) / (MOST - LEAST)
    panels = [
        wrong("as published", untouched),
        wrong("retouched", forged),
        wrong("then JPEG 75", saved),
        Panel("true mask", grey(story.mask.astype(np.float32), 0, 1)),
        Panel(f"its mean over {NEIGHBOURS}x{NEIGHBOURS} blocks", heat(contrasted)),
        Panel("what the localizer says of it", grey(saved.probability(), 0, 1)),
    ]
    return strip(panels, side=THREE, columns=3)


def verdict(story: Story) -> Image.Image:
    """From a received copy to mask and reconstruction."""
    received = story.received(story.forged, "jpeg:70")
    found = story.guard.verify(received.picture)
    assert found.probability is not None
    assert found.recovered is not None
    panels = [
        Panel("as published", story.published),
        Panel("received: retouched, JPEG 70", received.picture),
        Panel("probability of a change", grey(found.probability, 0, 1)),
        Panel("mask", grey(found.mask.astype(np.float32), 0, 1)),
        Panel("overlay", overlay(found)),
        Panel("reconstruction", found.recovered),
    ]
    return strip(panels, side=THREE, columns=3)


def hidden_copy(story: Story) -> Image.Image:
    """The picture as its code alone tells it."""
    received = story.received(story.forged, "jpeg:75")
    copies = []
    for picture in (story.published, received.picture):
        found = story.guard.verify(picture, recover=False, hidden_copy=True)
        assert found.hidden_copy_image is not None
        copies.append(found.hidden_copy_image)
    panels = [
        Panel("as published", story.published),
        Panel("its hidden copy", copies[0]),
        Panel("retouched, JPEG 75", received.picture),
        Panel("hidden copy in that", copies[1]),
    ]
    return strip(panels, side=FOUR, columns=4)


def numbers(story: Story) -> str:
    """What the page says in numbers."""
    energy = spectrum(story).square().sum((0, -2, -1))
    written = float(energy[1:4, 1:4].sum() / energy.sum())
    wrong = story.received(story.forged, "jpeg:75").disagreement()
    # Blocks on the seam are partly changed: they count on neither side.
    touched = erased_blocks(story.mask)[0] > 0
    whole = story.mask.reshape(wrong.shape[0], BLOCK, wrong.shape[1], BLOCK).all((1, 3))
    return (
        f"of the change's energy in the nine numbers (1..3, 1..3): {written:.0%}\n"
        f"wrong signs after JPEG 75: {wrong[~touched].mean():.0%} outside the change, "
        f"{wrong[whole].mean():.0%} inside"
    )


PICTURES: dict[str, Callable[[Story], Image.Image]] = {
    "how-transforms.webp": transforms,
    "how-residual.webp": residual,
    "how-coefficients.webp": coefficients,
    "how-scattered.webp": scattered,
    "how-template.webp": signs,
    "how-verdict.webp": verdict,
    "how-hidden-copy.webp": hidden_copy,
}


def main() -> None:
    """Write the pictures, all or those named."""
    parser = argparse.ArgumentParser(description="Make the pictures of docs/how-it-works.md.")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PICTURES)}; default: all")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    if unknown := set(options.names) - PICTURES.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(PICTURES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    story = Story()
    for name in options.names or PICTURES:
        target = options.out / name
        PICTURES[name](story).save(target, quality=QUALITY, method=6)
        print(f"{target}: {target.stat().st_size / 1000:.0f} kB")
    print(numbers(story))


if __name__ == "__main__":
    main()
