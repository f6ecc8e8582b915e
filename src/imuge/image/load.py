"""Read a photograph from a file, from bytes, from Pillow or from an array.

A file is judged by its content alone; whatever is wrong with it comes out as one ImageError.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from imuge.errors import ImageError, TooLargeError
from imuge.files import reason
from imuge.image import heif, sniff
from imuge.image.decode import to_picture
from imuge.image.formats import SUFFIXES
from imuge.image.picture import Picture

MIN_SIDE = 128
MAX_PIXELS = 6048 * 4032  # the frame of 24-megapixel cameras
MAX_BYTES = 512 * 2**20


def load(
    source: Path | str | bytes | BinaryIO,
    *,
    max_pixels: int = MAX_PIXELS,
    min_side: int = MIN_SIDE,
) -> Picture:
    """Read a JPEG, PNG, WebP, TIFF, AVIF or, with pillow-heif, HEIC photograph.

    Args:
        source: A path, the file's bytes, or an open binary file (a pipe will do).
        max_pixels: Largest width × height taken.
        min_side: Smallest width and height taken.

    Returns:
        The picture, upright, in 8-bit RGB; its notes say what was converted.

    Raises:
        ImageError: The file cannot be read, is damaged, or is of a kind or size that imuge does
            not take; the message says which, and what to do.
    """
    if not isinstance(source, (str, Path)):
        return _decode(_read(source), max_pixels=max_pixels, min_side=min_side)
    path = Path(source)
    data = _read_path(path)
    try:
        picture = _decode(data, max_pixels=max_pixels, min_side=min_side)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error
    named = SUFFIXES.get(path.suffix.lower(), picture.format)
    if named == picture.format:
        return picture
    note = f"the file is {picture.format} although its name ends in {path.suffix}"
    return replace(picture, notes=(note, *picture.notes))


def from_pil(
    image: Image.Image, *, max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE
) -> Picture:
    """Take a picture that Pillow has opened or made; it is converted as `load` would.

    What Pillow already lost stays lost: of a 16-bit PNG whose pixels are loaded, say, nothing
    shows any more that it had 16 bits.

    Args:
        image: Any single still Pillow picture; an EXIF orientation it still has is applied.
        max_pixels: Largest width × height taken.
        min_side: Smallest width and height taken.

    Raises:
        ImageError: The picture is of a kind or size that imuge does not take.
    """
    with _guarded(image.format or "picture"):
        return to_picture(image, b"", max_pixels=max_pixels, min_side=min_side)


def from_array(
    array: NDArray[np.uint8], *, max_pixels: int = MAX_PIXELS, min_side: int = MIN_SIDE
) -> Picture:
    """Take pixels from memory, as a PNG without metadata; the array is copied.

    Args:
        array: uint8 (H, W, 3) RGB, (H, W, 4) RGB and alpha, or (H, W) grey.
        max_pixels: Largest width × height taken.
        min_side: Smallest width and height taken.

    Raises:
        ImageError: `array` has another shape or type; nothing is cast silently.
    """
    if not isinstance(array, np.ndarray):
        raise ImageError(f"expected a numpy array, got {type(array).__name__}")
    if array.dtype != np.uint8 or array.shape[2:] not in {(), (3,), (4,)} or array.ndim < 2:
        raise ImageError(
            "expected a uint8 array of shape (H, W, 3), (H, W, 4) or (H, W), "
            f"got {array.dtype} of shape {array.shape}; convert it to 8-bit RGB first"
        )
    sniff.check_size(array.shape[1], array.shape[0], max_pixels=max_pixels, min_side=min_side)
    return from_pil(
        Image.fromarray(np.ascontiguousarray(array)), max_pixels=max_pixels, min_side=min_side
    )


def _decode(data: bytes, *, max_pixels: int, min_side: int) -> Picture:
    if not data:
        raise ImageError("the file is empty (0 bytes); get an intact copy")
    kind = sniff.identify(data)
    with _guarded(kind):
        sniff.check_header(data, kind, max_pixels=max_pixels, min_side=min_side)
        image = heif.read(data) if kind == "HEIF" else _open(data, kind, max_pixels)
        with image:
            return to_picture(image, data, max_pixels=max_pixels, min_side=min_side)


def _open(data: bytes, kind: str, max_pixels: int) -> Image.Image:
    """Read the header; Pillow's own guard against giant pictures comes first."""
    try:
        return Image.open(io.BytesIO(data), formats=(kind,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        safe = Image.MAX_IMAGE_PIXELS or max_pixels
        raise TooLargeError(
            f"the picture has more than {safe:,} pixels, above the limit of "
            f"{min(safe, max_pixels):,}; scale it down"
        ) from error


@contextmanager
def _guarded(kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises or warns about into one ImageError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"the {kind} header is damaged or of an unusual kind; export the picture anew"
        ) from error
    except Exception as error:  # hostile files raise nearly every type there is
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(
            f"the {kind} data is damaged or cut short ({detail}); get an intact copy"
        ) from error


def _read_path(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return _read(stream)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except OSError as error:
        raise ImageError(f"cannot read {path}: {reason(error)}") from error
    except ValueError as error:  # a NUL character in the name
        raise ImageError(f"cannot read {str(path)!r}: it is not a usable file name") from error


def _read(source: bytes | BinaryIO) -> bytes:
    """Take all bytes of `source`, without seeking, up to the limit."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not hasattr(source, "read"):
        raise ImageError(
            f"expected a path, bytes or an open binary file, got {type(source).__name__}"
        )
    data = bytearray()
    while part := _read_part(source):
        if not isinstance(part, bytes):
            raise ImageError("the file is open in text mode; open it in binary mode ('rb')")
        data += part
        if len(data) > MAX_BYTES:
            raise ImageError(f"the file has more than {MAX_BYTES // 2**20} MiB; use a smaller one")
    return bytes(data)


def _read_part(source: BinaryIO) -> bytes:
    try:
        return source.read(2**20)
    except (OSError, ValueError) as error:  # ValueError: closed, or text that is not UTF-8
        detail = reason(error) if isinstance(error, OSError) else str(error)
        raise ImageError(
            f"cannot read the open file ({detail}); open it for reading in binary mode ('rb')"
        ) from error
