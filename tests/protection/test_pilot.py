"""The pilot's waves are the key's, and as strong as they should be."""

import numpy as np
import pytest

from imuge.protection.pilot import AMPLITUDE, RADII, WAVES, pattern, pilot, waves

ROOT = bytes(range(32))


def test_every_key_has_waves_of_its_own_in_the_ring():
    keyed, other = waves(ROOT), waves(bytes(32))
    radius = np.hypot(keyed.u, keyed.v)
    assert radius.shape == (WAVES,)
    assert radius.min() > RADII[0]
    assert radius.max() < RADII[1]
    assert np.all(keyed.v > 0)  # half of the plane: a real wave has its mirror image in the other
    assert not np.any(np.isclose(keyed.u, other.u))
    np.testing.assert_array_equal(waves(ROOT).phase, keyed.phase)


def test_the_pattern_is_the_sum_of_its_waves():
    keyed = waves(ROOT)
    x, y = np.meshgrid(np.arange(7) + 0.5, np.arange(5) + 0.5)
    wanted = sum(
        np.cos(2 * np.pi * (u * x + v * y) + phase)
        for u, v, phase in zip(keyed.u, keyed.v, keyed.phase, strict=True)
    )
    np.testing.assert_allclose(pattern(keyed, 5, 7), wanted * np.sqrt(2 / WAVES), atol=1e-5)


def test_its_variance_is_one_before_and_the_pictures_after():
    keyed = waves(ROOT)
    assert pattern(keyed, 400, 500).std() == pytest.approx(1, abs=0.05)
    busy = pilot(keyed, np.full((400, 500), 8, np.float32))
    flat = pilot(keyed, np.zeros((400, 500), np.float32))
    assert busy.std() == pytest.approx(AMPLITUDE, rel=0.05)
    assert flat.std() == pytest.approx(0.35 * AMPLITUDE, rel=0.05)
