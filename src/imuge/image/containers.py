"""Walk the outer structure of WebP and AVIF/HEIF files without decoding a pixel.

    WebP       RIFF size WEBP, then  type length content (padded to even)  ...
    AVIF/HEIF  boxes:  length type content  ...

Every walker stops quietly where the structure ends or is cut off: whether the file is whole
is for the decoder to say.
"""

import re
import struct
from collections.abc import Iterator

# An entry of the item list: version and flags, number (2 or 4 bytes), protection, type.
_EXIF_ITEM = re.compile(rb"(infe\x02.{3}..\0\0|infe\x03.{3}.{4}\0\0)Exif", re.DOTALL)
_ROTATION = re.compile(rb"\0\0\0\x09irot(.)", re.DOTALL)
_MIRROR = re.compile(rb"\0\0\0\x09imir", re.DOTALL)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, content) of each chunk, the last one perhaps cut off."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def iso_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, content) of each outermost box, the last one perhaps cut off."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1 and at + 16 <= len(data):  # the length did not fit 32 bits
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        elif length == 0:  # the box reaches to the end of the file
            length = len(data) - at
        if length < head:
            return
        yield kind, data[at + head : at + length]
        at += length


def iso_brands(data: bytes) -> list[bytes]:
    """List the brands of an AVIF/HEIF file, the major one first; [] for any other file."""
    if data[4:8] != b"ftyp":
        return []
    (length,) = struct.unpack_from(">I", data)
    brands = data[8 : min(length, 1024)]
    return [brands[:4], *(brands[at : at + 4] for at in range(8, len(brands) - 3, 4))]


def without_exif(data: bytes) -> bytes | None:
    """Hide the EXIF item of an AVIF/HEIF from its readers; None where it has none."""
    hidden, count = _EXIF_ITEM.subn(rb"\g<1>free", data)
    return hidden if count else None


def iso_turn(meta: bytes) -> int:
    """Say how the properties of an AVIF/HEIF turn a picture (irot, imir).

    Returns:
        1 for not at all, 6 for a quarter of a turn in either direction, 3 for anything else.
    """
    turns = {found[1][0] & 3 for found in _ROTATION.finditer(meta)}
    if turns & {1, 3}:
        return 6
    return 3 if turns & {2} or _MIRROR.search(meta) is not None else 1


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Read width and height of a WebP; Pillow would already allocate the canvas to tell."""
    kind, body = next(webp_chunks(data), (b"", b""))
    if kind == b"VP8X" and len(body) >= 10:
        return (
            int.from_bytes(body[4:7], "little") + 1,
            int.from_bytes(body[7:10], "little") + 1,
        )
    if kind == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None
