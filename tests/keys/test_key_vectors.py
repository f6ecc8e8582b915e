"""A second implementation of docs/protocol.md in plain Python, and recorded vectors.

It uses hashlib, hmac and integers alone: its own ChaCha20, HKDF, Fisher-Yates and message. The
hexadecimal constants were printed by it, not by the code under test.
"""

import hashlib
import hmac
import math
import struct

import numpy as np
import pytest

from imuge.keys import (
    Key,
    code_permutations,
    code_signs,
    layout_agreement,
    message_bits,
    read,
    template,
)
from imuge.keys.streams import permutation, signs, tile_permutations

SECRET = bytes(range(32))
IMAGE_ID = 0x01020304
KEY = Key.from_secret("vectors", SECRET)
SCALES = (1, 1, 1, 2, 3, 4)


def chacha20_block(key, counter, nonce):
    """RFC 8439, section 2.3, with the counter and nonce words apart."""

    def rotate(word, by):
        return (word << by | word >> (32 - by)) & 0xFFFFFFFF

    start = list(
        struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce)
    )
    state = list(start)
    columns = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    diagonals = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for _ in range(10):
        for a, b, c, d in columns + diagonals:
            for into, other, turned, by in (
                (a, b, d, 16),
                (c, d, b, 12),
                (a, b, d, 8),
                (c, d, b, 7),
            ):
                state[into] = (state[into] + state[other]) & 0xFFFFFFFF
                state[turned] = rotate(state[turned] ^ state[into], by)
    return struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(state, start, strict=True)))


def stream(key, code, channel, row, start, length):
    nonce = struct.pack(">III", code, channel, row)
    first, last = start // 64, (start + length + 63) // 64
    blocks = b"".join(chacha20_block(key, n, nonce) for n in range(first, last))
    return blocks[start - 64 * first :][:length]


