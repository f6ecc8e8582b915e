"""Print the test vectors of docs/protocol.md: `python scripts/protocol_vectors.py`.

The key is public and protects nothing. tests/keys/test_protocol_page.py checks that the page has
exactly these lines, and tests/keys/test_key_vectors.py that a second implementation agrees.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from imuge.keys import (
    Geometry,
    Key,
    Message,
    code_permutations,
    code_signs,
    layout_agreement,
    message_bits,
    read,
    template,
)
from imuge.keys.key import PURPOSES
from imuge.keys.streams import BEACON_SIGNS, LAYOUT_SIGNS, permutation, signs, tile_permutations
from imuge.keys.template import bit_numbers
from imuge.protection.frame import size_named
from imuge.protection.pilot import WAVES, waves

SECRET = bytes(range(32))
IMAGE_ID = 0x010203040506
MESSAGE = Message(IMAGE_ID, Geometry(side_number=5, tall=True, shorter=513))
ROWS, COLUMNS = 16, 24
SCALES = (1, 1, 1, 2, 3, 4)


def main() -> None:
    """Print every vector, one `name = value` a line."""
    key = Key.from_secret("vectors", SECRET)
    for name, value in vectors(key):
        print(f"{name} = {value}")


def vectors(key: Key) -> Iterator[tuple[str, str]]:
    """Give the vectors in the page's order."""
    yield "key", SECRET.hex()
    yield "image id", f"{IMAGE_ID:012x}"
    yield "key id", key.key_id
    for purpose in PURPOSES:
        yield f"root {purpose}", key.root(purpose).hex()
    for purpose in ("layout", "recover"):
        yield f"image {purpose}", key.image_key(purpose, IMAGE_ID).hex()
    yield from _sign_vectors(key)
    yield from _permutation_vectors(key)
    yield from _pilot_vectors(key)
    yield from _message_vectors(key)


def _sign_vectors(key: Key) -> Iterator[tuple[str, str]]:
    root, layout = key.root("beacon"), key.image_key("layout", IMAGE_ID)
    for channel, row in ((0, 0), (1, 5)):
        drawn = signs(root, BEACON_SIGNS, [channel], row + 1, 32)[0, row]
        yield f"beacon signs, channel {channel}, row {row}, columns 0-31", _plus_minus(drawn)
    for channel, row in ((2, 0), (3, 0), (4, 0), (5, 300)):
        drawn = signs(layout, LAYOUT_SIGNS, [channel], row + 1, 32)[0, row]
        yield f"layout signs, channel {channel}, row {row}, columns 0-31", _plus_minus(drawn)
    for channel, row in ((0, 0), (23, 5)):
        drawn = code_signs(key, IMAGE_ID, row + 1, 32, channel + 1)[channel, row]
        yield f"code signs, channel {channel}, row {row}, columns 0-31", _plus_minus(drawn)


def _permutation_vectors(key: Key) -> Iterator[tuple[str, str]]:
    for channel, row, column in ((0, 0, 0), (1, 2, 3)):
        tile = tile_permutations(key.root("beacon"), channel, row + 1, column + 1)[row, column]
        name = f"message bits of the tile in row {row}, column {column} of channel {channel}"
        yield name, _numbers(tile)
    recover = key.image_key("recover", IMAGE_ID)
    for description in (0, 1):
        yield f"permutation {description} of 16", _numbers(permutation(recover, description, 16))
    for size in (384, 375_000):
        content = permutation(recover, 0, size).astype(">u4").tobytes()
        yield f"SHA-256 of permutation 0 of {size}", hashlib.sha256(content).hexdigest()
    both = code_permutations(key, IMAGE_ID, ROWS, COLUMNS).astype(">u4").tobytes()
    name = f"SHA-256 of both permutations of {ROWS}x{COLUMNS} blocks"
    yield name, hashlib.sha256(both).hexdigest()


def _pilot_vectors(key: Key) -> Iterator[tuple[str, str]]:
    drawn = waves(key.root("pilot"))
    for wave in (0, WAVES - 1):
        for what, numbers in (("u", drawn.u), ("v", drawn.v), ("phase", drawn.phase)):
            yield f"pilot wave {wave}: {what}", f"{numbers[wave]:.9f}"


def _message_vectors(key: Key) -> Iterator[tuple[str, str]]:
    height, width = size_named(MESSAGE.geometry) or (0, 0)
    yield "frame named", f"{height}x{width}"
    yield "message", np.packbits(message_bits(key, MESSAGE)).tobytes().hex()
    embedded = template(key, MESSAGE, ROWS, COLUMNS)
    yield "template, channel 0, row 0, columns 0-23", _plus_minus(embedded[0, 0])
    content = embedded.astype(np.int8).tobytes()
    yield f"SHA-256 of the template of {ROWS}x{COLUMNS} blocks", hashlib.sha256(content).hexdigest()
    yield from _reading_vectors(key, embedded)


def _reading_vectors(key: Key, embedded: NDArray[np.float32]) -> Iterator[tuple[str, str]]:
    doubtful = embedded.copy()
    carried = bit_numbers(key, ROWS, COLUMNS)
    for bit in (7, 40):  # 8 observations each; the last 5 are reversed
        channels, rows, columns = np.nonzero(carried == bit)
        doubtful[channels[3:], rows[3:], columns[3:]] *= -1
    reading = read(key, doubtful)
    yield "two bits reversed: presence p", f"{reading.presence_p:.6e}"
    yield "two bits reversed: image id", f"{reading.image_id or 0:012x}"
    yield "two bits reversed: flips", str(reading.flips)
    yield "two bits reversed: tag p", f"{reading.tag_p or 0:.6e}"
    weak = embedded[:, :8, :12].copy()
    weak[:, 0] *= np.float32(-0.5)  # the first block row disagrees, at half strength
    reading = read(key, weak)
    agreement, layout_p = layout_agreement(key, IMAGE_ID, weak)
    yield "weak 8x12 corner: presence p", f"{reading.presence_p:.6e}"
    yield "weak 8x12 corner: beacon agreement, hard decisions", f"{reading.agreement:.6f}"
    yield "weak 8x12 corner: layout agreement", f"{agreement:.6f}"
    yield "weak 8x12 corner: layout p", f"{layout_p:.6e}"
    yield from _scaled_vectors(key)


def _scaled_vectors(key: Key) -> Iterator[tuple[str, str]]:
    embedded = template(key, MESSAGE, ROWS, COLUMNS, scales=SCALES)
    yield "scaled: channel 5, row 7, columns 0-23", _plus_minus(embedded[5, 7])
    content = embedded.astype(np.int8).tobytes()
    yield "scaled: SHA-256 of the template", hashlib.sha256(content).hexdigest()
    embedded[:, 0] *= np.float32(-1.5)
    agreement, layout_p = layout_agreement(key, IMAGE_ID, embedded, scales=SCALES)
    yield "scaled: layout agreement", f"{agreement:.6f}"
    yield "scaled: layout p", f"{layout_p:.6e}"


def _plus_minus(drawn: NDArray[np.int8] | NDArray[np.float32]) -> str:
    return "".join("+" if sign > 0 else "-" for sign in drawn)


def _numbers(values: Iterable[int]) -> str:
    return " ".join(str(value) for value in values)


if __name__ == "__main__":
    main()
