"""The list of photographs, and how each picture is made from its source file.

    source ┬─► box ─► resized (Lanczos) ─► crop ┬─► JPEG 92, 4:4:4, WebP 90 ──► train/
           │                                    └─► lossless WebP ─┬──────────► validation/
           │                                                       └──────────► calibration/squares/
           └─► as it is ──────────────────────────────────────────────────────► calibration/whole/

`box` is left, top, right, bottom in source pixels, `resized` the width and height of that region
after resizing, `crop` left, top, width and height in what came out. They stand in the list because
they differ: found from the pictures that the release was trained on, which they give byte for byte.
Thresholds come from calibration's pictures, which no network was trained on.
"""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from photographs_packages import REGISTRIES, FetchError, Package
from PIL import Image

TRAIN_JPEG = {"quality": 92, "subsampling": 0}
TRAIN_WEBP = {"quality": 90, "method": 2}
MAX_SIDE = 16_384


def _text(value: str) -> str:
    return value


def _matching(pattern: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(value)
        return value

    return check


def _registry(value: str) -> str:
    if value not in REGISTRIES.values():
        raise ValueError(value)
    return value


def _numbers(count: int) -> Callable[[str], tuple[int, ...]]:
    def parse(value: str) -> tuple[int, ...]:
        numbers = tuple(int(part) for part in value.split())
        if len(numbers) != count or not all(0 <= number <= MAX_SIDE for number in numbers):
            raise ValueError(value)
        return numbers

    return parse


COLUMNS: dict[str, Callable[[str], object]] = {
    "file": _matching(
        r"(train|validation|calibration/squares)/\w[\w.@+-]*\.webp"
        r"|calibration/whole/\w[\w.@+-]*\.(jpe?g|webp)"
    ),
    "package": _matching(r"(@[\w.-]+/)?\w[\w.+-]*"),
    "registry": _registry,
    "version": _matching(r"\w[\w.+~:-]*"),
    "licence": _text,
    "source_width": int,
    "source_height": int,
    "path_in_package": _matching(r".+"),
    "sha256_of_source": _matching(r"[0-9a-f]{64}"),
    "box": _numbers(4),
    "resized": _numbers(2),
    "crop": _numbers(4),
}


class Photograph(NamedTuple):
    """One row of the list: a picture to make."""

    row: dict[str, str]
    package: Package
    box: tuple[int, int, int, int]
    resized: tuple[int, int]
    crop: tuple[int, int, int, int]

    @property
    def file(self) -> str:
        """Its path below the output folder."""
        return self.row["file"]


def read_list(path: Path) -> list[Photograph]:
    """The photographs of a list.

    Raises:
        FetchError: It cannot be read, or is malformed; the message names line and column.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            missing = COLUMNS.keys() - set(rows.fieldnames or ())
            if missing:
                raise FetchError(f"{path}, line 1: no column {', '.join(sorted(missing))}")
            return [_photograph(path, rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FetchError(f"{path} cannot be read as a list of photographs: {error}") from None


def _photograph(path: Path, line: int, row: dict[str, str]) -> Photograph:
    parsed = {}
    for column, parse in COLUMNS.items():
        value = row[column]
        try:
            parsed[column] = parse(value)
        except (ValueError, TypeError):
            raise FetchError(
                f"{path}, line {line}, column {column}: cannot use {value!r}"
            ) from None
    package = Package(row["registry"], row["package"], row["version"])
    row = {column: row[column] for column in COLUMNS}
    return Photograph(row, package, parsed["box"], parsed["resized"], parsed["crop"])


def picture(photograph: Photograph, source: bytes) -> bytes:
    """The file made from a source file.

    Raises:
        FetchError: Pillow cannot read the source.
    """
    if photograph.file.startswith("calibration/whole/"):
        return source
    left, top, width, height = photograph.crop
    try:
        with Image.open(io.BytesIO(source)) as opened:
            image = opened.convert("RGB").crop(photograph.box)
        image = image.resize(photograph.resized, Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise FetchError(f"the source file cannot be made into a picture ({error})") from None
    image = image.crop((left, top, left + width, top + height))
    if not photograph.file.startswith("train/"):
        return _encoded(image, "WEBP", {"lossless": True})
    # The set was kept as JPEG before: only with that step do the bytes come out the same.
    with Image.open(io.BytesIO(_encoded(image, "JPEG", TRAIN_JPEG))) as kept:
        return _encoded(kept, "WEBP", TRAIN_WEBP)


def _encoded(image: Image.Image, kind: str, options: dict[str, int | bool]) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