def hkdf(secret, info):
    extracted = hmac.digest(b"", secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def root(purpose):
    return hkdf(SECRET, b"imuge/1/" + purpose.encode())


def image_key(purpose):
    info = b"imuge/1/" + purpose.encode() + b"/image" + IMAGE_ID.to_bytes(4, "big")
    return hkdf(root(purpose), info)


def sign(key, code, channel, row, column):
    byte = stream(key, code, channel, row, column // 8, 1)[0]
    return 1 - 2 * (byte >> column % 8 & 1)


def tile(channel, row, column):
    content = stream(root("beacon"), 2, channel, row, 256 * column, 256)
    words = struct.unpack("<64I", content)
    return sorted(range(64), key=lambda index: (words[index], index))


def shuffled(key, description, size):
    content = stream(key, 4, description, 0, 0, 4 * size + 400)
    words = iter(struct.unpack(f"<{len(content) // 4}I", content))
    return fisher_yates(words, size)


def fisher_yates(words, size):
    places = list(range(size))
    for i in range(size - 1, 0, -1):
        word = next(words)
        while word >= 2**32 // (i + 1) * (i + 1):
            word = next(words)
        j = word % (i + 1)
        places[i], places[j] = places[j], places[i]
    return places


def message():
    tag = hmac.digest(root("auth"), b"\x01" + IMAGE_ID.to_bytes(4, "big"), "sha256")[:4]
    return IMAGE_ID << 32 | int.from_bytes(tag, "big")


def template_value(channel, row, column, scale=1):
    if channel >= 2:
        return sign(image_key("layout"), 3, channel, row // scale, column // scale)
    bit = tile(channel, row // 8, column // 8)[row % 8 * 8 + column % 8]
    return sign(root("beacon"), 1, channel, row, column) * (1 - 2 * (message() >> (63 - bit) & 1))


def test_the_reference_is_rfc_8439_and_rfc_5869():
    block = chacha20_block(SECRET, 1, bytes.fromhex("000000090000004a00000000"))
    assert block.hex().startswith(
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
    )
    # RFC 5869, test case 3 (no salt, no info), first 32 bytes of 42.
    assert hkdf(b"\x0b" * 22, b"").hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    )


@pytest.mark.parametrize(
    ("purpose", "recorded"),
    [
        ("beacon", "f07999a9155cac79b85bb405d738b28acc809600603916e673022445e431f2e6"),
        ("layout", "21e59da563e885d07ebd505b8f8e2bc3dde424bde84b99d7ba70f7e6f8342115"),
        ("auth", "bb559b103c6e132ac3fa987fd79d8ab060e8766c7fec7a1b4f370bbb5190e61c"),
        ("recover", "9eb0ce5fb3cbc2044c9ffc2f59ae6d7fddcb71776325319a00fe6c2b01b40813"),
    ],
)
def test_roots(purpose, recorded):
    assert KEY.root(purpose).hex() == root(purpose).hex() == recorded


@pytest.mark.parametrize(
    ("purpose", "recorded"),
    [
        ("layout", "7f13f682e8ac9e496206afa9e76b507df771325db511061d88f0f6a7e3649440"),
        ("recover", "85d90732fa9852d790f076788b190f03201a9f06e269d6168d1294ea62302cf4"),
    ],
)
def test_picture_keys(purpose, recorded):
    assert KEY.image_key(purpose, IMAGE_ID).hex() == image_key(purpose).hex() == recorded


def test_key_id():
    assert KEY.key_id == hashlib.sha256(b"imuge/1/key-id" + SECRET).hexdigest()[:8] == "1062215c"


@pytest.mark.parametrize(("code", "channel"), [(1, 0), (1, 1), (3, 2), (3, 5)])
def test_signs(code, channel):
    key = root("beacon") if code == 1 else image_key("layout")
    drawn = signs(key, code, [channel], 12, 19)[0]
    expected = [[sign(key, code, channel, r, c) for c in range(19)] for r in range(12)]
    np.testing.assert_array_equal(drawn, expected)


def test_signs_far_from_the_corner():
    drawn = signs(root("beacon"), 1, [1], 1, 5, offset=(700, 1021))[0, 0]
    assert drawn.tolist() == [sign(root("beacon"), 1, 1, 700, c) for c in range(1021, 1026)]


def test_code_signs():
    drawn = code_signs(KEY, IMAGE_ID, 6, 19, 24)
    assert drawn.shape == (24, 6, 19)
    for channel in (0, 11, 12, 23):
        expected = [
            [sign(image_key("recover"), 5, channel, r, c) for c in range(19)] for r in range(6)
        ]
        np.testing.assert_array_equal(drawn[channel], expected)
    wide = code_signs(KEY, IMAGE_ID, 6, 32, 24)
    recorded = {
        (0, 0): "-----+++----+--++-+-----+--++--+",
        (23, 5): "-----++---++--+-+-++-+++++-+-+-+",
    }
    for (channel, row), text in recorded.items():
        assert "".join("+" if s > 0 else "-" for s in wide[channel, row]) == text


def test_tile_permutations():
    drawn = tile_permutations(root("beacon"), 1, 3, 4)
    assert drawn.shape == (3, 4, 64)
    for row, column in ((0, 0), (1, 0), (2, 3)):
        assert drawn[row, column].tolist() == tile(1, row, column)
    assert tile(0, 0, 0)[:8] == [32, 43, 56, 41, 42, 45, 31, 61]
    assert tile(1, 2, 3)[:8] == [60, 8, 57, 3, 37, 27, 4, 50]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 16, 384, 3000])
def test_permutations(size):
    key = image_key("recover")
    assert permutation(key, 1, size).tolist() == shuffled(key, 1, size)


def test_recorded_permutations():
    recorded = [12, 1, 7, 9, 5, 11, 3, 10, 2, 15, 8, 0, 13, 4, 6, 14]
    assert shuffled(image_key("recover"), 0, 16) == recorded
    drawn = code_permutations(KEY, IMAGE_ID, 4, 4)
    assert drawn[0].tolist() == recorded
    assert drawn[1].tolist() == shuffled(image_key("recover"), 1, 16)


def test_message():
    assert message() == 0x01020304B12200F2
    spelled = "".join(str(bit) for bit in message_bits(KEY, IMAGE_ID))
    assert spelled == f"{message():064b}"


def test_template():
    expected = [
        [[template_value(channel, r, c) for c in range(17)] for r in range(9)]
        for channel in range(6)
    ]
    np.testing.assert_array_equal(template(KEY, IMAGE_ID, 9, 17), expected)


def test_recorded_template():
    content = template(KEY, IMAGE_ID, 16, 24).astype(np.int8).tobytes()
    recorded = "a5dacfd5d79d8543a32f3277cf48e388e7b0de1513709541ef850705311a186a"
    assert hashlib.sha256(content).hexdigest() == recorded


def test_scaled_template():
    expected = [
        [[template_value(channel, r, c, SCALES[channel]) for c in range(17)] for r in range(9)]
        for channel in range(6)
    ]
    np.testing.assert_array_equal(template(KEY, IMAGE_ID, 9, 17, scales=SCALES), expected)
    content = template(KEY, IMAGE_ID, 16, 24, scales=SCALES).astype(np.int8).tobytes()
    recorded = "e37fba70a6b6978bb32084b72360f8cf380f8e16558cebda46c88e906175925c"
    assert hashlib.sha256(content).hexdigest() == recorded


def test_scaled_layout_p():
    weak = template(KEY, IMAGE_ID, 16, 24, scales=SCALES)
    weak[:, 0] *= np.float32(-1.5)
    cells = 16 * 24 + 8 * 12 + 6 * 8 + 4 * 6
    agreeing = cells - 24 - 12  # -1.5 outweighs one block beneath it, not two
    fair_coin = sum(math.comb(cells, k) for k in range(agreeing, cells + 1)) / 2**cells
    found = layout_agreement(KEY, IMAGE_ID, weak, scales=SCALES)
    assert found == pytest.approx((agreeing / cells, fair_coin), rel=1e-9)
    assert fair_coin == pytest.approx(3.128561e-110, rel=1e-6)


def test_presence_and_layout_p():
    weak = template(KEY, IMAGE_ID, 8, 8)
    weak[:, 0] *= np.float32(-0.5)
    sums, energies = [0.0] * 64, [0.0] * 64
    for channel in (0, 1):
        for row in range(8):
            for column in range(8):
                bit = tile(channel, 0, 0)[row * 8 + column]
                value = float(weak[channel, row, column])
                sums[bit] += value * sign(root("beacon"), 1, channel, row, column)
                energies[bit] += value**2
    half = sum(s * s / v for s, v in zip(sums, energies, strict=True)) / 2
    # The tail of chi-squared with 64 degrees of freedom is a Poisson sum.
    tail = math.exp(-half) * sum(half**k / math.factorial(k) for k in range(32))
    assert read(KEY, weak).presence_p == pytest.approx(tail, rel=1e-9)
    assert tail == pytest.approx(1.504515e-03, rel=1e-6)
    fair_coin = sum(math.comb(256, k) for k in range(224, 257)) / 2**256
    assert layout_agreement(KEY, IMAGE_ID, weak) == pytest.approx((0.875, fair_coin), rel=1e-9)
