"""What was done to a copy's tones is found by its hidden copy, and a reconstruction follows it."""

import numpy as np
import pytest

from imuge.engine.canvas import to_canvas
from imuge.protection.code import HiddenCode
from imuge.protection.tone import AS_PUBLISHED, FEWEST_BLOCKS, GAINS, Tone, tone_of

SIDE = 128  # 256 blocks


@pytest.fixture
def told():
    """A hidden copy of broad shapes, (h, w, 3) grey levels."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = [np.sin(9 * x + 5 * c * y + c) * np.cos(7 * y) for c in range(3)]
    return (110 + 70 * np.stack(waves, 2)).astype(np.float32)


def found(told, seen, wide=None, kept=1.0):
    blocks = SIDE // 8
    codes = np.full((26, blocks, blocks), kept, np.float32)
    order = np.arange(blocks * blocks)
    wide = np.zeros((SIDE, SIDE), bool) if wide is None else wide
    return tone_of(
        to_canvas(seen.astype(np.float32)),
        told,
        HiddenCode(codes, np.stack([order, order[::-1]])),
        wide,
    )


@pytest.mark.parametrize("gain", [0.8, 1.0, 1.2])
def test_the_gain_and_the_offset_of_each_channel_are_found(told, gain):
    offset = np.array([12.0, 0.0, -15.0])
    tone = found(told, gain * told + offset)
    assert tone.gain == pytest.approx(gain, abs=0.01)
    np.testing.assert_allclose(tone.offset, offset, atol=1.5)


def test_what_was_clipped_or_changed_misleads_no_line(told):
    seen = (1.3 * told + 40).clip(0, 255)
    seen[:48, :48] = 20  # a seventh of it, that no mask tells of
    assert (seen == 255).mean() > 0.05
    tone = found(told, seen)
    np.testing.assert_allclose(tone.gain, 1.3, atol=0.06)
    np.testing.assert_allclose(tone.offset, 40, atol=6)


def test_only_untouched_blocks_with_code_are_compared(told):
    wide = np.zeros((SIDE, SIDE), bool)
    wide[:, :56] = True
    seen = told.copy()
    seen[:, :56] = 255 - seen[:, :56]
    np.testing.assert_allclose(found(told, seen, wide).gain, 1, atol=1e-4)
    wide[:, 96:] = True  # 80 blocks are left
    assert found(told, 1.2 * told, wide) is not AS_PUBLISHED
    wide[FEWEST_BLOCKS:, :] = True
    assert found(told, 1.2 * told, wide) is AS_PUBLISHED
    assert found(told, 1.2 * told, kept=0.0) is AS_PUBLISHED


def test_gains_have_limits_and_flat_pictures_have_offsets(told):
    for wild, limit in ((0.2, GAINS[0]), (-1, GAINS[0]), (5.0, GAINS[1])):
        np.testing.assert_allclose(found(told, wild * told).gain, limit)
    plain = np.full_like(told, 100) + 0.01 * told
    tone = found(plain, plain + 30)
    np.testing.assert_allclose(tone.gain, 1, atol=1e-3)
    np.testing.assert_allclose(tone.offset, 30, atol=0.2)


def test_applying_undoes_undoing():
    tone = Tone(np.float32(0.8), np.array([10, 0, -20], np.float32))
    image = np.random.default_rng(1).uniform(0.3, 0.7, (3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(tone.applied(tone.undone(image)), image, atol=1e-6)
    np.testing.assert_allclose(tone.applied(image)[0], 0.8 * image[0] + 10 / 255, atol=1e-6)
    assert tone.undone(np.ones((3, 1, 1), np.float32)).max() == 1, "clipped"
