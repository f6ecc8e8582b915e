"""The six keyed ±1 numbers of every block, and where the code of every block goes.

    channels 0-1  beacon   sign(root_beacon; channel, row, column) × (1 - 2·bit)
    channels 2-5  layout   sign(picture's layout key; channel, row // s, column // s)

s is the channel's scale: s by s blocks share a sign (1 in the shipped release). Which message bit
a beacon block carries is drawn for every aligned tile of 8 rows x 12 columns of blocks, so each bit
is seen once a tile and channel. Grids are (rows, columns) of 8x8-pixel blocks, row-major. After an
`offset` (row, column) they are windows of a larger picture's grid.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imuge.keys.key import Key
from imuge.keys.message import MESSAGE_BITS, Message, message_bits
from imuge.keys.streams import (
    BEACON_SIGNS,
    CODE_SIGNS,
    LAYOUT_SIGNS,
    TILE_COLUMNS,
    TILE_ROWS,
    check_grid,
    permutation,
    signs,
    tile_permutations,
)

BEACON_CHANNELS = (0, 1)
LAYOUT_CHANNELS = (2, 3, 4, 5)
TEMPLATE_CHANNELS = len(BEACON_CHANNELS) + len(LAYOUT_CHANNELS)
DESCRIPTIONS = 2
PLAIN_SCALES = (1,) * TEMPLATE_CHANNELS


def template(
    key: Key, message: Message, rows: int, columns: int, *, scales: Sequence[int] = PLAIN_SCALES
) -> NDArray[np.float32]:
    """Give the six template channels to embed in one picture.

    Args:
        key: Full or verify-only.
        message: What the beacon carries; the layout is that of its image id.
        rows: Block rows.
        columns: Block columns.
        scales: How many blocks on a side share a sign, for each channel; 1 for the beacon.

    Returns:
        (6, rows, columns) of +1 and -1: beacon × message, then layout.

    Raises:
        ValueError: a size is negative, or the scales are not those of six channels.
    """
    layout = layout_signs(key, message.image_id, rows, columns, scales=scales).astype(np.float32)
    return np.concatenate([beacon(key, message_bits(key, message), rows, columns), layout])


def beacon(
    key: Key, bits: NDArray[np.int8], rows: int, columns: int, *, offset: tuple[int, int] = (0, 0)
) -> NDArray[np.float32]:
    """Give the two beacon channels that carry a message.

    Args:
        key: Full or verify-only.
        bits: (96,) of 0 and 1.
        rows: Block rows.
        columns: Block columns.
        offset: Row and column of the first block in the whole picture's grid.

    Returns:
        (2, rows, columns) of +1 and -1.

    Raises:
        ValueError: `bits` has another shape, or a size or an offset is negative.
    """
    if bits.shape != (MESSAGE_BITS,):
        raise ValueError(f"expected {MESSAGE_BITS} message bits, got an array of {bits.shape}")
    carried = 1 - 2 * bits[bit_numbers(key, rows, columns, offset=offset)]
    return (beacon_signs(key, rows, columns, offset=offset) * carried).astype(np.float32)


def beacon_signs(
    key: Key, rows: int, columns: int, *, offset: tuple[int, int] = (0, 0)
) -> NDArray[np.int8]:
    """Give the beacon's signs before the message: (2, rows, columns) of +1 and -1."""
    root = key.root("beacon")
    return signs(root, BEACON_SIGNS, BEACON_CHANNELS, rows, columns, offset=offset)


def layout_signs(
    key: Key,
    image_id: int,
    rows: int,
    columns: int,
    *,
    scales: Sequence[int] = PLAIN_SCALES,
    offset: tuple[int, int] = (0, 0),
) -> NDArray[np.int8]:
    """Give the signs of channels 2-5 for one picture: (4, rows, columns) of +1 and -1.

    `scales` are those of all six channels, as for `template`.
    """
    top, left = check_grid(rows, columns, offset)
    channels = []
    cells = layout_cells(key, image_id, rows, columns, scales=scales, offset=offset)
    for drawn, scale in zip(cells, scales[len(BEACON_CHANNELS) :], strict=True):
        spread = drawn.repeat(scale, axis=0).repeat(scale, axis=1)
        skipped, aside = top % scale, left % scale
        channels.append(spread[skipped : skipped + rows, aside : aside + columns])
    return np.stack(channels)


