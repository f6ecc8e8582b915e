"""Edit an XMP packet as bytes, so that all of it that is not edited stays as it came.

A packet is read with expat, which tells where each element and attribute stands; what is not
wanted is cut out there. Names count by what they mean, in whatever prefix they are written. A
packet that is no sound XML, has a document type (XMP has none, and entities live there) or nests
absurdly deep cannot be edited: the functions that must be sure then give None, and the caller drops
it. After Adobe's XMP specification, part 1 (ISO 16684-1).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.parsers import expat

from imuge.image.places import names_place, tells_place

# Of an attribute or an element: namespace, local name, text.
Unwanted = Callable[[str, str, str], bool]

_MOST_DEEP = 64
_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)([1-8])")
_WIDTH = re.compile(rb"((?:ImageWidth|PixelXDimension)\s*(?:=\s*[\"']|>)\s*)\d+")
_HEIGHT = re.compile(rb"((?:ImageLength|PixelYDimension)\s*(?:=\s*[\"']|>)\s*)\d+")
_EXTENSION = re.compile(rb"\s?xmpNote:HasExtendedXMP\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')")
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_GPS_LEFT = re.compile(rb":gps", re.IGNORECASE)
_PLACE_LEFT = re.compile(rb"gps|:lat|:long|:city|location|coordinate", re.IGNORECASE)

_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_MOVING = ("MotionPhoto", "MicroVideo")
# Faces and the like, by where they are in the picture as it was stored.
_REGIONS = {
    ("http://www.metadataworkinggroup.com/schemas/regions/", "Regions"),
    ("http://ns.microsoft.com/photo/1.2/", "RegionInfo"),
    ("http://ns.acdsee.com/regions/", "Regions"),
}


@dataclass(slots=True)
class _Element:
    namespace: str
    local: str
    at: int
    tag_end: int
    empty: bool
    prefixes: dict[str, str]
    text: list[str] = field(default_factory=list)


class _Cutter:
    """Goes through a packet once and notes what to cut."""

    def __init__(self, packet: bytes, unwanted: Unwanted) -> None:
        self.packet = packet
        self.unwanted = unwanted
        self.cuts: list[tuple[int, int]] = []
        self.open: list[_Element] = []
        self.parser = expat.ParserCreate("UTF-8")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.CommentHandler = self._comment
        self.parser.StartDoctypeDeclHandler = self._doctype

    def cut(self) -> bytes:
        """Give the packet without what is unwanted.

        Raises:
            ValueError, expat.ExpatError: it cannot be read.
        """
        self.parser.Parse(self.packet, True)
        kept, at = [], 0
        for start, end in sorted(self.cuts):
            kept.append(self.packet[at : max(start, at)])
            at = max(at, end)
        return b"".join(kept) + self.packet[at:]

    def _start(self, name: str, attributes: list[str]) -> None:
        if len(self.open) == _MOST_DEEP:
            raise ValueError("nested too deep")
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        prefixes = self.open[-1].prefixes if self.open else {}
        if any(key.startswith("xmlns") for key, _ in pairs):
            prefixes = prefixes | {
                key.partition(":")[2]: value for key, value in pairs if key.startswith("xmlns")
            }
        at = self.parser.CurrentByteIndex
        place = at + 1 + len(name.encode())
        for key, value in pairs:
            found = _ATTRIBUTE.match(self.packet, place)
            if found is None or found[1] != key.encode():
                raise ValueError("an attribute stands where it cannot")
            place = found.end()
            if not key.startswith("xmlns") and self.unwanted(*_meaning(key, prefixes, ""), value):
                self.cuts.append(found.span())
        tag_end = self.packet.index(b">", place) + 1
        empty = self.packet[tag_end - 2 : tag_end] == b"/>"
        meaning = _meaning(name, prefixes, prefixes.get("", ""))
        self.open.append(_Element(*meaning, at, tag_end, empty, prefixes))

    def _end(self, _: str) -> None:
        element = self.open.pop()
        end = element.tag_end
        if not element.empty:
            end = self.packet.index(b">", self.parser.CurrentByteIndex) + 1
        if self.unwanted(element.namespace, element.local, "".join(element.text)):
            self.cuts.append((element.at, end))

    def _text(self, text: str) -> None:
        if self.open:
            self.open[-1].text.append(text)

    def _comment(self, text: str) -> None:
        if self.unwanted("", "", text):
            at = self.parser.CurrentByteIndex
            self.cuts.append((at, self.packet.index(b"-->", at) + 3))

    def _doctype(self, *_: object) -> None:
        raise ValueError("XMP has no document type")


def _meaning(name: str, prefixes: dict[str, str], without: str) -> tuple[str, str]:
    """Give namespace and local name; `without` is the namespace of a name that has no prefix."""
    prefix, colon, local = name.partition(":")
    return (prefixes.get(prefix, ""), local) if colon else (without, name)


def _without(packet: bytes, unwanted: Unwanted) -> bytes | None:
    """Cut out what is unwanted; None where the packet cannot be read."""
    try:
        return _Cutter(_utf8(packet), unwanted).cut()
    except (ValueError, expat.ExpatError):
        return None


def _utf8(packet: bytes) -> bytes:
    """Give the packet in UTF-8, without the NUL bytes that pad it.

    Raises:
        ValueError: it is in no Unicode encoding.
    """
    if packet[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in packet[:4]:
        little = packet[:2] == b"\xff\xfe" or packet[1:2] == b"\0"
        packet = packet.decode("utf-16-le" if little else "utf-16-be").lstrip("\ufeff").encode()
    return packet.rstrip(b"\0")


def orientation(packet: bytes) -> int:
    """Return tiff:Orientation, 1 to 8; 1 where the packet has none."""
    found = _ORIENTATION.search(packet)
    return int(found[2]) if found else 1


def upright(packet: bytes) -> bytes:
    """Set tiff:Orientation to 1, where the packet has one; the length stays."""
    return _ORIENTATION.sub(rb"\g<1>1", packet)


def resized(packet: bytes, width: int, height: int) -> bytes:
    """Set the size of the picture, where the packet has one."""
    packet = _WIDTH.sub(rb"\g<1>%d" % width, packet)
    return _HEIGHT.sub(rb"\g<1>%d" % height, packet)


def without_companions(packet: bytes) -> bytes:
    """Take out what declares a video or further pictures in the file, and small previews.

    They are not written again, and a preview may show what was edited out of the picture.
    """

    def unwanted(namespace: str, local: str, _: str) -> bool:
        if namespace == _CAMERA:
            return local.startswith(_MOVING)
        return (namespace == _CONTAINER and local == "Directory") or local == "Thumbnails"

    return _changed(packet, unwanted, rb"MotionPhoto|MicroVideo|Directory|Thumbnails")


def without_regions(packet: bytes) -> bytes:
    """Take out where faces are, in a picture that was turned."""
    return _changed(packet, lambda namespace, local, _: (namespace, local) in _REGIONS, rb"Region")


def _changed(packet: bytes, unwanted: Unwanted, hint: bytes) -> bytes:
    """Cut out what is unwanted if the packet can be read; it is only read where `hint` is in it."""
    if not re.search(hint, packet):
        return packet
    edited = _without(packet, unwanted)
    return packet if edited is None else edited


def place_names(packet: bytes) -> frozenset[str]:
    """Give the texts of all properties that name a place, in lower case."""
    found = set()

    def collect(namespace: str, local: str, text: str) -> bool:
        if names_place(local, namespace) and len(text.strip()) > 1:
            found.add(text.strip().lower())
        return False

    _without(packet, collect)
    return frozenset(found)


def without_places(packet: bytes, known: frozenset[str] = frozenset()) -> bytes | None:
    """Cut out every coordinate and every property that names a place, in any namespace.

    Args:
        packet: The XMP.
        known: Place names in lower case; keywords that are one of them go too.

    Returns:
        The packet without them; None where it names places and cannot be edited safely, and is
        better dropped.
    """
    edited = _without(
        packet, lambda space, local, text: names_place(local, space) or tells_place(text, known)
    )
    if edited is None:
        return None if names_places(packet) else packet
    return None if _GPS_LEFT.search(edited) else edited


def names_places(packet: bytes) -> bool:
    """Say whether the packet may name a place or a coordinate, in whatever character encoding."""
    plain = packet.replace(b"\0", b"")
    return bool(_PLACE_LEFT.search(plain)) or tells_place(plain.decode("utf-8", "replace"))


def without_extension(packet: bytes) -> bytes:
    """Take out the reference to JPEG's extended XMP."""
    return _EXTENSION.sub(b"", packet)
