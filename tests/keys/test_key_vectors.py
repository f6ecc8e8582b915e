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
from imuge.keys.streams import permutation, signs, tile_permutations
from imuge.protection.pilot import waves

SECRET = bytes(range(32))
IMAGE_ID = 0x010203040506
MESSAGE = Message(IMAGE_ID, Geometry(side_number=5, tall=True, shorter=513))
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
    return hkdf(SECRET, b"imuge/2/" + purpose.encode())


def image_key(purpose):
    info = b"imuge/2/" + purpose.encode() + b"/image" + IMAGE_ID.to_bytes(6, "big")
    return hkdf(root(purpose), info)


def sign(key, code, channel, row, column):
    byte = stream(key, code, channel, row, column // 8, 1)[0]
    return 1 - 2 * (byte >> column % 8 & 1)


def tile(channel, row, column):
    content = stream(root("beacon"), 2, channel, row, 384 * column, 384)
    words = struct.unpack("<96I", content)
    return sorted(range(96), key=lambda index: (words[index], index))


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
    geometry = 5 << 12 | 1 << 11 | 513 - 1
    content = geometry.to_bytes(2, "big") + IMAGE_ID.to_bytes(6, "big")
    tag = hmac.digest(root("auth"), b"\x02" + content, "sha256")[:4]
    return int.from_bytes(content + tag, "big")


def wave(number):
    """u, v and phase of one pilot wave."""
    radial, angular, phase = (
        (struct.unpack("<I", stream(root("pilot"), 6, channel, 0, 4 * number, 4))[0] + 0.5) / 2**32
        for channel in range(3)
    )
    radius = math.sqrt(0.1**2 + (0.3**2 - 0.1**2) * radial)
    angle = math.pi * angular
    return radius * math.cos(angle), radius * math.sin(angle), 2 * math.pi * phase


def template_value(channel, row, column, scale=1):
    if channel >= 2:
        return sign(image_key("layout"), 3, channel, row // scale, column // scale)
    bit = tile(channel, row // 8, column // 12)[row % 8 * 12 + column % 12]
    return sign(root("beacon"), 1, channel, row, column) * (1 - 2 * (message() >> (95 - bit) & 1))


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
        ("pilot", "1d3ae558797572bbc87815d13f370c2af904bbac1f899bf095748fdc164f411d"),
        ("beacon", "8a86a0386601a14e8245c36d65326ddf103efe62ebf184733949867266c9f643"),
        ("layout", "72bbb818aed660d3a32c60a57059106680b6bd19e17fb59cb3b400ea74733189"),
        ("auth", "f8bfdb9509466dad43da810b08b1afdbbd4b0520ba88c674edd2a2b18539f9c8"),
        ("recover", "ae0b42e797759f030a878217b94157987da5d422f8cfe3a51871ac8a096508d4"),
    ],
)
def test_roots(purpose, recorded):
    assert KEY.root(purpose).hex() == root(purpose).hex() == recorded


@pytest.mark.parametrize(
    ("purpose", "recorded"),
    [
        ("layout", "d727e57d6136bea945ff253f780da8fb3767c7df2f2031105a1e3d525ea98f7a"),
        ("recover", "b67effbce0d7bccfdcc0bca5f9a4a8f792c14328522e5741a2f605d2a8d1903d"),
    ],
)
def test_picture_keys(purpose, recorded):
    assert KEY.image_key(purpose, IMAGE_ID).hex() == image_key(purpose).hex() == recorded


def test_key_id():
    assert KEY.key_id == hashlib.sha256(b"imuge/2/key-id" + SECRET).hexdigest()[:8] == "4d096dce"


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
        (0, 0): "-+-++-+++++--+++-+-++--++++-----",
        (23, 5): "++-+--+-+--+++---++-++-++++-++-+",
    }
    for (channel, row), text in recorded.items():
        assert "".join("+" if s > 0 else "-" for s in wide[channel, row]) == text


def test_tile_permutations():
    drawn = tile_permutations(root("beacon"), 1, 3, 4)
    assert drawn.shape == (3, 4, 96)
    for row, column in ((0, 0), (1, 0), (2, 3)):
        assert drawn[row, column].tolist() == tile(1, row, column)
    assert tile(0, 0, 0)[:8] == [15, 27, 44, 0, 90, 46, 56, 9]
    assert tile(1, 2, 3)[:8] == [20, 44, 61, 40, 45, 14, 77, 60]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 16, 384, 3000])
