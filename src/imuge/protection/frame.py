"""The frame: a picture at the modest size on which everything imuge does takes place.

    picture W x H ── to_frame (antialiased) ──► frame w x h ── networks ──► residual w x h
        │                                                                     │
        └──────────────── add_to_picture (bicubic, rounded) ◄─────────────────┘

Its longer side is one of `SIDES` and at most 1 / 1.25 of the picture's: what a platform's scaling
and JPEG do falls mostly on detail that the frame does not have. Pixels of a frame have their
centres at +½: its pixel (i, j) shows the picture at ((i + ½) · W / across, (j + ½) · H / down).
Large pictures pass in bands, so that memory is that of the picture and little more.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imuge.image.picture import Samples
from imuge.keys.message import Geometry

Array: TypeAlias = NDArray[np.float32]
Detail: TypeAlias = Literal["robust", "normal", "fine"]

SIDES = (128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
DETAILS: tuple[Detail, ...] = get_args(Detail)
LARGEST_SIDE: dict[Detail, int] = {"robust": 512, "normal": 768, "fine": 1536}
OVERSAMPLING = 1.25  # of the picture over its frame; `fine` does without
BAND_PIXELS = 400_000  # of the picture, worked on at once: small enough for a processor's cache
FINEST_REDUCTION = 2.0  # pixels left for each of the frame after whole-numbered averaging


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The size of a frame, and how much of it a picture covers.

    Attributes:
        width: Frame pixels.
        height: Frame pixels.
        across: Frame pixels that the picture covers, counted from the left; a fraction more than
            `width` - 1 at the least.
        down: The same from the top.
        left: Where in the frame the picture begins, less than a pixel from its edge.
        top: The same from the top.
    """

    width: int
    height: int
    across: float
    down: float
    left: float = 0.0
    top: float = 0.0

    @property
    def side(self) -> int:
        """The longer side, one of `SIDES` for a frame that was published."""
        return max(self.width, self.height)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, as arrays have them."""
        return self.height, self.width


def published_frame(width: int, height: int, detail: Detail = "normal") -> Frame:
    """The frame on which a picture is published.

    Args:
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        detail: "robust" for channels that scale down hard, "fine" for those that never scale.
    """
    longer = max(width, height)
    room = longer if detail == "fine" else longer / OVERSAMPLING
    fitting = [side for side in SIDES if side <= min(room, LARGEST_SIDE[detail])]
    return whole_frame(width, height, max(fitting, default=SIDES[0]))


def whole_frame(width: int, height: int, side: int) -> Frame:
    """The frame of this side which a picture covers edge to edge, scaled alike on both axes."""
    scale = side / max(width, height)
    across, down = width * scale, height * scale
    if width >= height:
        across = float(side)
    if height >= width:
        down = float(side)
    return Frame(width=_ceil(across), height=_ceil(down), across=across, down=down)


def fitted_frame(width: int, height: int, size: tuple[int, int]) -> Frame:
    """A frame of known size, edge to edge under a copy whose sides a platform has rounded.

    Args:
        width: Of the copy, pixels.
        height: Of the copy, pixels.
        size: Height and width of the frame.
    """
    guess = whole_frame(width, height, max(size))
    across = min(max(guess.across, size[1] - 1 + 1e-6), size[1])
    down = min(max(guess.down, size[0] - 1 + 1e-6), size[0])
    return Frame(width=size[1], height=size[0], across=across, down=down)


def geometry_of(frame: Frame) -> Geometry:
    """The size of a frame, whose longer side is one of `SIDES`, as the message spells it."""
    return Geometry(
        side_number=SIDES.index(frame.side),
        tall=frame.height > frame.width,
        shorter=min(frame.size),
    )


def size_named(geometry: Geometry) -> tuple[int, int] | None:
    """Height and width of the frame that a message names; None where there can be none such."""
    if geometry.side_number >= len(SIDES) or geometry.shorter > SIDES[geometry.side_number]:
        return None
    longer, shorter = SIDES[geometry.side_number], geometry.shorter
    return (longer, shorter) if geometry.tall else (shorter, longer)


def to_frame(pixels: Samples, frame: Frame, *, threads: int = 1) -> Array:
    """Scale a picture to its frame: antialiased (Lanczos), in float, exact in its scale.

    Args:
        pixels: (H, W, C) uint8 or uint16.
        frame: Where it goes.
        threads: How many bands to work on at once.

    Returns:
        (h, w, C) float32 in about 0..255, whatever the depth of `pixels`.
    """
    height, width, channels = pixels.shape
    made = np.empty((*frame.size, channels), np.float32)
    step = (width / frame.across, height / frame.down)  # picture pixels for each of the frame
    factors = (_reduction(step[0]), _reduction(step[1]))
    rows = max(1, round(BAND_PIXELS / (width * step[1])))

    def scale(first: int) -> None:
        last = min(first + rows, frame.height)
        made[first:last] = _scaled_band(pixels, frame, (first, last), step, factors)

    _each(scale, range(0, frame.height, rows), threads)
    return made


def _scaled_band(
    pixels: Samples,
    frame: Frame,
    rows: tuple[int, int],
    step: tuple[float, float],
    factors: tuple[int, int],
) -> Array:
    """Frame rows `rows` of a picture, (rows, w, C)."""
    height, width = pixels.shape[:2]
    support = 3 * max(step[1], 1.0) + 2  # Lanczos looks three pixels of the coarser side around
    start, end = ((row - frame.top) * step[1] for row in rows)
    left, right = -frame.left * step[0], (frame.width - frame.left) * step[0]
    top = min(math.floor(start), max(0, int(start - support) // factors[1] * factors[1]))
    bottom = max(math.ceil(end), min(height, math.ceil(end + support)))
    bottom = top + -(-(bottom - top) // factors[1]) * factors[1]
    first = math.floor(left)
    columns = max(width, math.ceil(right)) - first
    band = pixels[max(0, top) : bottom]
    if top < 0 or bottom > height or columns != width:
        # A frame's outermost pixels may reach beyond the picture: its edge goes on there.
        band = pixels[np.arange(top, bottom).clip(0, height - 1)]
        band = band[:, np.arange(first, first + columns).clip(0, width - 1)]
    box = (
        (left - first) / factors[0],
        (start - top) / factors[1],
        (right - first) / factors[0],
        (end - top) / factors[1],
    )
    size = (frame.width, rows[1] - rows[0])
    planes = _planes(band, factors)
    return np.stack(
        [np.asarray(plane.resize(size, Image.Resampling.LANCZOS, box)) for plane in planes], 2
    )


def _reduction(step: float) -> int:
    """How many picture pixels may be averaged to one before the exact scaling."""
    return max(1, int(step / FINEST_REDUCTION))


def _planes(band: Samples, factors: tuple[int, int]) -> Iterator[Image.Image]:
    """Each channel as a float image in 0..255, averaged over `factors` pixels across and down."""
    if factors != (1, 1) and band.dtype == np.uint8 and band.shape[2] == 3:
        # All channels at once in 8 bits: several times faster, at a tenth of a grey level.
        yield from _planes(np.array(Image.fromarray(band).reduce(factors), np.uint8), (1, 1))
        return
    unit = np.float32(np.iinfo(band.dtype).max / 255)
    for channel in np.moveaxis(band, 2, 0):
        plane = Image.fromarray(channel.astype(np.float32) / unit)
        yield plane if factors == (1, 1) else plane.reduce(factors)


def add_to_picture(pixels: Samples, residual: Array, frame: Frame, *, threads: int = 1) -> Samples:
    """Add what belongs to the frame to the picture's own pixels, scaled up bicubically.

    Args:
        pixels: (H, W, 3) uint8 or uint16; not changed.
        residual: (h, w, 3) float32, grey levels of 0..255.
        frame: Where the picture lies.
        threads: How many bands to work on at once.

    Returns:
        (H, W, 3) in the depth of `pixels`, rounded and clipped.
    """
    height, width = pixels.shape[:2]
    made = np.empty_like(pixels)
    highest = np.iinfo(pixels.dtype).max
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(residual, 2, 0)]
    rows = max(1, BAND_PIXELS // width)
    step = frame.down / height

    def add(first: int) -> None:
        last = min(first + rows, height)
        box = (0.0, first * step, frame.across, min(last * step, frame.height))
        for channel, plane in enumerate(planes):
            grown = np.array(plane.resize((width, last - first), Image.Resampling.BICUBIC, box))
            if highest != 255:
                grown *= np.float32(highest / 255)
            grown += pixels[first:last, :, channel]
            np.rint(grown, out=grown)
            np.clip(grown, 0, highest, out=grown)
            made[first:last, :, channel] = grown

    _each(add, range(0, height, rows), threads)
    return made


def to_picture(values: Array, frame: Frame, size: tuple[int, int]) -> Array:
    """Scale numbers on a frame, (h, w), to a picture of `size` (H, W), bicubically."""
    box = (0.0, 0.0, frame.across, frame.down)
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.array(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box))


def _each(work: Callable[[int], None], places: range, threads: int) -> None:
    if threads == 1 or len(places) == 1:
        for place in places:
            work(place)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, places))


def _ceil(length: float) -> int:
    """The whole pixels that hold a length, in which a rounding error is no pixel."""
    return max(1, math.ceil(length - 1e-6))
