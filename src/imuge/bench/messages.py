"""How many of a picture's 96 message bits are misread, before anything corrects them."""

import numpy as np
from numpy.typing import NDArray

from imuge.keys import Key, Message, message_bits
from imuge.keys.message import MESSAGE_BITS
from imuge.keys.reading import CLAMP
from imuge.keys.template import BEACON_CHANNELS, beacon_signs, bit_numbers

Bits = NDArray[np.int8]


def bit_errors(sent: Bits, read: Bits) -> int:
    """Bits that differ.

    Raises:
        ValueError: there are not as many in one as in the other.
    """
    if sent.shape != read.shape:
        raise ValueError(f"expected as many bits as were sent, {sent.shape}, got {read.shape}")
    return int(np.count_nonzero(sent != read))


def hard_bits(
    key: Key, revealed: NDArray[np.float32], valid: NDArray[np.bool_] | None = None
) -> Bits:
    """Decide each message bit by the sum of what its blocks say, as `keys.read` does.

    Args:
        key: Full or verify-only.
        revealed: (6, rows, columns), about ±1 where protected; NaN and 0 are no observation.
        valid: (rows, columns); False leaves a block out. None uses all blocks.

    Returns:
        (96,) of 0 and 1; 0 where there is nothing to decide by.
    """
    beacon = np.nan_to_num(revealed[list(BEACON_CHANNELS)].astype(np.float64)).clip(-CLAMP, CLAMP)
    if valid is not None:
        beacon = np.where(valid, beacon, 0.0)
    rows, columns = revealed.shape[1:]
    products = beacon * beacon_signs(key, rows, columns)
    numbers = bit_numbers(key, rows, columns)
    sums = np.bincount(numbers.ravel(), products.ravel(), minlength=MESSAGE_BITS)
    bits: Bits = (sums < 0).astype(np.int8)
    return bits


def message_errors(
    key: Key,
    message: Message,
    revealed: NDArray[np.float32],
    valid: NDArray[np.bool_] | None = None,
) -> int:
    """Misread bits of 96; about 48 where the key's message is not there. See `hard_bits`."""
    return bit_errors(message_bits(key, message), hard_bits(key, revealed, valid))
