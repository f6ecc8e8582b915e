"""Read a photograph from a file, from bytes, from Pillow or from an array.

A file is judged by its content alone; whatever is wrong with it comes out as one ImageError.
"""

import io
import os
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from imuge.errors import ImageError
from imuge.files import reason
from imuge.image import deep, heif, jpeg, png, sniff, tiff
from imuge.image.containers import without_exif
from imuge.image.decode import File, to_picture, without_pillows_limit
from imuge.image.formats import SUFFIXES
from imuge.image.limits import DEFAULT, Limits
from imuge.image.picture import Picture, Samples, neutral

_TYPES = (np.uint8, np.uint16)
_NO_EXIF = "the EXIF data is damaged and is dropped"
_NO_END = "the JPEG lacks its end mark, though no pixel; it has one now"


def load(source: os.PathLike[str] | str | bytes | BinaryIO, *, limits: Limits = DEFAULT) -> Picture:
    """Read a JPEG, PNG, WebP, TIFF, AVIF or, with pillow-heif, HEIC photograph.

    Args:
        source: A path, the file's bytes, or an open binary file: one that can be rewound is read
            from its start, a pipe from where it stands.
        limits: The sizes taken.

    Returns:
        The picture, upright, in RGB; PNG and TIFF of 16 bits a channel keep them (this needs
        pyvips), and all else comes in 8 bits. Its notes say what was converted and what dropped.

    Raises:
        ImageError: The file cannot be read, is damaged, or is of a kind or size that imuge does
            not take; the message says which, and what to do.
    """
    if not isinstance(source, (str, os.PathLike)):
        return _decode(_read(source, limits), limits)
    path = Path(os.fsdecode(source))
    data = _read_path(path, limits)
    try:
        picture = _decode(data, limits)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error
    named = SUFFIXES.get(path.suffix.lower(), picture.format)
    if named == picture.format:
        return picture
    note = f"the file is {picture.format} although its name ends in {path.suffix}"
    return replace(picture, notes=(note, *picture.notes))


def from_pil(image: Image.Image, *, limits: Limits = DEFAULT) -> Picture:
    """Take a picture that Pillow has opened or made; it is converted as `load` would.

    What Pillow already lost stays lost: of a 16-bit PNG whose pixels are loaded, say, nothing
    shows any more that it had 16 bits.

    Args:
        image: Any single still Pillow picture; an EXIF orientation it still has is applied.
        limits: The sizes taken.

    Raises:
        ImageError: The picture is of a kind or size that imuge does not take.
    """
    with _guarded(image.format or "picture"):
        return to_picture(image, File(), limits)


def from_array(array: Samples, *, limits: Limits = DEFAULT) -> Picture:
    """Take pixels from memory, as a PNG without metadata; the array is copied.

    Args:
        array: uint8 or uint16, (H, W, 3) RGB, (H, W, 4) RGB and alpha, or (H, W) grey.
        limits: The sizes taken.

    Raises:
        ImageError: `array` has another shape or type; nothing is cast silently.
    """
    if not isinstance(array, np.ndarray):
        raise ImageError(f"expected a numpy array, got {type(array).__name__}")
    if array.shape[2:] not in {(), (3,), (4,)} or array.ndim < 2 or array.dtype not in _TYPES:
        raise ImageError(
            "expected a uint8 or uint16 array of shape (H, W, 3), (H, W, 4) or (H, W), "
            f"got {array.dtype} of shape {array.shape}; convert it to RGB of 8 or 16 bits first"
        )
    sniff.check_size(array.shape[1], array.shape[0], limits)
    if array.dtype == np.uint8:
        return from_pil(Image.fromarray(np.ascontiguousarray(array)), limits=limits)
    channels = np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array
    colour = channels[..., :3].astype(np.uint16, order="C")
    alpha = channels[..., 3].astype(np.uint16) if channels.shape[2] == 4 else None
    plain = from_pil(Image.new("RGB", array.shape[1::-1]), limits=limits)
    return replace(plain, samples=neutral(colour, alpha), alpha=alpha)


def _decode(data: bytes, limits: Limits) -> Picture:
    if not data:
        raise ImageError("the file is empty (0 bytes); get an intact copy")
    kind = sniff.identify(data)
    with _guarded(kind):
        file = _prepared(data, kind, limits)
        if file.is_deep:
            deep.require()
        image, notes = _opened(file.pixels, kind, limits)
        with image:
            return to_picture(image, replace(file, notes=(*file.notes, *notes)), limits)


