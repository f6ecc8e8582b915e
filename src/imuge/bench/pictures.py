"""The photographs a measurement is made on, whole, and the size in which it is scored.

    published (H, W) ─ tampered ─► scaled, saved ─► copy (h, w) ─ examined ─► mask, recovered
         └───────────────────────── scored ◄── at_size ◄───────────────────────────┘

Scores are in the published picture's own pixels, whatever size came back: a mask that is coarse
there is a coarse mask.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imuge.errors import ConfigError, ImageError
from imuge.image import load
from imuge.results import Pixels

Mask: TypeAlias = NDArray[np.bool_]
Array: TypeAlias = NDArray[np.float32]
Group: TypeAlias = Literal["large", "validation"]  # of the photographs that copies are judged on

SIDE = 512  # pixels on a side of the pictures that most studies measure on


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph."""

    name: str
    sha256: str  # of the file
    pixels: Pixels  # (H, W, 3)


def photographs(
    folder: Path, *, side: int | None = None, count: int | None = None
) -> list[Photograph]:
    """Read photographs in the order of their names.

    Args:
        folder: Where they lie; files that are no picture, or smaller than `side`, are passed over.
        side: Of the square that is cut out at the top left, pixels; None takes pictures whole.
        count: How many, evenly spread over the folder; None means all.

    Raises:
        ConfigError: there is no such folder, or not one usable photograph in it.
    """
    usable = list(_usable(_files(folder), side))
    _require(usable, folder, side)
    if count is None or count >= len(usable):
        return usable
    return [usable[i] for i in np.linspace(0, len(usable) - 1, count).round().astype(int)]


def several(folder: Path, *, count: int | None = None) -> list[Photograph]:
    """Two photographs or more, as `photographs` reads them: pieces of one are pasted into another.

    Raises:
        ConfigError: there is no such folder, or fewer than two usable photographs in it.
    """
    found = photographs(folder, count=count)
    if len(found) < 2:
        raise ConfigError(f"expected two photographs or more in {folder}, got one")
    return found


def large_and_small(
    large: Path, small: Path | None, *, count: int | None
) -> dict[Group, list[Photograph]]:
    """The two folders that copies are judged on: by default the second lies beside the first.

    Raises:
        ConfigError: as `several`.
    """
    return {
        "large": several(large, count=count),
        "validation": several(small or large.parent / "validation", count=count),
    }


def sampled(folder: Path, count: int) -> list[Photograph]:
    """So many whole photographs in a fixed random order: longer lists begin with shorter ones.

    Raises:
        ConfigError: there is no such folder, or not one usable photograph in it.
    """
    files = _files(folder)
    order = np.random.default_rng(0).permutation(len(files))
    usable = list(islice(_usable((files[i] for i in order), None), count))
    _require(usable, folder, None)
    return usable


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"expected a folder of photographs, got {folder}")
    return sorted(path for path in folder.iterdir() if path.is_file())


def _require(usable: Sequence[Photograph], folder: Path, side: int | None) -> None:
    if not usable:
        least = "" if side is None else f" of {side}x{side} pixels or more"
        raise ConfigError(f"{folder} holds no photograph{least}")


def _usable(files: Iterable[Path], side: int | None) -> Iterator[Photograph]:
    for path in files:
        try:
            pixels = load(path).pixels
        except ImageError:
            continue
        if side is None or min(pixels.shape[:2]) >= side:
            cut = pixels if side is None else np.ascontiguousarray(pixels[:side, :side])
            yield Photograph(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), cut)


def longer_sides(pictures: Sequence[Photograph]) -> list[int]:
    """The least and the greatest longer side, pixels."""
    sides = [max(picture.pixels.shape[:2]) for picture in pictures]
    return [min(sides), max(sides)]


def covering(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture scaled until it covers `size` (H, W), and its middle cut out; as it is if it fits.

    So that what is pasted from another picture has the host's size.
    """
    height, width = picture.shape[:2]
    if (height, width) == size:
        return picture
    scale = max(size[0] / height, size[1] / width)
    across, down = min(size[1] / scale, width), min(size[0] / scale, height)  # rounding
    left, top = (width - across) / 2, (height - down) / 2
    image = Image.fromarray(picture)
    box = (left, top, left + across, top + down)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box))


def picture_at(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """A picture (h, w, 3) brought edge to edge to `size` (H, W), bicubically."""
    if picture.shape[:2] == size:
        return picture
    image = Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.asarray(image)


def values_at(values: Array, size: tuple[int, int]) -> Array:
    """Numbers (h, w) brought edge to edge to `size` (H, W), linearly."""
    if values.shape == size:
        return values
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.array(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def mask_at(mask: Mask, size: tuple[int, int]) -> Mask:
    """A mask (h, w) brought edge to edge to `size` (H, W): what it covers by more than half."""
    return mask if mask.shape == size else values_at(mask.astype(np.float32), size) > 0.5
