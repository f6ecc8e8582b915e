"""Contract: what is embedded is what the key lays out, and comes back."""

import numpy as np
import pytest

from imuge.engine.canvas import to_canvas
from imuge.errors import KeyFileError
from imuge.keys import TEMPLATE_CHANNELS, template, verify_only
from imuge.protection.embed import embed, embed_payload, lay_out
from imuge.protection.verify import look_for_beacon


def test_a_payload_is_scattered_code_and_template(guard, key):
    options = guard.engine.record.options
    code = np.random.default_rng(0).normal(size=(24, 5, 7)).astype(np.float32)
    payload = lay_out(options, key, 9, code)
    assert payload.shape == (30, 5, 7)
    np.testing.assert_array_equal(payload[-TEMPLATE_CHANNELS:], template(key, 9, 5, 7))
    assert not np.array_equal(payload[:24], code)
    for part, own in zip(payload[:24], code, strict=True):
        np.testing.assert_array_equal(np.sort(part, axis=None), np.sort(own, axis=None))
    with pytest.raises(KeyFileError, match="verify-only"):
        lay_out(options, verify_only(key), 9, code)


def test_what_is_embedded_is_read(guard, key, photograph):
    engine, canvas = guard.engine, to_canvas(photograph[:165, :203])
    code = engine.encode(canvas.image)
    pixels = embed(engine, canvas, code, key, 9)
    assert pixels.shape == (165, 203, 3)
    payload = lay_out(engine.record.options, key, 9, code)
    np.testing.assert_array_equal(embed_payload(engine, canvas, payload), pixels)
    assert look_for_beacon(engine, to_canvas(pixels), [key])[2].image_id == 9
