"""A folder of photographs as square pieces on the device; a batch of crops is one gather a scale.

    folder ─► decode, upright RGB ─► scaled ─► squares, uint8 ─► pool of each scale ─► crops

Nothing of a step waits for the processor: which crops a batch takes is drawn on the device.
"""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from imuge.errors import ConfigError, ImageError
from imuge.train.attacks.filters import grey
from imuge.train.config import CropSettings

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif"})
READERS = 16  # pictures decoded at a time
NAMED = 3  # files that a message names
GAMMA = (0.7, 1.4)  # of a toned crop
GAIN = (0.85, 1.15)  # of each colour
SATURATION = (0.5, 1.6)

Say = Callable[[str], None]


def find_photographs(folder: Path) -> list[Path]:
    """All pictures in a folder and below it, in the order of their names.

    Raises:
        ConfigError: the folder is missing, cannot be read, or holds no picture.
    """
    if not folder.is_dir():
        raise ConfigError(f"expected a folder of photographs, got {folder}")
    try:
        found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    except OSError as error:
        raise ConfigError(f"cannot read the folder {folder}: {error.strerror}") from error
    if not found:
        raise ConfigError(
            f"{folder} holds no photographs; expected files ending in {', '.join(sorted(SUFFIXES))}"
        )
    return found


def read_photograph(path: Path) -> Image.Image:
    """One picture, upright, RGB.

    Raises:
        ImageError: it cannot be decoded.
    """
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImageError(f"cannot read {path}: {error}") from error


@dataclass(frozen=True, slots=True)
class PhotoBank:
    """The pools of one training set on one device."""

    pools: tuple[Tensor, ...]  # (N, S, S, 3) uint8, one a scale
    shares: tuple[float, ...]  # of a batch, one a pool
    crop: int
    toned: float  # share of crops
    photographs: int  # how many are in it

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        settings: CropSettings,
        *,
        device: torch.device,
        seed: int,
        say: Say,
        shown: Callable[[float], None] = lambda _: None,
    ) -> "PhotoBank":
        """`load` all pictures of a folder; `shown` is called with the share that is read, 0..1."""
        paths = find_photographs(folder)
        return cls.load(
            paths,
            settings,
            device=device,
            seed=seed,
            say=say,
            shown=lambda done: shown(done / len(paths)),
        )

    @classmethod
    def load(
        cls,
        paths: Iterable[Path],
        settings: CropSettings,
        *,
        device: torch.device,
        seed: int,
        say: Say,
        shown: Callable[[int], None] = lambda _: None,
    ) -> "PhotoBank":
        """Decode photographs and cut their squares; the same seed cuts the same ones.

        Args:
            paths: Pictures; unreadable ones and those below the size of a crop are left out.
            settings: Scales, squares and the size of a crop.
            device: Where the pools shall lie.
            seed: Of the places where squares are cut.
            say: Told which pictures were left out.
            shown: Called with the number of pictures done.

        Raises:
            ConfigError: no picture could be used.
        """
        paths = list(paths)
        numbers = range(len(paths))
        squares: list[list[Tensor]] = [[] for _ in settings.scales]
        unreadable, small, used = [], [], 0
        with ThreadPoolExecutor(READERS) as readers:
            jobs = readers.map(lambda number: _cut(paths[number], number, settings, seed), numbers)
            for done, (path, result) in enumerate(zip(paths, jobs, strict=True)):
                shown(done + 1)
                if isinstance(result, ImageError):
                    unreadable.append(path)
                elif not any(result):
                    small.append(path)
                else:
                    used += 1
                    for pool, cut in zip(squares, result, strict=True):
                        pool.extend(cut)
        if unreadable:
            say(f"left out {len(unreadable)} unreadable pictures: {_names(unreadable)}")
        if small:
            say(f"left out {len(small)} pictures below {settings.crop} pixels: {_names(small)}")
        if not used:
            raise ConfigError(
                f"none of {len(paths)} pictures can be used: {len(unreadable)} are unreadable, "
                f"{len(small)} have a side below {settings.crop} pixels (data.crop)"
            )
        kept = [i for i, pool in enumerate(squares) if pool]
        return cls(
            pools=tuple(torch.stack(squares[i]).to(device) for i in kept),
            shares=tuple(settings.shares[i] for i in kept),
            crop=settings.crop,
            toned=settings.toned,
            photographs=used,
        )

    def batch(self, count: int) -> Tensor:
        """Draw crops: (count, 3, crop, crop) float32 RGB in [0, 1], half of them mirrored.

        For a share of them (`toned`) gamma, saturation and the colours' gains are drawn; whole grey
        levels all the same.
        The first samples come from the first pool, the last from the last: their order tells.
        """
        total = sum(self.shares)
        ends = np.round(np.cumsum(self.shares) / total * count).astype(int)
        sizes = np.diff(ends, prepend=0)
        crops = [
            _crops(pool, int(n), self.crop) for pool, n in zip(self.pools, sizes, strict=True) if n
        ]
        pictures = torch.cat(crops).permute(0, 3, 1, 2).float() / 255
        return _toned(pictures, self.toned) if self.toned else pictures


