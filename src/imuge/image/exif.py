"""Edit an EXIF block in place: every byte that is not the edited value keeps its offset.

Rewriting the block with a library would move the maker note, whose inner offsets then point
nowhere. So the orientation is overwritten where it stands, and what has to go (the GPS directory,
thumbnails, texts with coordinates) is unlinked and blanked where it stands.

    header ─► IFD0 ─► IFD1 (thumbnail) ─► ...
               ├─► Exif IFD ─► maker note, ...
               └─► GPS IFD

Blocks are TIFF structures without the "Exif" prefix (CIPA DC-008, TIFF 6.0).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imuge.image.places import tells_place

_ORIENTATION, _EXIF_IFD, _GPS_IFD = 0x0112, 0x8769, 0x8825
_MAKER_NOTE = 0x927C
_SIZES = {0x0100: 0, 0x0101: 1, 0xA002: 0, 0xA003: 1}  # tag: 0 for the width, 1 for the height
_ACROSS_DOWN = ((0x011A, 0x011B), (0xA20E, 0xA20F))  # resolutions of the picture and the sensor
_SUBJECT = {0x9214, 0xA214}  # where the subject is, in pixels of the picture as it was stored
_OTHER_BLOCKS = {700, 33723, 34377}  # XMP, IPTC and Photoshop resources inside EXIF
_WINDOWS_TEXTS = range(0x9C9B, 0x9CA0)  # UTF-16
_PLACED_NOTES = (b"Panasonic", b"LEICA")  # makers whose notes hold the names of city and landmark
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_COORDINATES = {2, 4, 20, 22}  # latitude and longitude, of the camera and of the destination
_MOST_DIRECTORIES, _MOST_GPS_ENTRIES = 16, 64  # the standards need 4 and 32
_UNIT_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = {1: "B", 3: "H", 4: "I"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One 12-byte record of a directory, by its offsets in the block."""

    at: int
    tag: int
    kind: int
    value_at: int
    value_bytes: int


@dataclass(frozen=True, slots=True)
class _Directory:
    at: int
    end: int  # behind the link to the next directory
    entries: tuple[_Entry, ...]
    following: int  # offset of the next directory in the chain, 0 for none
    whole: bool  # whether all of it lies inside the block


def orientation(block: bytes) -> int | None:
    """Return the EXIF orientation, 1 to 8; 1 where it makes no sense, None where it is absent."""
    found = _find_orientation(block)
    if found is None:
        return None
    return found[2] if found[2] in range(1, 9) else 1


def upright(block: bytes) -> bytes:
    """Set the orientation to 1 in place; a block without one stays as it is."""
    found = _find_orientation(block)
    if found is None:
        return block
    at, form, _ = found
    edited = bytearray(block)
    struct.pack_into(form, edited, at, 1)
    return bytes(edited)


def turned(block: bytes, width: int, height: int) -> bytes:
    """Make the block true of a picture that was turned by 90 degrees.

    Its size becomes `width` and `height`, resolutions across and down change places, and where the
    subject is goes.
    """
    edited = bytearray(block)
    try:
        order = _byte_order(block)
        for directory in _directories(block, order):
            entries = {entry.tag: entry for entry in directory.entries}
            for tag in entries.keys() & _SIZES:
                _put_integer(edited, order, entries[tag], (width, height)[_SIZES[tag]])
            for across, down in _ACROSS_DOWN:
                if across in entries and down in entries:
                    _exchange(edited, entries[across], entries[down])
            for entry in sorted(directory.entries, key=lambda entry: -entry.at):
                if entry.tag in _SUBJECT:
                    _zero(edited, entry.value_at, entry.value_bytes)
                    _unlink(edited, order, directory, entry)
    except (ValueError, struct.error):
        return block
    return bytes(edited)


def without_thumbnail(block: bytes) -> tuple[bytes, bool]:
    """Unlink and blank the directories behind the first one, and previews in the maker note.

    They show the picture as it was stored, perhaps before something was edited out of it.

    Returns:
        The block, shorter where the thumbnail was its end; and whether there was any.
    """
    try:
        order = _byte_order(block)
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        first = _directory(block, order, start)
        edited = bytearray(block)
        end = len(block)
        if behind := _chain(block, order, first.following):
            struct.pack_into(f"{order}I", edited, first.end - 4, 0)
        for directory in behind:
            for at, size in _thumbnail_data(block, order, directory):
                _zero(edited, at, size)
                end = at if first.end <= at < end <= at + size else end
            _zero(edited, directory.at, min(directory.end, len(edited)) - directory.at)
        for directory in _directories(bytes(edited), order):
            for entry in directory.entries:
                if entry.tag == _MAKER_NOTE:
                    _blank_jpeg(edited, entry)
    except (ValueError, struct.error):
        return block, False
    return bytes(edited[:end]), edited != block


