"""Oracle: MS-SSIM against pytorch-msssim, and against two-dimensional windows where scales lack."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from imuge.bench.scores import SCALE_WEIGHTS, ms_ssim

LINE = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))  # of the Gaussian window
RNG = np.random.default_rng(0)
PICTURES = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).integers(0, 256, (24, 27, 3)).astype(np.uint8)
)


def noisy(picture, sigma):
    noise = RNG.normal(0, sigma, picture.shape)
    return (picture + noise).round().clip(0, 255).astype(np.uint8)


def terms(x, y):
    """Mean SSIM and mean contrast-structure term of one channel, window by window."""
    window = np.outer(LINE, LINE) / LINE.sum() ** 2

    def local(z):
        return signal.convolve2d(z, window, mode="valid")

    mean_x, mean_y = local(x), local(y)
    contrast = (2 * (local(x * y) - mean_x * mean_y) + 0.03**2) / (
        local(x * x) - mean_x**2 + local(y * y) - mean_y**2 + 0.03**2
    )
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return (luminance * contrast).mean(), contrast.mean()


def halved(z):
    even = z[: z.shape[0] // 2 * 2, : z.shape[1] // 2 * 2]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def slow_ms_ssim(a, b, scales):
    """Channel by channel, with two-dimensional windows and a given number of scales."""
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    weights *= sum(SCALE_WEIGHTS)  # published rounded: 1.0001
    found = []
    for x, y in zip(a.transpose(2, 0, 1) / 255, b.transpose(2, 0, 1) / 255, strict=True):
        product = 1.0
        for scale, weight in enumerate(weights):
            similarity, contrast = terms(x, y)
            product *= max(0.0, similarity if scale == scales - 1 else contrast) ** weight
            x, y = halved(x), halved(y)
        found.append(product)
    return np.mean(found)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [1, 8, 60])
def test_five_scales_against_pytorch_msssim(photograph, sigma):
    import torch
    from pytorch_msssim import ms_ssim as reference

    pair = (photograph, noisy(photograph, sigma))
    x, y = (torch.tensor(p, dtype=torch.float64).permute(2, 0, 1)[None] for p in pair)
    # Its own window is float32, whose sum is not quite 1: that alone moves the result by 1e-6.
    window = torch.tensor(LINE / LINE.sum()).expand(3, 1, 1, -1)
    expected = float(reference(x, y, data_range=255, win=window))
    assert ms_ssim(*pair) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("height", "width", "scales"),
    [(11, 21, 1), (22, 30, 2), (43, 64, 2), (87, 91, 3), (175, 200, 4), (176, 176, 5)],
)
def test_as_many_scales_as_fit(photograph, height, width, scales):
    pair = photograph[:height, :width], noisy(photograph[:height, :width], 20)
    assert ms_ssim(*pair) == pytest.approx(slow_ms_ssim(*pair, scales), abs=1e-9)


@settings(max_examples=20)
@given(a=PICTURES, b=PICTURES)
def test_symmetric_within_bounds_and_one_for_equal_pictures(a, b):
    assert 0 <= ms_ssim(a, b) <= 1
    assert ms_ssim(a, b) == pytest.approx(ms_ssim(b, a), abs=1e-12)
    assert ms_ssim(a, a) == pytest.approx(1)


def test_a_negative_is_nothing_alike(photograph):
    assert ms_ssim(photograph, 255 - photograph) == 0


@pytest.mark.parametrize("shapes", [((10, 40, 3), (10, 40, 3)), ((40, 40, 3), (40, 41, 3))])
def test_pictures_that_cannot_be_compared(shapes):
    with pytest.raises(ValueError, match="two pictures of one size"):
        ms_ssim(*(np.zeros(shape, np.uint8) for shape in shapes))
