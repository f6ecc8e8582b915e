import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from scipy import ndimage

from imuge.train.attacks.resample import blur, misalign, resize_back

PILLOW = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def to_tensor(picture):
    return torch.from_numpy(np.array(picture)).movedim(2, 0)[None] / 255


@pytest.fixture(scope="module")
def batch(photograph):
    return to_tensor(photograph[:64, :96])


def gradient(attack, batch):
    batch = batch.clone().requires_grad_()
    result = attack(batch)
    assert result.shape == batch.shape
    weights = torch.rand(result.shape, generator=torch.Generator().manual_seed(0))
    (result * weights).sum().backward()
    return batch.grad


@pytest.mark.parametrize("kernel", PILLOW)
@pytest.mark.parametrize("factor", [0.4, 0.55, 0.83, 1.0, 1.3, 2.0])
def test_resize_back_is_pillows(photograph, kernel, factor):  # oracle
    image = Image.fromarray(photograph[:96, :128])
    size = (round(128 * factor), round(96 * factor))
    there = image.resize(size, PILLOW[kernel])
    expected = to_tensor(there.resize(image.size, PILLOW[kernel]))
    result = resize_back(to_tensor(image), torch.tensor([factor]), kernel=kernel)
    # Pillow also rounds between rows and columns.
    error = 255 * (result.clamp(0, 1) - expected).abs()
    assert error.mean() < 0.5
    assert error.max() < 8


def test_the_picture_in_between_is_8_bits_and_cuts_what_overshoots():  # oracle
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[::16] = lines[:, 50] = lines[20:40, 20:40] = 255
    image = Image.fromarray(lines)
    there = image.resize((96, 96), PILLOW["bicubic"])
    expected = to_tensor(there.resize(image.size, PILLOW["bicubic"]))
    result = resize_back(to_tensor(lines), torch.tensor([1.5])).clamp(0, 1)
    assert 255 * (result - expected).abs().mean() < 0.3


def test_each_sample_is_scaled_by_its_own_factor(batch):
    factors = torch.tensor([0.5, 0.9, 1.7])
    together = resize_back(batch.expand(3, -1, -1, -1), factors)
    for index, factor in enumerate(factors):
        alone = resize_back(batch, factor[None])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-5)


def test_room_for_larger_pictures_changes_nothing_and_larger_factors_are_cut(batch):
    wide = resize_back(batch, torch.tensor([0.7]))
    tight = resize_back(batch, torch.tensor([0.7]), max_factor=0.7)
    torch.testing.assert_close(wide, tight, rtol=0, atol=2e-3)
    cut = resize_back(batch, torch.tensor([2.0]), max_factor=0.5)
    torch.testing.assert_close(cut, resize_back(batch, torch.tensor([0.5])), rtol=0, atol=2e-3)


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.2, 3.0])
def test_blur_is_scipys(batch, sigma):  # oracle
    planes = batch[0].numpy().astype(np.float64)

    def filtered(x):
        return ndimage.gaussian_filter(x, (0, sigma, sigma), mode="constant", truncate=8)

    expected = torch.from_numpy(filtered(planes) / filtered(np.ones_like(planes))).float()
    torch.testing.assert_close(blur(batch, torch.tensor([sigma]))[0], expected, rtol=0, atol=1e-5)


def test_misalign_moves_content_down_and_right(batch):
    moved = misalign(batch, torch.tensor([[2.0, 3.0]]), torch.ones(1, 2))
    torch.testing.assert_close(moved[..., 2:, 3:], batch[..., :-2, :-3], rtol=0, atol=1e-5)
    torch.testing.assert_close(moved[..., :2, 3:], batch[..., :1, :-3].expand(-1, -1, 2, -1))


def test_misalign_samples_where_torch_samples(batch):  # oracle
    shift, scale = torch.tensor([[0.4, -0.75]]), torch.tensor([[1.01, 0.992]])
    size = torch.tensor(batch.shape[2:])
    # grid_sample takes x before y, and positions from -1 to 1 between the outermost pixels.
    move = (-shift / scale * 2 / (size - 1)).flip(1)[0]
    stretch = (1 / scale).flip(1)[0]
    theta = torch.cat((torch.diag(stretch), move[:, None]), 1)[None]
    grid = F.affine_grid(theta, list(batch.shape), align_corners=True)
    # torch's kernel has a = -0.75 and ours -0.5: a difference in the third place.
    expected = F.grid_sample(batch, grid, "bicubic", "border", align_corners=True)
    inner = (..., slice(4, -4), slice(4, -4))
    error = (misalign(batch, shift, scale)[inner] - expected[inner]).abs()
    assert error.mean() < 0.01
    wrong = (misalign(batch, -shift, scale)[inner] - expected[inner]).abs()
    assert error.mean() < wrong.mean() / 4


@pytest.mark.parametrize(
    "attack",
    [
        lambda x: resize_back(x, torch.tensor([1.0])),
        lambda x: blur(x, torch.tensor([0.0])),
        lambda x: misalign(x, torch.zeros(1, 2), torch.ones(1, 2)),
    ],
)
def test_nothing_happens_at_the_mildest(batch, attack):
    torch.testing.assert_close(attack(batch), batch, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "attack",
    [
        lambda x: resize_back(x, torch.tensor([0.5])),
        lambda x: resize_back(x, torch.tensor([2.0]), kernel="bilinear"),
        lambda x: blur(x, torch.tensor([1.2])),
        lambda x: misalign(x, torch.full((1, 2), 0.75), torch.full((1, 2), 1.01)),
    ],
)
def test_gradients_are_finite_and_reach_every_pixel(batch, attack):
    found = gradient(attack, batch)
    assert torch.isfinite(found).all()
    assert (found != 0).float().mean() > 0.95
