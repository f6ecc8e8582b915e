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
from how_it_works_strips import (
    Panel,
    added,
    bands,
    curve,
    grey,
    heat,
    patterns,
    strip,
    table,
    tinted,
)
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.scores import psnr_db
from imuge.demo import AFTERWARDS, PALM, host_photograph
from imuge.engine.canvas import to_canvas, to_pixels
from imuge.guard import Guard
from imuge.keys import TEMPLATE_CHANNELS, Key, Message, template
from imuge.model.imuge_plus.edges import edge_map
from imuge.model.imuge_plus.haar import haar_down, haar_up
from imuge.model.transform import BLOCK, YCBCR_FROM_RGB, BlockTransform
from imuge.protection.code import code_keying, erased_blocks, find_code, scatter_code
from imuge.protection.embed import SHAPING, lay_out, prepare, publish, residual
from imuge.protection.frame import geometry_of, to_frame
from imuge.protection.locate import locate
from imuge.protection.pilot import Spectrum, Waves, amplitudes, pilot, spectrum, waves
from imuge.protection.places import Search
from imuge.protection.receive import Received, receive
from imuge.protection.recover import widen
from imuge.protection.shaping import shape
from imuge.report.overlay import COLOURS, overlay
from imuge.results import Pixels
from imuge.train.attacks.jpeg.tables import tables

