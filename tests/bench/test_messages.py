"""Oracle: misread bits against a message embedded by hand, and against what the product reads."""

import numpy as np
import pytest

from imuge.bench.messages import bit_errors, hard_bits, message_errors
from imuge.engine.canvas import to_canvas
from imuge.keys import TEMPLATE_CHANNELS, Geometry, Key, Message, beacon, message_bits, read

MESSAGE = Message(7, Geometry(side_number=0, tall=False, shorter=128))
STRANGER = Key.from_secret("stranger", bytes(reversed(range(32))))


def carrying(key, bits):
    """Six revealed channels of 16x16 blocks whose beacon carries these bits."""
    signs = np.zeros((TEMPLATE_CHANNELS, 16, 16), np.float32)
    signs[:2] = beacon(key, bits, 16, 16)
    return signs


def test_each_flipped_bit_is_one_error(key):
    bits = message_bits(key, MESSAGE)
    assert message_errors(key, MESSAGE, carrying(key, bits)) == 0
    for bit in (0, 31, 95):
        bits[bit] ^= 1
    assert message_errors(key, MESSAGE, carrying(key, bits)) == 3
    assert np.flatnonzero(
        hard_bits(key, carrying(key, bits)) != message_bits(key, MESSAGE)
    ).tolist() == [
        0,
        31,
        95,
    ]


def test_blocks_that_are_not_valid_say_nothing(key):
    bits = message_bits(key, MESSAGE)
    revealed = carrying(key, bits)
    revealed[:, 8:] *= -100
    valid = np.zeros((16, 16), bool)
    valid[:8] = True
    assert message_errors(key, MESSAGE, revealed, valid) == 0
    revealed[:, 8:] = np.nan
    assert message_errors(key, MESSAGE, revealed) == 0


def test_a_real_picture_and_a_stranger(guard, key, immunized):
    signs = guard.engine.reveal(to_canvas(immunized.image).image)[-TEMPLATE_CHANNELS:]
    message = read(key, signs).message
    assert f"{message.image_id:012x}" == immunized.image_id
    assert message_errors(key, message, signs) == 0
    assert 24 < message_errors(STRANGER, message, signs) < 72


def test_as_many_bits_as_were_sent():
    with pytest.raises(ValueError, match="as many bits"):
        bit_errors(np.zeros(96, np.int8), np.zeros(32, np.int8))
