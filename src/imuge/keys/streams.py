"""Pseudo-random signs and permutations from ChaCha20 (docs/protocol.md, "Streams").

    nonce = 00 00 00 00 | purpose code | channel | row     4 bytes each, big-endian numbers
            └ the cipher's own block counter, from 0

Every (key, purpose code, channel, row) opens a stream of its own, so a sign is a function of its
place alone: never of the picture's size, nor of what was drawn before. Keys here are 32 derived
bytes, not `Key` objects.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

BEACON_SIGNS = 1
BEACON_PLACEMENT = 2
LAYOUT_SIGNS = 3
RECOVERY_PERMUTATION = 4
CODE_SIGNS = 5
PILOT_WAVES = 6

TILE_ROWS, TILE_COLUMNS = 8, 12  # blocks of a tile, which carry the 96 message bits
TILE_BLOCKS = TILE_ROWS * TILE_COLUMNS
_BATCH = 1 << 16  # permutation draws checked for rejection at a time

Words = Callable[[int], NDArray[np.uint32]]


def signs(
    key: bytes,
    purpose_code: int,
    channels: Sequence[int],
    rows: int,
    columns: int,
    *,
    offset: tuple[int, int] = (0, 0),
) -> NDArray[np.int8]:
    """Draw the signs of a grid of blocks.

    Args:
        key: 32 derived bytes.
        purpose_code: `BEACON_SIGNS`, `LAYOUT_SIGNS` or `CODE_SIGNS`.
        channels: Channel numbers as the protocol counts them.
        rows: Block rows.
        columns: Block columns.
        offset: Row and column of the grid's first block in the whole picture's grid, from 0.

    Returns:
        (len(channels), rows, columns) of +1 and -1.

    Raises:
        ValueError: a size or an offset is negative.
    """
    top, left = check_grid(rows, columns, offset)
    length = (left + columns + 7) // 8
    stream = b"".join(
        _stream(key, purpose_code, channel, row)(length)
        for channel in channels
        for row in range(top, top + rows)
    )
    packed = np.frombuffer(stream, np.uint8).reshape(len(channels), rows, length)
    bits = np.unpackbits(packed, axis=-1, bitorder="little")[..., left : left + columns]
    return np.int8(1) - np.int8(2) * bits.astype(np.int8)


def permutation(key: bytes, description: int, size: int) -> NDArray[np.int64]:
    """Shuffle the row-major block numbers 0..size-1 for one description of the code.

    Fisher-Yates from the last place down to 1: j is drawn from 0..i, places i and j swap.

    Args:
        key: The 32-byte picture key for recover.
        description: Number of the description, 0 or 1.
        size: Blocks in the grid, rows times columns.

    Returns:
        (size,) of block numbers; place j of the scattered code takes block number result[j].

    Raises:
        ValueError: `size` is negative or does not fit 32 bits.
    """
    if not 0 <= size < 1 << 32:
        raise ValueError(f"a permutation has 0 to 2^32 - 1 places, got {size}")
    stream = _stream(key, RECOVERY_PERMUTATION, description, 0)

    def words(count: int) -> NDArray[np.uint32]:
        return np.frombuffer(stream(4 * count), "<u4")

    places = list(range(size))
    for last, drawn in _draws(words, size):
        for i, j in zip(range(last, -1, -1), drawn, strict=False):
            places[i], places[j] = places[j], places[i]
    return np.array(places, np.int64)


def _draws(words: Words, size: int) -> Iterator[tuple[int, list[int]]]:
    """Yield (i, [j for i, j for i - 1, ...]) for i from size - 1 down to 1, without bias.

    The words are used in order. One at or above the greatest multiple of i + 1 within 2^32 is
    skipped, and the next word serves the same i.
    """
    last = size - 1
    pending = words(0)
    while last > 0:
        count = min(last, _BATCH)
        if pending.size < count:
            pending = np.concatenate([pending, words(count - pending.size)])
        choices = np.arange(last + 1, last + 1 - count, -1, dtype=np.uint64)
        drawn = pending[:count].astype(np.uint64)
        rejected = drawn >= (np.uint64(1 << 32) // choices) * choices
        kept = int(rejected.argmax()) if rejected.any() else count
        yield last, (drawn[:kept] % choices[:kept]).tolist()
        last -= kept
        pending = pending[kept + 1 if kept < count else count :]


def tile_permutations(
    root_beacon: bytes, channel: int, tile_rows: int, tile_columns: int
) -> NDArray[np.int64]:
    """Draw which message bit each block of each tile carries on one beacon channel.

    A tile's 96 words are bytes 384·column .. 384·column + 383 of its row's stream, little-endian;
    block k, row-major in the tile, carries the bit that is the index of the k-th smallest word
    (of equal words the first comes first).

    Args:
        root_beacon: 32 bytes.
        channel: Beacon channel, 0 or 1.
        tile_rows: Rows of tiles of 8x12 blocks, from the grid's top.
        tile_columns: Columns of such tiles, from the grid's left.

    Returns:
        (tile_rows, tile_columns, 96) of bit numbers 0..95.
    """
    length = 4 * TILE_BLOCKS * tile_columns
    stream = b"".join(
        _stream(root_beacon, BEACON_PLACEMENT, channel, row)(length) for row in range(tile_rows)
    )
    words = np.frombuffer(stream, "<u4").reshape(tile_rows, tile_columns, TILE_BLOCKS)
    return words.argsort(axis=-1, kind="stable").astype(np.int64, copy=False)


def fractions(key: bytes, purpose_code: int, channel: int, count: int) -> NDArray[np.float64]:
    """Draw numbers that are uniform between 0 and 1, (count,), from row 0 of a channel.

    Each is a 32-bit little-endian word of the stream plus one half, over 2^32.
    """
    words = np.frombuffer(_stream(key, purpose_code, channel, 0)(4 * count), "<u4")
    drawn: NDArray[np.float64] = (words + 0.5) / float(1 << 32)
    return drawn


def check_grid(rows: int, columns: int, offset: tuple[int, int]) -> tuple[int, int]:
    """Give `offset` back if it and the size make sense.

    Raises:
        ValueError: one of the numbers is negative.
    """
    if min(rows, columns, *offset) < 0:
        raise ValueError(
            f"expected a grid and an offset of 0 or more blocks, got {rows}x{columns} at {offset}"
        )
    return offset


def _stream(key: bytes, purpose_code: int, channel: int, row: int) -> Callable[[int], bytes]:
    """Open a stream; calling it gives that many of its next bytes."""
    nonce = bytes(4) + b"".join(n.to_bytes(4, "big") for n in (purpose_code, channel, row))
    encryptor = Cipher(ChaCha20(key, nonce), mode=None).encryptor()
    return lambda count: encryptor.update(bytes(count))
