"""Oracle: our metrics against scikit-image."""

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from imuge.bench.scores import f1, psnr_db, ssim

RNG = np.random.default_rng(0)


@pytest.fixture(params=[1, 8, 60])
def pair(request, photograph):
    noise = RNG.normal(0, request.param, photograph.shape)
    return photograph, (photograph + noise).round().clip(0, 255).astype(np.uint8)


def test_psnr(pair):
    assert psnr_db(*pair) == pytest.approx(peak_signal_noise_ratio(*pair), abs=1e-9)


def test_psnr_in_a_mask_is_that_of_its_pixels(pair):
    mask = np.zeros((256, 256), bool)
    mask[20:70, 30:90] = True
    cut = tuple(np.ascontiguousarray(picture[20:70, 30:90]) for picture in pair)
    assert psnr_db(*pair, mask) == pytest.approx(peak_signal_noise_ratio(*cut), abs=1e-9)


def test_equal_pictures_have_a_finite_psnr(photograph):
    assert psnr_db(photograph, photograph) == 100


def test_ssim(pair):
    a, b = (picture / 255 for picture in pair)
    expected = structural_similarity(
        a, b, win_size=7, channel_axis=2, data_range=1.0, use_sample_covariance=False
    )
    assert ssim(*pair) == pytest.approx(expected, abs=1e-6)


def test_f1_by_hand():
    true, predicted = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert f1(predicted, true) == 1
    true[:2] = True
    assert f1(predicted, true) == 0
    predicted[1:3] = True  # 4 hits of 8 and 8
    assert f1(predicted, true) == pytest.approx(0.5)