def _toned(pictures: Tensor, share: float) -> Tensor:
    """Change the colours of a share of pictures, (B, 3, H, W): few photographs stand for many."""
    count, device = len(pictures), pictures.device

    def between(ends: tuple[float, float], channels: int = 1) -> Tensor:
        place = torch.rand(count, channels, 1, 1, device=device)
        return ends[0] + (ends[1] - ends[0]) * place

    toned = torch.lerp(grey(pictures), pictures, between(SATURATION)) * between(GAIN, 3)
    toned = toned.clamp(0, 1) ** between(GAMMA)
    toned = (255 * toned).round() / 255
    return toned.where(torch.rand(count, 1, 1, 1, device=device) < share, pictures)


def _crops(pool: Tensor, count: int, crop: int) -> Tensor:
    pieces, side = pool.shape[:2]
    device = pool.device
    which = torch.randint(pieces, (count, 1, 1), device=device)
    corner = torch.randint(side - crop + 1, (2, count, 1, 1), device=device)
    along = torch.arange(crop, device=device)
    mirrored = torch.rand(count, 1, 1, device=device) < 0.5
    columns = torch.where(mirrored, crop - 1 - along, along)
    return pool[which, corner[0] + along[:, None], corner[1] + columns]


def _cut(
    path: Path, number: int, settings: CropSettings, seed: int
) -> list[list[Tensor]] | ImageError:
    """Squares of one photograph, a list for each scale; none where it is below the crop's size."""
    try:
        photograph = read_photograph(path)
    except ImageError as error:
        return error
    chooser = random.Random(f"{seed}/{number}")
    short = min(photograph.size)
    found: list[list[Tensor]] = [[] for _ in settings.scales]
    if short < settings.crop:
        return found
    for i, scale in enumerate(settings.scales):
        if round(short * scale) >= settings.sides[i]:
            scaled = _scaled(photograph, scale)
            found[i] = [
                _square(scaled, settings.sides[i], chooser) for _ in range(settings.squares[i])
            ]
    if not any(found):  # large enough for a crop, but for no square: enlarged to the smallest
        smallest = min(range(len(found)), key=lambda i: settings.sides[i])
        side = settings.sides[smallest]
        found[smallest] = [_square(_scaled(photograph, side / short), side, chooser)]
    return found


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _square(picture: Image.Image, side: int, chooser: random.Random) -> Tensor:
    left = chooser.randint(0, picture.width - side)
    top = chooser.randint(0, picture.height - side)
    square = picture.crop((left, top, left + side, top + side))
    return torch.from_numpy(np.array(square))


def _names(paths: list[Path]) -> str:
    named = ", ".join(path.name for path in paths[:NAMED])
    return named if len(paths) <= NAMED else f"{named} and {len(paths) - NAMED} more"
