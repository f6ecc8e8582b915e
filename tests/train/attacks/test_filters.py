import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter
from scipy import ndimage

from imuge.train.attacks.filters import median, noise, sharpen, tone

QUIET = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0, "gamma": 1.0}


def to_tensor(picture):
    return torch.from_numpy(np.array(picture)).movedim(2, 0)[None] / 255


@pytest.fixture(scope="module")
def image(photograph):
    return Image.fromarray(photograph[:64, :96])


@pytest.fixture(scope="module")
def batch(image):
    return to_tensor(image)


def toned(batch, **numbers):
    return tone(batch, **{name: torch.tensor([v]) for name, v in (QUIET | numbers).items()})


def grey_levels_apart(one, other):
    return 255 * (one.clamp(0, 1) - other).abs()


@pytest.mark.parametrize("size", [3, 5])
def test_median_is_scipys(image, batch, size):  # oracle
    expected = ndimage.median_filter(np.asarray(image), (size, size, 1), mode="nearest")
    assert torch.equal(median(batch, size), to_tensor(expected))


def test_the_gradient_of_a_median_goes_to_the_pixel_taken():
    row = torch.tensor([0.9, 0.1, 0.5]).expand(1, 3, 3, 3).clone().requires_grad_()
    median(row, 3)[0, 0, 1, 1].backward()
    assert row.grad.sum() == 1
    assert row.grad[0, 0, :, 2].sum() == 1


def test_noise_is_as_strong_as_asked(batch):
    field = torch.randn(batch.shape, generator=torch.Generator().manual_seed(0))
    pair = torch.cat((batch, batch))
    difference = noise(pair, torch.tensor([2.0, 8.0]), torch.cat((field, field))) - pair
    deviation = 255 * difference.std((1, 2, 3))
    torch.testing.assert_close(deviation, torch.tensor([2.0, 8.0]), rtol=0.05, atol=0)


def test_sharpen_is_pillows_unsharp_mask(image, batch):  # oracle; Pillow's bell is made of boxes
    expected = to_tensor(image.filter(ImageFilter.UnsharpMask(radius=1.5, percent=80, threshold=0)))
    error = grey_levels_apart(sharpen(batch, torch.tensor([0.8])), expected)
    assert error.mean() < 0.7
    assert error.mean() < grey_levels_apart(batch, expected).mean() / 2


@pytest.mark.parametrize(
    ("name", "enhance"), [("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color)]
)
@pytest.mark.parametrize("factor", [0.7, 1.25])
def test_contrast_and_saturation_are_pillows(image, batch, name, enhance, factor):  # oracle
    expected = to_tensor(enhance(image).enhance(factor))
    assert grey_levels_apart(toned(batch, **{name: factor}), expected).max() < 2


@pytest.mark.parametrize("exponent", [0.8, 1.25])
def test_gamma_is_a_power(batch, exponent):
    expected = batch.double().pow(exponent).float()
    torch.testing.assert_close(toned(batch, gamma=exponent), expected, rtol=0, atol=1e-6)


def test_brightness_is_added(batch):
    torch.testing.assert_close(toned(batch, brightness=-0.1), batch - 0.1)


def test_each_sample_has_its_own_tone(batch):
    pair = torch.cat((batch, batch.flip(3)))
    one = torch.ones(2)
    contrasts = torch.tensor([0.8, 1.2])
    both = tone(pair, 0 * one, contrasts, one, one)
    torch.testing.assert_close(both[1:], toned(pair[1:], contrast=1.2))


@pytest.mark.parametrize(
    "attack",
    [toned, lambda x: sharpen(x, torch.zeros(1)), lambda x: noise(x, torch.zeros(1), 9 * x)],
)
def test_nothing_happens_at_the_mildest(batch, attack):
    torch.testing.assert_close(attack(batch), batch, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "attack",
    [
        lambda x: toned(x, brightness=0.1, contrast=1.25, saturation=0.7, gamma=0.8),
        lambda x: toned(x, contrast=0.8, saturation=1.3, gamma=1.25),
        lambda x: sharpen(x, torch.ones(1)),
        lambda x: median(x, 3),
    ],
)
def test_gradients_are_finite_even_where_a_picture_is_black(batch, attack):
    black = batch * (batch > 0.3)
    black.requires_grad_()
    attack(black).square().sum().backward()
    assert torch.isfinite(black.grad).all()
    assert (black.grad != 0).any()
