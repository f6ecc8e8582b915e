"""Less where it would be seen: flat areas and colour."""

import numpy as np
import pytest

from imuge.protection.shaping import Shaping, local_deviation, luminance, shape, template_gain

CURVE = Shaping(flat=0.5, busy=1.0, level=10.0, chrominance=0.25)


def test_deviation_is_that_of_the_surroundings():
    noise = np.random.default_rng(0).normal(100, 7, (120, 120)).astype(np.float32)
    assert local_deviation(noise)[20:-20, 20:-20].mean() == pytest.approx(7, rel=0.05)
    assert local_deviation(np.full((40, 40), 90, np.float32)).max() < 0.1


@pytest.mark.parametrize(("deviation", "gain"), [(0, 0.5), (5, 0.75), (10, 1.0), (99, 1.0)])
def test_the_gain_rises_from_flat_to_busy(deviation, gain):
    residual = np.full((4, 4, 3), 2, np.float32)  # grey
    shaped = shape(residual, np.full((4, 4), deviation, np.float32), CURVE)
    np.testing.assert_allclose(shaped, 2 * gain, rtol=1e-5)


def test_colour_gets_its_share_and_keeps_its_luminance():
    residual = np.random.default_rng(0).normal(0, 2, (9, 9, 3)).astype(np.float32)
    shaped = shape(residual, np.full((9, 9), 50, np.float32), CURVE)
    np.testing.assert_allclose(luminance(shaped), luminance(residual), atol=1e-5)
    grey = luminance(residual)[..., None]
    np.testing.assert_allclose(shaped - grey, 0.25 * (residual - grey), atol=1e-5)


@pytest.mark.parametrize(
    ("grid", "gain"), [((192, 128), 1.2), ((64, 64), 1.2), ((32, 32), 1.427), ((16, 16), 1.6)]
)
def test_the_message_is_said_louder_where_few_blocks_say_it(grid, gain):
    assert template_gain(*grid) == pytest.approx(gain, abs=1e-3)