def _prepared(data: bytes, kind: str, limits: Limits) -> File:
    """Look at the header: refuse what Pillow would misread, and set aside what would trip it."""
    if kind == "PNG":
        parts = png.take_apart(data)
        sniff.check_png(parts)
        is_deep = parts.pixels[24:25] == b"\x10"  # the bit depth in IHDR, which comes first
        return File(data=data, pixels=parts.pixels, parts=parts, is_deep=is_deep)
    if kind == "TIFF" and (layout := tiff.layout(data)) is not None:
        sniff.check_tiff(layout)
        is_deep = layout.bits == 16
        return File(data=data, pixels=data, is_deep=is_deep, has_alpha=layout.has_alpha)
    if kind == "JPEG":
        ended = _ended(data, limits)
        return File(data=data, pixels=ended or data, notes=(_NO_END,) if ended else ())
    if kind == "WEBP":
        sniff.check_webp(data, limits)
    elif kind in {"AVIF", "HEIF"}:
        sniff.check_iso(data, limits)
    return File(data=data, pixels=data)


def _ended(data: bytes, limits: Limits) -> bytes | None:
    """Give a JPEG that lacks its end mark alone with one; None for all others."""
    if jpeg.outline(data).end is not None:
        return None
    with _open(data, "JPEG", limits) as image:
        sniff.check_size(*image.size, limits)
    return jpeg.ended(data)


def _opened(data: bytes, kind: str, limits: Limits) -> tuple[Image.Image, list[str]]:
    """Open the file; AVIF and HEIF whose EXIF trips the reader are opened without it."""

    def attempt(content: bytes) -> Image.Image:
        return heif.read(content) if kind == "HEIF" else _open(content, kind, limits)

    try:
        return attempt(data), []
    except ImageError:
        raise
    except Exception:
        hidden = without_exif(data) if kind in {"AVIF", "HEIF"} else None
        if hidden is None:
            raise
        return attempt(hidden), [_NO_EXIF]


def _open(data: bytes, kind: str, limits: Limits) -> Image.Image:
    """Read the header, under our limit instead of Pillow's."""
    with without_pillows_limit():
        image = Image.open(io.BytesIO(data), formats=(kind,))
    sniff.check_size(*image.size, limits)
    return image


@contextmanager
def _guarded(kind: str) -> Iterator[None]:
    """Turn whatever a decoder raises or warns about into one ImageError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"the {kind} header is damaged or of an unusual kind; export the picture anew"
        ) from error
    except Exception as error:  # hostile files raise nearly every type there is
        if _is_ours(error):
            raise
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        raise ImageError(
            f"the {kind} data is damaged or cut short ({detail}); get an intact copy"
        ) from error


def _is_ours(error: Exception) -> bool:
    """Whether an error is a defect of imuge rather than of the file.

    Decoders raise these types over hostile files, too; then the last frame is not in our code.
    """
    if isinstance(error, NameError):
        return True
    if not isinstance(error, (TypeError, AttributeError, AssertionError)):
        return False
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == "imuge"


def _read_path(path: Path, limits: Limits) -> bytes:
    try:
        with path.open("rb") as stream:
            return _read(stream, limits)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error
    except OSError as error:
        raise ImageError(f"cannot read {path}: {reason(error)}") from error
    except ValueError as error:  # a NUL character in the name
        raise ImageError(f"cannot read {str(path)!r}: it is not a usable file name") from error


def _read(source: bytes | BinaryIO, limits: Limits) -> bytes:
    """Take all bytes of `source`, from its start where it can be rewound, up to the limit."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not hasattr(source, "read"):
        raise ImageError(
            f"expected a path, bytes or an open binary file, got {type(source).__name__}"
        )
    with suppress(AttributeError, OSError, ValueError):  # a pipe, or a closed file: reading says so
        source.seek(0)
    data = bytearray()
    while part := _read_part(source):
        if not isinstance(part, bytes):
            raise ImageError("the file is open in text mode; open it in binary mode ('rb')")
        data += part
        if len(data) > limits.max_bytes:
            raise ImageError(
                f"the file has more than {limits.max_bytes // 2**20} MiB; use a smaller one, or "
                "raise the limit (max_bytes)"
            )
    return bytes(data)


def _read_part(source: BinaryIO) -> bytes:
    try:
        return source.read(2**20)
    except (OSError, ValueError) as error:  # ValueError: closed, or text that is not UTF-8
        detail = reason(error) if isinstance(error, OSError) else str(error)
        raise ImageError(
            f"cannot read the open file ({detail}); open it for reading in binary mode ('rb')"
        ) from error
