"""How often a decoder would have to go over a JPEG: its scans, counted without decoding.

A progressive JPEG of some kilobytes can hold thousands of scans, each of which touches every
coefficient of the picture ("LibJPEG-turbo, two issues with the JPEG standard", 2015).
"""

import re

MOST_SCANS = 100  # encoders write about ten
SOI = b"\xff\xd8"
SOS, EOI = 0xDA, 0xD9
ALONE = {0x01, 0xD8, *range(0xD0, 0xD8)}  # markers without a length
_AFTER_DATA = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # neither stuffing nor a restart


def count_scans(data: bytes, most: int) -> int:
    """The number of scans of the first picture in a JPEG file.

    Args:
        data: A file of any kind; what is no JPEG has none.
        most: Where counting may end: one more than this is as good as any larger number.
    """
    scans, place = 0, 2
    while scans <= most and data.startswith(SOI):
        # In compressed data, and in what a damaged file has between its segments, the next marker
        # is searched for, as decoders do.
        found = _AFTER_DATA.search(data, place)
        if found is None or found[1][0] == EOI:
            break
        marker, place = found[1][0], found.end()
        if marker in ALONE:
            continue
        scans += marker == SOS
        place += int.from_bytes(data[place : place + 2], "big")
    return scans
