"""Photoshop's image resources, where IPTC captions live, edited one resource or record at a time.

    resource   8BIM  code  name (padded to even)  size  content (padded to even)
    record     0x1C  record  dataset  size  content           inside the resource 0x0404

After Adobe's Photoshop file format specification and IPTC's IIM 4.2.
"""

from collections.abc import Callable, Iterator

from imuge.image.places import tells_place

_RECORDS, _DIGEST = 0x0404, 0x0425  # the second is a checksum of the first
_COPIES = {0x0422, 0x0423, 0x0424}  # repeat EXIF and XMP
_THUMBNAILS = {0x0409, 0x040C}
_PLACE_NAMES = {27, 90, 92, 95, 101}  # content location, city, sublocation, province, country
_PLACES = {*_PLACE_NAMES, 26, 100}  # and the codes of places


def without_thumbnails(resources: bytes) -> bytes | None:
    """Drop the previews of the picture; None where nothing is left.

    They show the picture as it was, perhaps before something was edited out of it.
    """
    parts = _parts(resources)
    if parts is None:
        return resources
    return b"".join(whole for code, _, whole in parts if code not in _THUMBNAILS) or None


def place_names(resources: bytes) -> frozenset[str]:
    """Give the texts of all records that name a place, in lower case."""
    return frozenset(
        _text(content).strip().lower()
        for code, body, _ in _parts(resources) or ()
        if code == _RECORDS
        for number, dataset, content, _ in _records(body)
        if number == 2 and dataset in _PLACE_NAMES and len(content.strip()) > 1
    )


def without_places(resources: bytes, known: frozenset[str] = frozenset()) -> bytes | None:
    """Drop every record that names a place or holds a coordinate, and copies of EXIF and XMP.

    Args:
        resources: The Photoshop resources.
        known: Place names in lower case; keywords that are one of them go too.

    Returns:
        What is left; None where that is nothing, or where the resources cannot be read.
    """
    parts = _parts(resources)
    if parts is None:
        return None
    kept = []
    changed = False
    for code, body, whole in parts:
        if code == _RECORDS:
            left = _filtered(body, lambda dataset, text: _is_place(dataset, text, known))
            changed = left != body
            kept.append((code, _resource(code, left) if changed else whole))
        elif code not in _COPIES:
            kept.append((code, whole))
    return b"".join(whole for code, whole in kept if not (changed and code == _DIGEST)) or None


def _is_place(dataset: int, text: str, known: frozenset[str]) -> bool:
    return dataset in _PLACES or tells_place(text, known)


def _filtered(body: bytes, unwanted: Callable[[int, str], bool]) -> bytes:
    """Leave out records of the application part; what cannot be read as records is cut off."""
    return b"".join(
        whole
        for number, dataset, content, whole in _records(body)
        if number != 2 or not unwanted(dataset, _text(content))
    )


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _resource(code: int, body: bytes) -> bytes:
    head = b"8BIM" + code.to_bytes(2, "big") + b"\0\0" + len(body).to_bytes(4, "big")
    return head + body + bytes(len(body) % 2)


def from_records(records: bytes) -> bytes:
    """Wrap a bare IPTC record, as TIFF has it, in a resource."""
    return _resource(_RECORDS, records)


def _parts(resources: bytes) -> list[tuple[int, bytes, bytes]] | None:
    """List code, content and whole bytes of each resource; None where they cannot be told."""
    parts = []
    at = 0
    while at < len(resources):
        if resources[at : at + 4] != b"8BIM" or at + 12 > len(resources):
            return None
        code = int.from_bytes(resources[at + 4 : at + 6], "big")
        name = resources[at + 6] + 1
        size_at = at + 6 + name + name % 2
        size = int.from_bytes(resources[size_at : size_at + 4], "big")
        end = size_at + 4 + size + size % 2
        parts.append((code, resources[size_at + 4 : size_at + 4 + size], resources[at:end]))
        at = end
    return parts


def _records(body: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield record, dataset, content and whole bytes; the end is where it is none any more."""
    at = 0
    while at + 5 <= len(body) and body[at] == 0x1C:
        head, size = 5, int.from_bytes(body[at + 3 : at + 5], "big")
        if size & 0x8000:  # an extended dataset: the length of the length
            head = 5 + (size & 0x7FFF)
            size = int.from_bytes(body[at + 5 : at + head], "big")
        end = at + head + size
        yield body[at + 1], body[at + 2], body[at + head : end], body[at:end]
        at = end