def without_places(block: bytes, known: frozenset[str] = frozenset()) -> bytes | None:
    """Blank the GPS directory, every further copy of its coordinates, and texts that tell a place.

    Args:
        block: The EXIF block.
        known: Place names in lower case; texts that are one of them go too.

    Returns:
        The block, as long as before; None where its structure is too damaged to be sure that
        no coordinates are left in it.
    """
    try:
        order = _byte_order(block)
        edited = bytearray(block)
        for directory in _directories(block, order):
            pointers = [entry for entry in directory.entries if entry.tag == _GPS_IFD]
            if not directory.whole or len(pointers) > 1:
                return None
            for entry in sorted(directory.entries, key=lambda entry: -entry.at):
                if entry.tag == _GPS_IFD:
                    _blank_gps(edited, block, order, entry)
                    _unlink(edited, order, directory, entry)
                elif entry.tag in _OTHER_BLOCKS:
                    _zero(edited, entry.value_at, entry.value_bytes)
                    _unlink(edited, order, directory, entry)
                elif _entry_tells_place(block, order, entry, known):
                    _zero(edited, entry.value_at, entry.value_bytes)
        left = _directories(bytes(edited), order)
    except (ValueError, struct.error):
        return None
    if any(entry.tag == _GPS_IFD for directory in left for entry in directory.entries):
        return None
    return bytes(edited)


def _entry_tells_place(block: bytes, order: str, entry: _Entry, known: frozenset[str]) -> bool:
    """Say whether a text, or the notes of a maker who writes places there, tells a place."""
    value = block[entry.value_at : entry.value_at + entry.value_bytes]
    if entry.tag == _MAKER_NOTE:
        return value.startswith(_PLACED_NOTES)
    if entry.kind not in {1, 2, 7} or entry.value_bytes < 4:
        return False
    wide = "utf-16-le" if order == "<" else "utf-16-be"
    if entry.tag in _WINDOWS_TEXTS:
        texts = [value.decode("utf-16-le", "replace")]
    elif value.startswith(b"UNICODE\0"):  # a user comment; not all writers obey the byte order
        texts = [value[8:].decode(code, "replace") for code in (wide, "utf-16-le", "utf-16-be")]
    else:
        text = value[8:] if value[:8] in {b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8)} else value
        texts = [text.decode("utf-8", "replace")]
    return any(tells_place(text.strip("\0 "), known) for text in texts)


def _put_integer(edited: bytearray, order: str, entry: _Entry, value: int) -> None:
    form = _INTEGERS.get(entry.kind)
    if form is not None and value < 1 << 8 * _UNIT_BYTES[entry.kind]:
        struct.pack_into(order + form, edited, entry.value_at, value)


def _exchange(edited: bytearray, one: _Entry, other: _Entry) -> None:
    """Let two entries of one type and length change their values."""
    if (one.kind, one.value_bytes) != (other.kind, other.value_bytes):
        return
    first = slice(one.value_at, one.value_at + one.value_bytes)
    second = slice(other.value_at, other.value_at + other.value_bytes)
    if first.start != second.start and max(first.stop, second.stop) <= len(edited):
        edited[first], edited[second] = edited[second], edited[first]


def _chain(block: bytes, order: str, at: int) -> list[_Directory]:
    """List the directories from `at` on along their links."""
    found: dict[int, _Directory] = {}
    while at and at not in found and len(found) < _MOST_DIRECTORIES:
        found[at] = _directory(block, order, at)
        at = found[at].following
    return list(found.values())


def _thumbnail_data(block: bytes, order: str, directory: _Directory) -> Iterator[tuple[int, int]]:
    """Yield offset and length of the pixels that a directory points to, JPEG or strips."""
    numbers: dict[int, tuple[int, ...]] = {}
    for entry in directory.entries:
        form = _INTEGERS.get(entry.kind)
        values = entry.value_bytes // _UNIT_BYTES.get(entry.kind, 1)
        if entry.tag in {0x0201, 0x0202, 0x0111, 0x0117} and form is not None and values <= 4096:
            numbers[entry.tag] = struct.unpack_from(f"{order}{values}{form}", block, entry.value_at)
    for offset, length in ((0x0201, 0x0202), (0x0111, 0x0117)):
        yield from zip(numbers.get(offset, ()), numbers.get(length, ()), strict=False)