def layout_cells(
    key: Key,
    image_id: int,
    rows: int,
    columns: int,
    *,
    scales: Sequence[int] = PLAIN_SCALES,
    offset: tuple[int, int] = (0, 0),
) -> list[NDArray[np.int8]]:
    """Give one sign for each cell of scale x scale blocks that the grid touches.

    Returns:
        For each of channels 2-5 its signs, (cell rows, cell columns) of +1 and -1.

    Raises:
        ValueError: a size or an offset is negative, `image_id` is not in 0..2^48 - 1, or the
            scales are not those of six channels.
    """
    top, left = check_grid(rows, columns, offset)
    _check_scales(scales)
    layout = key.image_key("layout", image_id)
    cells = []
    for channel in LAYOUT_CHANNELS:
        scale = scales[channel]
        first = (top // scale, left // scale)
        below, beside = -(-(top + rows) // scale), -(-(left + columns) // scale)
        size = (below - first[0], beside - first[1])
        cells.append(signs(layout, LAYOUT_SIGNS, [channel], *size, offset=first)[0])
    return cells


def _check_scales(scales: Sequence[int]) -> None:
    plain = tuple(scales[: len(BEACON_CHANNELS)]) == PLAIN_SCALES[: len(BEACON_CHANNELS)]
    if len(scales) != TEMPLATE_CHANNELS or min(scales) < 1 or not plain:
        raise ValueError(
            f"expected {TEMPLATE_CHANNELS} scales of 1 or more, the beacon's 1, got {scales}"
        )


def bit_numbers(
    key: Key, rows: int, columns: int, *, offset: tuple[int, int] = (0, 0)
) -> NDArray[np.int64]:
    """Say which message bit every block carries.

    Returns:
        (2, rows, columns) of 0..95, for beacon channels 0 and 1.

    Raises:
        ValueError: a size or an offset is negative.
    """
    top, left = check_grid(rows, columns, offset)
    tile_rows, tile_columns = -(-(top + rows) // TILE_ROWS), -(-(left + columns) // TILE_COLUMNS)
    grids = []
    for channel in BEACON_CHANNELS:
        tiles = tile_permutations(key.root("beacon"), channel, tile_rows, tile_columns)
        blocks = tiles.reshape(tile_rows, tile_columns, TILE_ROWS, TILE_COLUMNS).swapaxes(1, 2)
        grids.append(blocks.reshape(tile_rows * TILE_ROWS, tile_columns * TILE_COLUMNS))
    return np.stack(grids)[:, top : top + rows, left : left + columns]


def code_permutations(
    key: Key, image_id: int, rows: int, columns: int, *, parts: int = DESCRIPTIONS
) -> NDArray[np.int64]:
    """Say where the two descriptions of a picture's code go, or as many other parts of it.

    Returns:
        (parts, rows·columns) of block numbers: place j of scattered part k takes the numbers of
        block result[k, j].

    Raises:
        KeyFileError: `key` is verify-only.
        ValueError: `image_id` is not in 0..2^48 - 1, or a size is negative.
    """
    check_grid(rows, columns, (0, 0))
    recover = key.image_key("recover", image_id)
    return np.stack([permutation(recover, k, rows * columns) for k in range(parts)])


def code_signs(key: Key, image_id: int, rows: int, columns: int, channels: int) -> NDArray[np.int8]:
    """Give the signs that turn a picture's code before it is scattered (`imuge.keys.rotation`).

    Args:
        key: A full key.
        image_id: The picture's id.
        rows: Block rows.
        columns: Block columns.
        channels: Signs a block: rounds times code numbers, of all descriptions together.

    Returns:
        (channels, rows, columns) of +1 and -1, at the places of the blocks that the code tells of.

    Raises:
        KeyFileError: `key` is verify-only.
        ValueError: `image_id` is not in 0..2^48 - 1, or a size is negative.
    """
    recover = key.image_key("recover", image_id)
    return signs(recover, CODE_SIGNS, range(channels), rows, columns)
