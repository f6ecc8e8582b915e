"""The photographs a measurement is made on."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imuge.errors import ConfigError, ImageError
from imuge.image import load
from imuge.results import Pixels

SIDE = 512  # pixels on a side of the pictures that studies measure on


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph, cut to a square from its top left corner."""

    name: str
    sha256: str  # of the file
    pixels: Pixels  # (side, side, 3)


def photographs(folder: Path, *, side: int, count: int | None = None) -> list[Photograph]:
    """Read photographs in the order of their names.

    Args:
        folder: Where they lie; files that are no picture, or smaller than `side`, are passed over.
        side: Of the square that is cut out, pixels.
        count: How many, evenly spread over the folder; None means all.

    Raises:
        ConfigError: there is no such folder, or not one usable photograph in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"expected a folder of photographs, got {folder}")
    usable = list(_read_all(folder, side))
    if not usable:
        raise ConfigError(f"{folder} holds no photograph of {side}x{side} pixels or more")
    if count is None or count >= len(usable):
        return usable
    return [usable[i] for i in np.linspace(0, len(usable) - 1, count).round().astype(int)]


def _read_all(folder: Path, side: int) -> Iterator[Photograph]:
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            pixels = load(path).pixels
        except ImageError:
            continue
        if min(pixels.shape[:2]) >= side:
            square = np.ascontiguousarray(pixels[:side, :side])
            yield Photograph(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), square)
