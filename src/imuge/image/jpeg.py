"""The outer structure of a JPEG: its segments, its end, and what lies behind it (ITU-T T.81)."""

import io
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
END = b"\xff\xd9"

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # others belong to the coded pixels
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_TIFF_HEADS = (b"II*\0", b"MM\0*")
# A decoder that lacks bits takes zeros. The filler starts with ones, so that the first missing bit
# differs already, and has no 0xFF, which would be a marker.
_FILLER = bytes([0xEA, *((37 * k * k + 11) % 251 for k in range(512))])
_KNOWN = {
    "APP0": (b"JFIF\0",),
    "APP1": (EXIF, XMP, EXTENDED_XMP),
    "APP2": (b"ICC_PROFILE\0", b"MPF\0"),  # of the second, the pictures have their own notes
    "APP11": (b"JP",),  # a C2PA manifest, which has its own note
    "APP12": (b"Ducky",),
    "APP13": (PHOTOSHOP, b"Adobe_CM"),
    "APP14": (b"Adobe",),
}


@dataclass(slots=True)
class Outline:
    """What the markers of a JPEG say.

    Attributes:
        end: Offset behind the end of the image; None where there is no end.
        components: Numbers of the colour components.
        progressive: Whether each scan carries a part of the precision only.
        precision: For each component, the bit down to which each of 64 coefficients came.
    """

    end: int | None = None
    components: tuple[int, ...] = ()
    progressive: bool = False
    precision: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def has_all_scans(self) -> bool:
        """Whether every component has a scan, or has come to full precision."""
        if not self.progressive:
            return bool(self.components) and set(self.components) <= set(self.precision)
        return bool(self.components) and all(
            all(self.precision[part].get(k, 1) == 0 for k in range(64)) for part in self.components
        )


def outline(data: bytes) -> Outline:
    """Walk the markers; coded pixels are passed over, nothing is decoded."""
    found = Outline()
    at = 2
    while (hit := _MARKER.search(data, at)) is not None:
        marker, at = hit[1][0], hit.end()
        if marker == 0xD9:
            found.end = at
            return found
        if marker in {0x01, 0xD8}:
            continue
        size = int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : at + size]
        if marker in _FRAMES and len(body) >= 6:
            found.progressive = marker in _PROGRESSIVE
            found.components = tuple(
                body[6 + 3 * k] for k in range(body[5]) if 6 + 3 * k < len(body)
            )
        elif marker == 0xDA:
            _add_scan(found, body)
        at += max(size, 2)
    return found


def _add_scan(found: Outline, body: bytes) -> None:
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        return
    first, last, precision = body[1 + 2 * count : 4 + 2 * count]
    for k in range(count):
        for coefficient in range(first, min(last, 63) + 1):
            found.precision[body[1 + 2 * k]][coefficient] = precision & 0x0F


def ended(data: bytes) -> bytes | None:
    """Add the end to a JPEG that lacks it, if all of its pixels are there.

    The picture is decoded twice, with nothing and with filler before the new end: a decoder that
    lacks pixels takes them from the filler, and the two differ.

    Returns:
        The file with its end; None where it has one, or lacks more than that.

    Raises:
        OSError and others of Pillow's: it cannot be decoded.
    """
    found = outline(data)
    if found.end is not None or not found.has_all_scans:
        return None
    coded = data.removesuffix(b"\xff")
    plain, filled = (_decoded(coded + more + END) for more in (b"", _FILLER))
    return coded + END if np.array_equal(plain, filled) else None


def _decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return np.asarray(image)


def exif_block(segments: Sequence[tuple[str, bytes]]) -> tuple[bytes, int]:
    """Put the EXIF block together; a second block of its own is not taken.

    Args:
        segments: Name ("APP1") and content of each segment.

    Returns:
        The block, which some programs split over several segments, and how many others there are.
    """
    bodies = []
    for name, body in segments:
        if name == "APP1" and body.startswith(EXIF):
            while body.startswith(EXIF):
                body = body[len(EXIF) :]  # some programs write it twice
            bodies.append(body)
    block, others = b"", 0
    for body in filter(None, bodies):
        if block and body.startswith(_TIFF_HEADS):
            others += 1
        elif not others:
            block += body
    return block, others


def unknown_segments(segments: Sequence[tuple[str, bytes]]) -> list[str]:
    """Name the segments that are neither carried nor spoken of elsewhere, once each."""
    found = []
    for name, body in segments:
        if name == "COM" or body.startswith(_KNOWN.get(name, ())):
            continue
        label = body[:24].split(b"\0")[0].decode("latin-1")
        found.append(f"{name} {label}" if label.isascii() and label.isprintable() else name)
    return list(dict.fromkeys(found))
