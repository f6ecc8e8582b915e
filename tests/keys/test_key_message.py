"""Contract and property: what a message spells, and what it refuses."""

import dataclasses

import numpy as np
import pytest

from imuge.keys import Geometry, Key, Message, message_bits
from imuge.keys.message import MESSAGE_BITS

KEY = Key.from_secret("test", bytes(range(32)))
GEOMETRY = Geometry(side_number=3, tall=False, shorter=288)


def drawn_messages(count):
    generator = np.random.default_rng(0)
    for _ in range(count):
        geometry = Geometry(
            side_number=int(generator.integers(16)),
            tall=bool(generator.integers(2)),
            shorter=int(generator.integers(1, 2049)),
        )
        yield Message(int(generator.integers(1 << 48)), geometry)


def test_what_is_packed_is_unpacked():
    for message in drawn_messages(500):
        assert Message.unpack(message.pack()) == message


def test_any_eight_bytes_are_a_message():
    generator = np.random.default_rng(1)
    for content in [bytes(8), b"\xff" * 8, *(generator.bytes(8) for _ in range(500))]:
        assert Message.unpack(content).pack() == content


@pytest.mark.parametrize(
    ("change", "bits"),
    [
        ({"side_number": 2}, [3]),  # 3 is 0011
        ({"tall": True}, [4]),
        ({"shorter": 287}, [15]),  # 287 is 100011111 after one is taken off
        ({"shorter": 288 + 1024}, [5]),
    ],
)
def test_each_part_has_its_bits(change, bits):
    plain = message_bits(KEY, Message(1, GEOMETRY))
    changed = message_bits(KEY, Message(1, dataclasses.replace(GEOMETRY, **change)))
    assert np.flatnonzero((plain != changed)[:64]).tolist() == bits
    assert 4 < np.count_nonzero((plain != changed)[64:]) < 28  # the tag is of the geometry, too


def test_the_id_follows_the_geometry():
    bits = message_bits(KEY, Message(0x800000000001, GEOMETRY))
    assert bits.shape == (MESSAGE_BITS,)
    assert np.flatnonzero(bits[16:64]).tolist() == [0, 47]


def test_the_tag_is_the_keys():
    message = Message(7, GEOMETRY)
    other = message_bits(Key.from_secret("other", bytes(range(1, 33))), message)
    differing = message_bits(KEY, message) != other
    assert not differing[:64].any()
    assert 4 < np.count_nonzero(differing[64:]) < 28


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"side_number": 16}, "got 16"),
        ({"side_number": -1}, "got -1"),
        ({"shorter": 0}, "got 0"),
        ({"shorter": 2049}, "got 2049"),
    ],
)
def test_a_geometry_without_a_spelling_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(GEOMETRY, **change)


@pytest.mark.parametrize("image_id", [-1, 1 << 48])
def test_an_id_without_a_spelling_is_refused(image_id):
    with pytest.raises(ValueError, match="48 bits"):
        Message(image_id, GEOMETRY)


@pytest.mark.parametrize("length", [0, 7, 9])
def test_other_lengths_are_refused(length):
    with pytest.raises(ValueError, match=f"got {length}"):
        Message.unpack(bytes(length))
