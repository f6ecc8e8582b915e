"""Edit an EXIF block in place: every byte that is not the edited value keeps its offset.

Rewriting the block with a library would move the maker note, whose inner offsets then point
nowhere. So the orientation is overwritten where it stands, and the GPS directory is unlinked
and blanked where it stands.

    header ─► IFD0 ─► IFD1 (thumbnail) ─► ...
               ├─► Exif IFD ─► maker note, ...
               └─► GPS IFD

Blocks are TIFF structures without the "Exif" prefix (CIPA DC-008, TIFF 6.0).
"""

import struct
from dataclasses import dataclass

_ORIENTATION, _EXIF_IFD, _GPS_IFD = 0x0112, 0x8769, 0x8825
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


def orientation(block: bytes) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where it is absent or makes no sense."""
    found = _find_orientation(block)
    return found[2] if found is not None and found[2] in range(1, 9) else 1


def upright(block: bytes) -> bytes:
    """Set the orientation to 1 in place; a block without one stays as it is."""
    found = _find_orientation(block)
    if found is None:
        return block
    at, form, _ = found
    edited = bytearray(block)
    struct.pack_into(form, edited, at, 1)
    return bytes(edited)


def without_gps(block: bytes) -> bytes | None:
    """Blank the GPS directory, its values and every further copy of its coordinates.

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
            for entry in pointers:
                _blank_gps(edited, block, order, entry)
                _unlink(edited, order, directory, entry)
        left = _directories(bytes(edited), order)
    except (ValueError, struct.error):
        return None
    if any(entry.tag == _GPS_IFD for directory in left for entry in directory.entries):
        return None
    return bytes(edited)


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
