"""The keyed rotation of every block's code, for releases with `keyed_signs`.

    code ─► × signs ─► mix ─► × signs ─► mix ─► … ─► as it is hidden       (six rounds)

Signs alone hide little: magnitudes survive them, and magnitudes find the block that they belong to.
Mixing is public, so that mixing after the signs hides nothing either: it is undone at once. Between
two rounds of signs it cannot be. After some rounds every direction that the numbers of a block can
point to is as likely as any other, and their norm alone is left (`imuge.bench.secrecy`).
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

# Of one or two rounds all signs can be tried. Six have 72 signs a block, of whose 12 numbers a PNG
# reveals about 40 bits (12 · ½ log2(1 + 1 / 0.11²)): so many signs fit any block to any place. And
# from six on even a block with one number other than 0 is turned evenly to all directions.
SIGN_ROUNDS = 6

Array = NDArray[np.float32]
Signs = NDArray[np.int8]


@cache
def mixing_matrix(size: int) -> Array:
    """The orthonormal Hartley matrix, (size, size) float32: symmetric, so its own inverse."""
    angles = 2 * np.pi * (np.outer(np.arange(size), np.arange(size)) % size) / size
    matrix: Array = ((np.cos(angles) + np.sin(angles)) / np.sqrt(size)).astype(np.float32)
    return matrix


def rotate(code: Array, signs: Signs, descriptions: int) -> Array:
    """Turn the numbers of every block and description.

    Args:
        code: (K·c, h, w), in place.
        signs: (rounds·K·c, h, w) of ±1, in place, the first round's first.
        descriptions: K.

    Returns:
        (K·c, h, w): each block's c numbers of each description turned, their norm as it was.
    """
    for turn in _rounds(signs, len(code)):
        code = mix(code * turn, descriptions)
    return code


def rotate_back(code: Array, signs: Signs, descriptions: int) -> Array:
    """Undo `rotate`, whose arguments and result these are."""
    for turn in reversed(_rounds(signs, len(code))):
        code = mix(code, descriptions) * turn
    return code


def mix(code: Array, descriptions: int) -> Array:
    """Multiply the numbers of each block and description by the mixing matrix; twice is nothing."""
    parts = code.reshape(descriptions, len(code) // descriptions, -1)
    mixed: Array = (mixing_matrix(parts.shape[1]) @ parts).reshape(code.shape)
    return mixed


def _rounds(signs: Signs, channels: int) -> list[Signs]:
    return np.split(signs, len(signs) // channels)