def test_permutations(size):
    key = image_key("recover")
    assert permutation(key, 1, size).tolist() == shuffled(key, 1, size)


def test_recorded_permutations():
    recorded = [3, 15, 7, 14, 13, 9, 10, 8, 0, 4, 2, 11, 6, 1, 5, 12]
    assert shuffled(image_key("recover"), 0, 16) == recorded
    drawn = code_permutations(KEY, IMAGE_ID, 4, 4)
    assert drawn[0].tolist() == recorded
    assert drawn[1].tolist() == shuffled(image_key("recover"), 1, 16)


@pytest.mark.parametrize(
    ("number", "recorded"),
    [
        (0, (-0.147327305, 0.182973988, 1.966951470)),
        (47, (0.251934700, 0.008964410, 0.464463728)),
    ],
)
def test_pilot_waves(number, recorded):
    drawn = waves(root("pilot"))
    found = (drawn.u[number], drawn.v[number], drawn.phase[number])
    assert found == pytest.approx(wave(number), rel=1e-12)
    assert wave(number) == pytest.approx(recorded, abs=5e-10)


def test_message():
    assert message() == 0x5A000102030405066D25E5B5
    spelled = "".join(str(bit) for bit in message_bits(KEY, MESSAGE))
    assert spelled == f"{message():096b}"


def test_template():
    expected = [
        [[template_value(channel, r, c) for c in range(17)] for r in range(9)]
        for channel in range(6)
    ]
    np.testing.assert_array_equal(template(KEY, MESSAGE, 9, 17), expected)


def test_recorded_template():
    content = template(KEY, MESSAGE, 16, 24).astype(np.int8).tobytes()
    recorded = "13cc4c3cf6c11f3905457cc9c100c775ade8a80e4e2f590c98d43449c2634f23"
    assert hashlib.sha256(content).hexdigest() == recorded


def test_scaled_template():
    expected = [
        [[template_value(channel, r, c, SCALES[channel]) for c in range(17)] for r in range(9)]
        for channel in range(6)
    ]
    np.testing.assert_array_equal(template(KEY, MESSAGE, 9, 17, scales=SCALES), expected)
    content = template(KEY, MESSAGE, 16, 24, scales=SCALES).astype(np.int8).tobytes()
    recorded = "0a8a788f55181a40c3b76af5c57b2530846a01ad3bc3d29f77902413d0984cac"
    assert hashlib.sha256(content).hexdigest() == recorded


def test_scaled_layout_p():
    weak = template(KEY, MESSAGE, 16, 24, scales=SCALES)
    weak[:, 0] *= np.float32(-1.5)
    cells = 16 * 24 + 8 * 12 + 6 * 8 + 4 * 6
    agreeing = cells - 24 - 12  # -1.5 outweighs one block beneath it, not two
    fair_coin = sum(math.comb(cells, k) for k in range(agreeing, cells + 1)) / 2**cells
    found = layout_agreement(KEY, IMAGE_ID, weak, scales=SCALES)
    assert found == pytest.approx((agreeing / cells, fair_coin), rel=1e-9)
    assert fair_coin == pytest.approx(3.128561e-110, rel=1e-6)


def test_presence_and_layout_p():
    weak = template(KEY, MESSAGE, 8, 12)
    weak[:, 0] *= np.float32(-0.5)
    sums, energies = [0.0] * 96, [0.0] * 96
    for channel in (0, 1):
        for row in range(8):
            for column in range(12):
                bit = tile(channel, 0, 0)[row * 12 + column]
                value = float(weak[channel, row, column])
                sums[bit] += value * sign(root("beacon"), 1, channel, row, column)
                energies[bit] += value**2
    half = sum(s * s / v for s, v in zip(sums, energies, strict=True)) / 2
    # The tail of chi-squared with 96 degrees of freedom is a Poisson sum.
    tail = math.exp(-half) * sum(half**k / math.factorial(k) for k in range(48))
    assert read(KEY, weak).presence_p == pytest.approx(tail, rel=1e-9)
    assert tail == pytest.approx(2.199342e-04, rel=1e-6)
    fair_coin = sum(math.comb(256, k) for k in range(336, 385)) / 2**384
    assert layout_agreement(KEY, IMAGE_ID, weak) == pytest.approx((0.875, fair_coin), rel=1e-9)