FOLDER = Path(__file__).parents[1] / "docs" / "images"
KEY = Key.from_secret("how-it-works", bytes(range(32)))
IMAGE_ID = 0x010203040506
QUALITY = 78  # of the WebP files
THREE, FOUR = 384, 320  # width of a panel where so many stand in a row
CODE_NUMBER, CODE_RANGE = 7, 2.5
NEIGHBOURS = 7  # blocks on a side, averaged for the eye
LEAST, MOST = 0.35, 0.55  # disagreement after averaging: white, and the full colour
PART = (slice(96, 96 + THREE), slice(1200, 1200 + THREE))  # of the picture, shown pixel by pixel
MIDDLE = (slice(0, 512), slice(128, 128 + 512))  # rows and columns of the frame, a square
CORNER = (slice(0, 213), slice(448, 448 + FOUR))  # of the frame, shown pixel by pixel
ERASED = (slice(264, 440), slice(0, 280))  # rows and columns of the frame, around a tree
CHANGE_GAIN, PILOT_GAIN = 10, 50
PART_COPY = "crop:0.6,rotate:4,jpeg:75"  # found by its pilot
HIGHEST = 0.15  # cycles a pixel, of the spectrum shown
AROUND = np.exp(np.linspace(-0.12, 0.12, 241))  # scales heard at, times the right one
RING = 5  # pixels around a wave's place

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Copy:
    """A copy as it came back, and what the networks make of it on its frame."""

    guard: Guard
    picture: Pixels
    search: Search = "quick"

    @cached_property
    def received(self) -> Received:
        """As the product finds and reads it."""
        found = receive(self.guard.engine, self.picture, [KEY], search=self.search)
        assert found is not None
        assert found.reading.message is not None
        return found

    def disagreement(self) -> Array:
        """Share of the template's signs of each block that are not as expected, (h, w)."""
        signs = self.received.revealed[-TEMPLATE_CHANNELS:]
        message = self.received.reading.message
        assert message is not None
        expected = template(KEY, message, *signs.shape[1:])
        return (signs * expected <= 0).mean(0, dtype=np.float32)[self._whole_blocks()]

    def probability(self) -> Array:
        """The localizer's answer on the frame, (h, w)."""
        found = self.received
        message = found.reading.message
        assert message is not None
        return locate(self.guard.engine, found.canvas, found.revealed, KEY, message).probability

    def _whole_blocks(self) -> tuple[slice, slice]:
        canvas = self.received.canvas
        return slice(canvas.height // BLOCK), slice(canvas.width // BLOCK)


class Story:
    """The bundled photograph, immunized, tampered with, scaled and saved again."""

    def __init__(self) -> None:
        self.guard = Guard(KEY)
        engine = self.guard.engine
        self.host = host_photograph()
        self.prepared = prepare(engine, self.host)
        self.frame, self.canvas = self.prepared.frame, self.prepared.canvas
        self.on_frame = to_pixels(self.canvas.image)[: self.canvas.height, : self.canvas.width]
        self.published = publish(engine, self.host, self.prepared, KEY, IMAGE_ID)
        options = engine.record.options
        message = Message(IMAGE_ID, geometry_of(self.frame))
        payload = lay_out(options, KEY, message, self.prepared.code)
        self.residual = residual(engine, self.canvas, payload)
        outline = Image.new("1", self.host.shape[1::-1])
        ImageDraw.Draw(outline).polygon(PALM, fill=1)
        self.mask = np.array(outline)
        # As in the demo: a palm leaf is retouched away.
        random = np.random.default_rng(0)
        self.forged = tamper(self.published, "inpaint", mask=self.mask, rng=random).picture

    def copy(self, picture: Pixels, chain: str = "none", search: Search = "quick") -> Copy:
        """The picture after what may happen to it on its way."""
        return Copy(self.guard, resave(picture, parse_chain(chain)), search)

    def mask_on_frame(self) -> NDArray[np.bool_]:
        """True where the frame was touched, (h, w)."""
        touched = np.where(self.mask, np.uint8(255), np.uint8(0))[..., None]
        scaled: NDArray[np.bool_] = to_frame(touched, self.frame)[..., 0] > 1
        return scaled


def transforms(story: Story) -> Image.Image:
    """What the paper hides and works on, and the patterns of its transform and of ours."""
    host = torch.from_numpy(story.canvas.image[:, *MIDDLE])[None]
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
    return strip(panels, width=FOUR, columns=4)


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


def change(story: Story) -> Image.Image:
    """What immunizing changes in the picture's own pixels."""
    decibels = psnr_db(story.host, story.published)
    host, published = story.host[PART], story.published[PART]
    panels = [
        Panel("host, part", host),
        Panel(f"immunized, {decibels:.1f} dB PSNR", published),
        Panel(
            f"difference, {CHANGE_GAIN} times, on grey",
            added(published.astype(np.float32) - host, gain=CHANGE_GAIN),
        ),
    ]
    return strip(panels, width=THREE, columns=3)


def in_coefficients(story: Story) -> torch.Tensor:
    """What the network adds to every coefficient of the frame, grey levels: (3, 8, 8, h, w)."""
    transform = BlockTransform()
    immunized = story.canvas.image.copy()
    height, width = story.residual.shape[:2]
    immunized[:, :height, :width] += story.residual.transpose(2, 0, 1) / 255
    pair = torch.from_numpy(np.stack([story.canvas.image, immunized]))
    host, published = transform(pair)
    return 255 * (published - host).unflatten(0, (3, BLOCK, BLOCK))


def coefficients(story: Story) -> Image.Image:
    """Where in the spectrum the change lies."""
    change = in_coefficients(story).abs().mean((-2, -1)).numpy()
    steps = tables(torch.tensor([75.0]))[0].view(BLOCK, BLOCK).numpy()
    planes = [
        Panel(f"{name}: mean change", table(plane, most=change.max(), digits=1, side=FOUR))
        for name, plane in zip(("Y", "Cb", "Cr"), change, strict=True)
    ]
    steps_panel = Panel("Y: step of JPEG 75", table(steps, most=60, digits=0, side=FOUR))
    return strip([*planes, steps_panel], width=FOUR, columns=4)


def scattered(story: Story) -> Image.Image:
    """One number of the code, in place and scattered, and what is lost when a region is erased."""
    canvas, options = story.canvas, story.guard.engine.record.options
    gone = np.zeros(story.on_frame.shape[:2], bool)
    gone[ERASED] = True
    published = np.rint(to_frame(story.published, story.frame)).clip(0, 255).astype(np.uint8)
    picture = published.copy()
    picture[gone] = 128
    erased = erased_blocks(widen(canvas, gone, margin=0))
    revealed = story.guard.engine.reveal(to_canvas(picture).image)[:-TEMPLATE_CHANNELS]
    home = find_code(options, KEY, IMAGE_ID, revealed, canvas.inside).without(erased)
    flags = home[len(home) // 2 - 1 :: len(home) // 2]
    inside = canvas.inside
    first, both = (flags[0] == 0) & inside, (flags == 0).all(0) & inside
    keying = code_keying(options, KEY, IMAGE_ID, canvas.grid, len(story.prepared.code))
    hidden = scatter_code(story.prepared.code, *keying)

    def code(numbers: Array) -> NDArray[np.uint8]:
        return grey(numbers[CODE_NUMBER], -CODE_RANGE, CODE_RANGE)

    def lost(where: str, blocks: NDArray[np.bool_]) -> Panel:
        share = blocks.sum() / inside.sum()
        return Panel(f"{where}: {share:.0%} lost", tinted(published, blocks))

    panels = [
        Panel("a number of the code, in place", code(story.prepared.code)),
        Panel("the same, scattered by the key", code(hidden)),
        Panel("a region is erased", picture),
        lost("if hidden in place", (erased[0] > 0) & inside),
        lost("scattered, description 1", first),
        lost("scattered, both", both),
    ]
    return strip(panels, width=THREE, columns=3)


def signs(story: Story) -> Image.Image:
    """Where the revealed template disagrees, before and after tampering and JPEG."""
    untouched, forged = story.copy(story.published), story.copy(story.forged)
    saved = story.copy(story.forged, AFTERWARDS)

    def wrong(name: str, copy: Copy) -> Panel:
        share = copy.disagreement()
        return Panel(f"{name}: {share.mean():.0%} wrong", heat(share))

    average = ndimage.uniform_filter(saved.disagreement(), NEIGHBOURS)
    contrasted = (average - LEAST) / (MOST - LEAST)
    panels = [
        wrong("as published", untouched),
        wrong("retouched", forged),
        wrong("scaled, JPEG 75", saved),
        Panel("true mask", grey(story.mask_on_frame().astype(np.float32), 0, 1)),
        Panel(f"its mean over {NEIGHBOURS}x{NEIGHBOURS} blocks", heat(contrasted)),
        Panel("what the localizer says of it", grey(saved.probability(), 0, 1)),
    ]
    return strip(panels, width=THREE, columns=3)


def verdict(story: Story) -> Image.Image:
    """From a received copy to mask and reconstruction, in the copy's own pixels."""
    copy = story.copy(story.forged, AFTERWARDS)
    found = story.guard.verify(copy.picture)
    probability = story.guard.probability(found)
    assert probability is not None
    assert found.recovered is not None
    panels = [
        Panel("as published", story.published),
        Panel("received: scaled, JPEG 75", copy.picture),
        Panel("probability of a change", grey(probability, 0, 1)),
        Panel("mask", grey(found.mask.astype(np.float32), 0, 1)),
        Panel("overlay", overlay(found)),
        Panel("reconstruction", found.recovered),
    ]
    return strip(panels, width=THREE, columns=3)


def hidden_copy(story: Story) -> Image.Image:
    """The picture as its code alone tells it."""
    copy = story.copy(story.forged, AFTERWARDS)
    copies = []
    for picture in (story.published, copy.picture):
        found = story.guard.verify(picture, recover=False, hidden_copy=True)
        assert found.hidden_copy_image is not None
        copies.append(found.hidden_copy_image)
    panels = [
        Panel("as published", story.published),
        Panel("its hidden copy", copies[0]),
        Panel("retouched, JPEG 75", copy.picture),
        Panel("hidden copy in that", copies[1]),
    ]
    return strip(panels, width=FOUR, columns=4)


def on_the_frame(story: Story) -> Image.Image:
    """The frame, and what is made on it to be added to the picture."""
    deviation = story.prepared.deviation
    ones = np.ones((*deviation.shape, 3), np.float32)
    gain = shape(ones, deviation, SHAPING)[..., 0]
    waved = pilot(waves(KEY.root("pilot")), deviation)
    sum_of_both = shape(story.residual, deviation, SHAPING) + waved[..., None]
    height, width = deviation.shape
    panels = [
        Panel(f"the frame, {width}x{height}", story.on_frame),
        Panel("added: 70 % black, all white", grey(gain, SHAPING.flat, SHAPING.busy)),
        Panel(f"pilot, part, {PILOT_GAIN} times", added(waved[CORNER], gain=PILOT_GAIN)),
        Panel(
            f"all added, part, {CHANGE_GAIN} times", added(sum_of_both[CORNER], gain=CHANGE_GAIN)
        ),
    ]
    return strip(panels, width=FOUR, columns=4)


def placing(story: Story) -> Image.Image:
    """A part of the picture, turned, and how its waves tell where it lies."""
    copy = story.copy(story.published, PART_COPY, "full")
    placement = copy.received.placement
    seen, keyed = spectrum(copy.picture), waves(KEY.root("pilot"))
    heard = [
        float((np.abs(amplitudes(seen, keyed, placement.matrix * scale, np.zeros(2))) ** 2).sum())
        for scale in AROUND
    ]
    lies = Image.fromarray(story.on_frame)
    corners = [(float(x), float(y)) for x, y in placement.corners()]
    ImageDraw.Draw(lies).polygon(corners, outline=COLOURS["changed"], width=6)
    side = round(FOUR * copy.picture.shape[0] / copy.picture.shape[1])
    panels = [
        Panel("a part, turned, JPEG 75", copy.picture),
        Panel("its spectrum, waves ringed", _ringed(seen, keyed, placement.matrix)),
        Panel("heard, scale 0.89 to 1.13", curve(heard, width=FOUR, height=side)),
        Panel("where it lies in the frame", np.array(lies)),
    ]
    return strip(panels, width=FOUR, columns=4)


def _ringed(seen: Spectrum, keyed: Waves, matrix: NDArray[np.float64]) -> Pixels:
    """The middle of a spectrum, frequency 0 in its middle, rings around the waves' places."""
    frequency = np.linspace(-HIGHEST, HIGHEST, FOUR)
    across, down = np.meshgrid(frequency, frequency)
    flip = np.where(across < 0, -1, 1)
    column = np.rint(flip * across * seen.bins).astype(int)
    row = np.rint(flip * down * seen.bins).astype(int) % seen.bins
    sheet = Image.fromarray(grey(np.log10(seen.power / seen.noise)[row, column], -1, 1.5))
    sheet = sheet.convert("RGB")
    draw = ImageDraw.Draw(sheet)
    places = np.array([keyed.u, keyed.v]).T @ (matrix / np.array(seen.ratio))
    for place in (*places, *-places):
        x, y = (place + HIGHEST) / (2 * HIGHEST) * (FOUR - 1)
        draw.ellipse((x - RING, y - RING, x + RING, y + RING), outline=COLOURS["changed"])
    return np.array(sheet)


def numbers(story: Story) -> str:
    """What the page says in numbers."""
    energy = in_coefficients(story).square().sum((0, -2, -1))
    written = float(energy[1:4, 1:4].sum() / energy.sum())
    wrong = story.copy(story.forged, AFTERWARDS).disagreement()
    # Blocks on the seam are partly changed: they count on neither side.
    rows, columns = wrong.shape
    mask = story.mask_on_frame()[: rows * BLOCK, : columns * BLOCK]
    blocks = mask.reshape(rows, BLOCK, columns, BLOCK)
    touched, whole = blocks.any((1, 3)), blocks.all((1, 3))
    return (
        f"of the change's energy in the nine numbers (1..3, 1..3): {written:.0%}\n"
        f"wrong signs after {AFTERWARDS}: {wrong[~touched].mean():.0%} outside the change, "
        f"{wrong[whole].mean():.0%} inside"
    )


PICTURES: dict[str, Callable[[Story], Image.Image]] = {
    "how-transforms.webp": transforms,
    "how-residual.webp": change,
    "how-coefficients.webp": coefficients,
    "how-scattered.webp": scattered,
    "how-template.webp": signs,
    "how-verdict.webp": verdict,
    "how-hidden-copy.webp": hidden_copy,
    "how-frame.webp": on_the_frame,
    "how-pilot.webp": placing,
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
