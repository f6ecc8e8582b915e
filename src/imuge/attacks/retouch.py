"""Tampering as a person with an editor does it, together with the mask that tells the truth.

Outside the returned mask the picture is bit for bit the one given. Inside, content changes by
construction; on a textured picture nine pixels in ten or more really differ.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from scipy import ndimage

from imuge.attacks.masks import Mask, draw_mask, fold
from imuge.attacks.picture import check_picture
from imuge.errors import ConfigError, ImageError
from imuge.results import Pixels

Planes: TypeAlias = NDArray[np.float32]

CAPTIONS = ("BREAKING NEWS", "For sale", "Exclusive photo", "Not as it seems", "12 March, 9 a.m.")
SMALLEST_SIDE = 16  # pixels
TRIES = 8  # candidates of which the one that changes most is taken


@dataclass(frozen=True, slots=True)
class Tampered:
    """A changed picture and the truth about it."""

    picture: Pixels
    mask: Mask  # (H, W), True where the picture was changed


def tamper(
    picture: Pixels,
    kind: str,
    *,
    area: float = 0.1,
    shape: str = "blob",
    rng: np.random.Generator,
    other: Pixels | None = None,
    mask: Mask | None = None,
) -> Tampered:
    """Change part of a picture.

    Args:
        picture: (H, W, 3) uint8 RGB; left as it is.
        kind: One of `KINDS`.
        area: Wanted fraction of the picture, above 0 and up to 0.9.
        shape: One of `imuge.attacks.masks.SHAPES`; `text` is always a banner.
        rng: Source of every choice; the same state gives the same result.
        other: (H', W', 3) uint8 RGB that `splice` takes its content from.
        mask: (H, W), True where to change; None draws one of the wanted area and shape.

    Returns:
        The changed picture and its mask. For `text` the mask holds the pixels that really
        changed, so its area may be a little smaller than wanted.

    Raises:
        ConfigError: the kind or shape is unknown, the area out of range, or `splice` has no other.
        ImageError: a picture is not uint8 RGB, or smaller than 16x16.
    """
    if kind not in KINDS:
        raise ConfigError(f"unknown kind of tampering {kind!r}; known are {', '.join(KINDS)}")
    picture = check_picture(picture)
    height, width, _ = picture.shape
    if min(height, width) < SMALLEST_SIDE:
        raise ImageError(
            f"expected a picture of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels to tamper "
            f"with, got {width}x{height}"
        )
    if mask is None:
        mask = draw_mask("banner" if kind == "text" else shape, height, width, area, rng)
    edited = KINDS[kind](picture, mask, rng, other)
    changed = np.where(mask[..., None], edited, picture)
    if kind == "text":
        mask = (changed != picture).any(axis=2)
    return Tampered(picture=changed, mask=mask)


def _splice(picture: Pixels, _mask: Mask, rng: np.random.Generator, other: Pixels | None) -> Pixels:
    if other is None:
        raise ConfigError("splice needs `other`, the picture whose content is pasted; got none")
    height, width, _ = picture.shape
    donor = Image.fromarray(check_picture(other, "other"))
    centre = (rng.random(), rng.random())
    return np.asarray(ImageOps.fit(donor, (width, height), Image.Resampling.BICUBIC, 0, centre))


def _copy_move(
    picture: Pixels, mask: Mask, rng: np.random.Generator, _other: Pixels | None
) -> Pixels:
    """Take content from a quarter to half a picture away, mirrored every other time."""
    height, width, _ = picture.shape

    def moved() -> Pixels:
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.5) * min(height, width)
        rows = np.arange(height) + round(distance * np.sin(angle))
        columns = np.arange(width) + round(distance * np.cos(angle))
        if rng.random() < 0.5:
            columns = width - 1 - columns
        return picture[np.ix_(fold(rows, height), fold(columns, width))]

    return _most_different((moved() for _ in range(TRIES)), picture, mask)


def _inpaint(
    picture: Pixels, mask: Mask, rng: np.random.Generator, _other: Pixels | None
) -> Pixels:
    """Fill from the surroundings, then add noise as strong as theirs."""
    planes = picture.astype(np.float32)
    filled = fill_smoothly(planes, mask)
    grain = planes - ndimage.gaussian_filter(planes, (1, 1, 0))
    margin = max(8, min(mask.shape) // 16)
    ring = (ndimage.maximum_filter(mask.astype(np.uint8), 2 * margin + 1) > 0) & ~mask
    # The median hardly hears edges and texture, so this is the noise of the plain parts.
    spread = 1.4826 * np.median(np.abs(grain[ring]), axis=0)
    filled += rng.standard_normal(picture.shape, dtype=np.float32) * np.maximum(spread, 1)
    return _to_pixels(filled)


def fill_smoothly(planes: Planes, mask: Mask) -> Planes:
    """Fill a mask (H, W) of planes (H, W, C) from ever coarser averages of what is around it."""
    known = (~mask).astype(np.float32)[..., None]
    return _push_pull(planes * known, known)


def _push_pull(weighted: Planes, weight: Planes) -> Planes:
    """Fill where nothing is known from ever coarser averages of what is.

    Args:
        weighted: (H, W, C) values times `weight`.
        weight: (H, W, 1), 1 where the value is known and 0 where it is not.

    Returns:
        (H, W, C) values everywhere; known ones are kept.
    """
    height, width, _ = weighted.shape
    if max(height, width) == 1 or weight.min() > 0:
        return weighted / weight
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    weighted, weight = np.pad(weighted, padding), np.pad(weight, padding)
    coarse = _push_pull(_halved(weighted), _halved(weight))
    # Order 1 on the grid of pixel areas: the coarse fill goes in without blocks.
    smooth = ndimage.zoom(coarse, (2, 2, 1), order=1, mode="nearest", grid_mode=True)
    filled: Planes = weighted + (1 - weight) * smooth
    return filled[:height, :width]


def _halved(planes: Planes) -> Planes:
    height, width, channels = planes.shape
    squares = planes.reshape(height // 2, 2, width // 2, 2, channels)
    means: Planes = squares.mean(axis=(1, 3), dtype=np.float32)
    return means


def _blur(picture: Pixels, mask: Mask, _rng: np.random.Generator, _other: Pixels | None) -> Pixels:
    sigma = max(3.0, 0.025 * min(mask.shape))
    # Pillow's three box passes cost the same for any sigma; a true Gaussian takes half a minute
    # on 12 megapixels.
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))


def _text(picture: Pixels, mask: Mask, rng: np.random.Generator, _other: Pixels | None) -> Pixels:
    """Write a caption on an opaque box that fills the mask."""
    rows, columns = np.nonzero(mask)
    top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    paper = rng.integers(200, 256, 3) if rng.random() < 0.5 else rng.integers(0, 70, 3)
    ink = (255, 255, 255) if paper.mean() < 128 else (0, 0, 0)
    caption = str(rng.choice(CAPTIONS))
    probe = ImageFont.load_default(100).getbbox(caption)
    size = min(0.6 * (bottom - top), 90 * (right - left) / (probe[2] - probe[0]))
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((left, top, right - 1, bottom - 1), fill=tuple(paper.tolist()))
    middle = ((left + right) / 2, (top + bottom) / 2)
    draw.text(middle, caption, fill=ink, font=ImageFont.load_default(max(4, size)), anchor="mm")
    return np.asarray(canvas)


def _fill(picture: Pixels, mask: Mask, rng: np.random.Generator, _other: Pixels | None) -> Pixels:
    colours = rng.integers(0, 256, (TRIES, 3), dtype=np.uint8)
    plain = (np.broadcast_to(colour, picture.shape) for colour in colours)
    return _most_different(plain, picture, mask)


def _colour(picture: Pixels, mask: Mask, rng: np.random.Generator, _other: Pixels | None) -> Pixels:
    """Give the content other colours and keep its light and its texture."""

    def recoloured() -> Pixels:
        # Rows of a matrix near a permutation of the channels: the hue turns, luma hardly changes.
        turned = np.roll(np.eye(3), rng.integers(1, 3), axis=0) * rng.uniform(0.5, 0.9)
        mixed = picture @ (turned + (1 - turned.sum(0)) / 3).astype(np.float32)
        return _to_pixels(mixed + rng.uniform(-16, 16, 3))

    return _most_different((recoloured() for _ in range(TRIES)), picture, mask)


def _sticker(
    picture: Pixels, mask: Mask, rng: np.random.Generator, _other: Pixels | None
) -> Pixels:
    """Stick a striped label over the mask, with a plain rim."""
    height, width = mask.shape
    rows, columns = np.ogrid[:height, :width]
    heading, period = rng.uniform(0, np.pi), max(6.0, 0.06 * min(height, width))
    phase = (rows * np.sin(heading) + columns * np.cos(heading)) / period
    inside = ndimage.distance_transform_edt(mask) > max(1.5, period / 6)

    def printed() -> Pixels:
        first, second, rim = rng.integers(0, 256, (3, 3), dtype=np.uint8)
        stripes = np.where((phase % 1 < 0.5)[..., None], first, second)
        label: Pixels = np.where(inside[..., None], stripes, rim)
        return label

    return _most_different((printed() for _ in range(TRIES)), picture, mask)


def _most_different(candidates: Iterable[Pixels], picture: Pixels, mask: Mask) -> Pixels:
    """Return the first candidate that changes the whole mask, or the one that changes most."""
    best, best_share = picture, -1.0
    for candidate in candidates:
        share = float((candidate[mask] != picture[mask]).any(axis=1).mean())
        if share > best_share:
            best, best_share = candidate, share
        if share == 1:
            break
    return best


def _to_pixels(planes: Planes) -> Pixels:
    return np.clip(np.rint(planes), 0, 255).astype(np.uint8)


KINDS: dict[str, Callable[[Pixels, Mask, np.random.Generator, Pixels | None], Pixels]] = {
    "splice": _splice,
    "copy-move": _copy_move,
    "inpaint": _inpaint,
    "blur": _blur,
    "text": _text,
    "fill": _fill,
    "colour": _colour,
    "sticker": _sticker,
}
