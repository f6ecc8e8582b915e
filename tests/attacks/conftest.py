"""Two textured pictures, no two neighbouring pixels alike."""

import numpy as np
import pytest
from scipy import ndimage


def _textured(seed, height, width):
    noise = np.random.default_rng(seed).standard_normal((height, width, 3))
    smooth = ndimage.gaussian_filter(noise, (6, 6, 0))
    return np.clip(128 + 350 * smooth + 12 * noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def picture():
    return _textured(1, 96, 130)


@pytest.fixture(scope="session")
def other():
    return _textured(2, 70, 61)
