"""Contract: what is published is what the key lays out, on the frame, and comes back."""

import numpy as np
import pytest

from imuge.errors import KeyFileError
from imuge.keys import TEMPLATE_CHANNELS, Geometry, Message, template, verify_only
from imuge.protection.embed import lay_out, prepare, publish
from imuge.protection.frame import published_frame
from imuge.protection.receive import receive

MESSAGE = Message(9, Geometry(side_number=0, tall=False, shorter=40))


def test_a_payload_is_scattered_code_and_template(guard, key):
    options = guard.engine.record.options
    code = np.random.default_rng(0).normal(size=(24, 5, 7)).astype(np.float32)
    payload = lay_out(options, key, MESSAGE, code)
    assert payload.shape == (30, 5, 7)
    signs = template(key, MESSAGE, 5, 7)
    np.testing.assert_allclose(payload[-TEMPLATE_CHANNELS:], 1.6 * signs)  # as strong as they get
    assert not np.array_equal(payload[:24], code)
    for part, own in zip(payload[:24], code, strict=True):
        np.testing.assert_array_equal(np.sort(part, axis=None), np.sort(own, axis=None))
    with pytest.raises(KeyFileError, match="verify-only"):
        lay_out(options, verify_only(key), MESSAGE, code)


@pytest.fixture(scope="module")
def host(guard, photograph):
    return prepare(guard.engine, photograph[:165, :203])


def test_a_host_is_the_picture_on_its_frame(host):
    frame = published_frame(203, 165)
    assert host.frame == frame
    assert (host.canvas.height, host.canvas.width) == frame.size == (105, 128)
    assert host.code.shape == (24, *host.canvas.grid)
    assert host.deviation.shape == frame.size


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_published_is_read(guard, key, photograph, host, depth):
    engine = guard.engine
    given = photograph[:165, :203].astype(depth)
    if depth == np.uint16:
        given = given * 257 - (given > 128)  # samples that 8 bits do not have
    before = given.copy()
    made = publish(engine, given, host, key, 2**48 - 1)
    assert made.dtype == depth
    assert made.shape == given.shape
    np.testing.assert_array_equal(given, before)
    read = receive(engine, made, [key])
    assert read.reading.message.image_id == 2**48 - 1
    assert (read.canvas.height, read.canvas.width) == host.frame.size


def test_samples_of_16_bits_are_added_to_and_never_rounded_to_8(guard, key, photograph, host):
    wide = photograph[:165, :203].astype(np.uint16) * 257
    fine = publish(guard.engine, wide, host, key, 9).astype(float)
    coarse = publish(guard.engine, photograph[:165, :203], host, key, 9).astype(float)
    assert np.abs(fine / 257 - coarse).max() <= 0.5 + 1e-6
    assert np.mean(fine % 257 != 0) > 0.9


def test_strength_scales_what_is_added(guard, key, photograph, host):
    given = photograph[:165, :203]
    plain, double = (
        publish(guard.engine, given, host, key, 9, strength=strength).astype(float) - given
        for strength in (1.0, 2.0)
    )
    assert double.std() == pytest.approx(2 * plain.std(), rel=0.2)


@pytest.mark.parametrize("image_id", [-1, 2**48])
def test_an_id_out_of_range_is_refused(guard, key, photograph, host, image_id):
    with pytest.raises(ValueError, match="image id"):
        publish(guard.engine, photograph[:165, :203], host, key, image_id)


def test_a_verify_only_key_publishes_nothing(guard, key, photograph, host):
    with pytest.raises(KeyFileError, match="verify-only"):
        publish(guard.engine, photograph[:165, :203], host, verify_only(key), 9)
