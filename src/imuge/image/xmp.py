"""Edit an XMP packet as bytes, so that all of it that is not edited stays as it came.

The patterns never look across "<", so a hostile packet costs time in proportion to its length.
"""

import re

_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)([1-8])")
_GPS_ATTRIBUTE = re.compile(rb"\s[\w.-]+:gps\w*\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')", re.IGNORECASE)
_GPS_EMPTY = re.compile(rb"<[\w.-]+:gps[^<>]*/>", re.IGNORECASE)
_GPS_ELEMENT = re.compile(rb"<([\w.-]+:gps\w*)[^<>]*>[^<]*</\1\s*>", re.IGNORECASE)
_GPS_LEFT = re.compile(rb":gps", re.IGNORECASE)
_EXTENSION = re.compile(rb"\s?xmpNote:HasExtendedXMP\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')")


def orientation(packet: bytes) -> int:
    """Return tiff:Orientation, 1 to 8; 1 where the packet has none."""
    found = _ORIENTATION.search(packet)
    return int(found[2]) if found else 1


def upright(packet: bytes) -> bytes:
    """Set tiff:Orientation to 1, where the packet has one; the length stays."""
    return _ORIENTATION.sub(rb"\g<1>1", packet)


def without_gps(packet: bytes) -> bytes | None:
    """Cut every GPS attribute and element out (exif:GPSLatitude, drone-dji:GpsLatitude, ...).

    Returns:
        The packet without them; None where GPS names are left that the patterns do not reach
        (a nested value, another character encoding), and the packet is better dropped.
    """
    for pattern in (_GPS_ATTRIBUTE, _GPS_EMPTY, _GPS_ELEMENT):
        packet = pattern.sub(b"", packet)
    return None if names_gps(packet) else packet


def names_gps(packet: bytes) -> bool:
    """Say whether the packet names a GPS property, in whatever character encoding."""
    return _GPS_LEFT.search(packet.replace(b"\0", b"")) is not None


def without_extension(packet: bytes) -> bytes:
    """Take out the reference to JPEG's extended XMP."""
    return _EXTENSION.sub(b"", packet)