def _blank_jpeg(edited: bytearray, entry: _Entry) -> None:
    """Blank a JPEG inside an entry's value, from its start to its last end."""
    stop = min(entry.value_at + entry.value_bytes, len(edited))
    at = edited.find(_JPEG_START, entry.value_at, stop)
    if at >= 0:
        end = edited.rfind(_JPEG_END, at, stop)
        _zero(edited, at, (end + 2 if end > 0 else stop) - at)


def _find_orientation(block: bytes) -> tuple[int, str, int] | None:
    """Return offset, struct format and value of IFD0's orientation."""
    try:
        order = _byte_order(block)
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        for entry in _directory(block, order, start).entries:
            if entry.tag == _ORIENTATION and entry.kind in _INTEGERS:
                form = order + _INTEGERS[entry.kind]
                return entry.value_at, form, struct.unpack_from(form, block, entry.value_at)[0]
    except (ValueError, struct.error):
        pass
    return None


def _byte_order(block: bytes) -> str:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        raise ValueError("not a TIFF structure")
    return order


def _directory(block: bytes, order: str, at: int) -> _Directory:
    """Read the directory at offset `at`, as far as it lies inside the block."""
    (count,) = struct.unpack_from(f"{order}H", block, at)
    room = (len(block) - at - 2) // 12
    entries = []
    for number in range(min(count, room)):
        here = at + 2 + 12 * number
        tag, kind, values, offset = struct.unpack_from(f"{order}HHII", block, here)
        size = values * _UNIT_BYTES.get(kind, 1)
        entries.append(_Entry(here, tag, kind, here + 8 if size <= 4 else offset, size))
    end = at + 2 + 12 * count
    following = struct.unpack_from(f"{order}I", block, end)[0] if end + 4 <= len(block) else 0
    return _Directory(at, end + 4, tuple(entries), following, count <= room)


def _directories(block: bytes, order: str) -> list[_Directory]:
    """List the chain from IFD0 on, and the Exif directories that hang from it."""
    waiting = [struct.unpack_from(f"{order}I", block, 4)[0]]
    seen: dict[int, _Directory] = {}
    while waiting:
        at = waiting.pop()
        if at == 0 or at in seen:
            continue
        if len(seen) == _MOST_DIRECTORIES:
            raise ValueError("too many directories")
        seen[at] = directory = _directory(block, order, at)
        waiting.append(directory.following)
        waiting += [
            struct.unpack_from(f"{order}I", block, entry.at + 8)[0]
            for entry in directory.entries
            if entry.tag == _EXIF_IFD
        ]
    return list(seen.values())


def _blank_gps(edited: bytearray, block: bytes, order: str, pointer: _Entry) -> None:
    """Overwrite the GPS directory behind `pointer` with zeros, values first."""
    (at,) = struct.unpack_from(f"{order}I", block, pointer.at + 8)
    gps = _directory(block, order, at)
    if not gps.whole or len(gps.entries) > _MOST_GPS_ENTRIES:
        raise ValueError("the GPS directory is cut off or too long")
    for entry in gps.entries:
        value = block[entry.value_at : entry.value_at + entry.value_bytes]
        _zero(edited, entry.value_at, len(value))
        # Maker notes and thumbnails repeat coordinates; 24 bytes do not match by accident.
        if entry.tag in _COORDINATES and len(value) >= 24 and any(value):
            edited[:] = edited.replace(value, bytes(len(value)))
    _zero(edited, gps.at, min(gps.end, len(edited)) - gps.at)


def _unlink(edited: bytearray, order: str, directory: _Directory, entry: _Entry) -> None:
    """Take `entry` out of its directory; the entries behind it move up by one place."""
    end = min(directory.end, len(edited))
    edited[entry.at : end] = edited[entry.at + 12 : end] + bytes(12)
    (count,) = struct.unpack_from(f"{order}H", edited, directory.at)
    struct.pack_into(f"{order}H", edited, directory.at, max(count - 1, 0))


def _zero(edited: bytearray, at: int, size: int) -> None:
    edited[at : at + size] = bytes(len(edited[at : at + size]))
