"""Oracle: misread bits against a message embedded by hand, and against what the product reads."""

import numpy as np
import pytest

from imuge.bench.messages import bit_errors, hard_bits, message_errors
from imuge.engine.canvas import to_canvas
from imuge.keys import TEMPLATE_CHANNELS, Key, beacon, message_bits

STRANGER = Key.from_secret("stranger", bytes(reversed(range(32))))


def carrying(key, bits):
    """Six revealed channels of 16x16 blocks whose beacon carries these bits."""
    signs = np.zeros((TEMPLATE_CHANNELS, 16, 16), np.float32)
    signs[:2] = beacon(key, bits, 16, 16)
    return signs


def test_each_flipped_bit_is_one_error(key):
    bits = message_bits(key, 7)
    assert message_errors(key, 7, carrying(key, bits)) == 0
    for bit in (0, 31, 63):
        bits[bit] ^= 1
    assert message_errors(key, 7, carrying(key, bits)) == 3
    assert np.flatnonzero(hard_bits(key, carrying(key, bits)) != message_bits(key, 7)).tolist() == [
        0,
        31,
        63,
    ]


def test_blocks_that_are_not_valid_say_nothing(key):
    bits = message_bits(key, 7)
    revealed = carrying(key, bits)
    revealed[:, 8:] *= -100
    valid = np.zeros((16, 16), bool)
    valid[:8] = True
    assert message_errors(key, 7, revealed, valid) == 0
    revealed[:, 8:] = np.nan
    assert message_errors(key, 7, revealed) == 0


def test_a_real_picture_and_a_stranger(guard, key, immunized):
    signs = guard.engine.reveal(to_canvas(immunized.image).image)[-TEMPLATE_CHANNELS:]
    image_id = int(immunized.image_id, 16)
    assert message_errors(key, image_id, signs) == 0
    assert 16 < message_errors(STRANGER, image_id, signs) < 48


def test_as_many_bits_as_were_sent():
    with pytest.raises(ValueError, match="as many bits"):
        bit_errors(np.zeros(64, np.int8), np.zeros(32, np.int8))
