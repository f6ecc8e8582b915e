import io

import numpy as np
import pytest
import torch
from PIL import Image

from imuge.errors import ImageError
from imuge.train.attacks.jpeg import SIMULATORS, exact, smooth
from imuge.train.attacks.rounding import round_to_8_bits

QUALITIES = [50, 60, 75, 85, 95]


def to_tensor(*pictures):
    return torch.from_numpy(np.stack(pictures)).movedim(3, 1) / 255


def real(picture, quality, subsampled):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(
        buffer, "JPEG", quality=quality, subsampling=2 if subsampled else 0
    )
    return to_tensor(np.array(Image.open(buffer)))[0]


def psnr_db(one, other):
    return float(-10 * torch.log10((one - other).square().mean()))


@pytest.mark.parametrize("subsampled", [True, False])
def test_exact_shows_what_libjpeg_shows(photograph, other_photograph, subsampled):  # oracle
    pictures = [photograph, other_photograph]
    for picture in pictures:
        batch = to_tensor(picture).expand(len(QUALITIES), -1, -1, -1)
        simulated = exact(batch, torch.tensor(QUALITIES).float(), subsampled=subsampled)
        for quality, result in zip(QUALITIES, simulated, strict=True):
            # 52.8 dB at the least on one processor, 54 on another: halves round either way.
            assert psnr_db(result, real(picture, quality, subsampled)) > 52, quality


def test_odd_rows_columns_and_colours_come_out_as_libjpegs():
    levels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    noise = np.ascontiguousarray(levels // 3 + 80)
    noise[:, ::3, 0] = 255
    noise[5::7, :, 2] = 0
    simulated = exact(to_tensor(noise), torch.tensor([90.0]), subsampled=True)[0]
    assert psnr_db(simulated, real(noise, 90, True)) > 45


@pytest.mark.parametrize("subsampled", [True, False])
def test_smooth_lies_between_the_decoded_picture_and_the_original(photograph, subsampled):
    original = to_tensor(photograph)
    quality = torch.tensor([60.0])
    curve = smooth(original, quality, subsampled=subsampled)[0]
    decoded = real(photograph, 60, subsampled)
    assert psnr_db(curve, decoded) > 45
    assert psnr_db(curve, original[0]) > psnr_db(decoded, original[0])


@pytest.mark.parametrize("name", SIMULATORS)
@pytest.mark.parametrize("subsampled", [True, False])
def test_every_pixel_has_a_finite_gradient(photograph, name, subsampled):
    # Clipped pixels, too: white and black, and a picture that was not rounded.
    batch = to_tensor(photograph[:64, :64]) * 1.5 - 0.25
    batch.requires_grad_()
    result = SIMULATORS[name](batch, torch.tensor([70.0]), subsampled=subsampled)
    weights = torch.rand(result.shape, generator=torch.Generator().manual_seed(0))
    (result * weights).sum().backward()
    assert torch.isfinite(batch.grad).all()
    assert (batch.grad != 0).float().mean() > 0.99


def test_the_gradient_of_exact_is_that_of_no_compression(photograph):
    batch = to_tensor(photograph[:32, :32]).requires_grad_()
    weights = torch.rand(batch.shape, generator=torch.Generator().manual_seed(0))
    (exact(batch, torch.tensor([50.0]), subsampled=False) * weights).sum().backward()
    torch.testing.assert_close(batch.grad, weights, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", SIMULATORS)
def test_a_result_is_8_bits_and_does_not_depend_on_the_rest_of_the_batch(
    photograph, other_photograph, name
):
    batch = to_tensor(photograph[:64, :96], other_photograph[:64, :96])
    quality = torch.tensor([40.0, 90.0])
    both = SIMULATORS[name](batch, quality, subsampled=True)
    assert both.shape == batch.shape
    assert torch.equal(both, round_to_8_bits(both))
    for index in range(2):
        alone = SIMULATORS[name](
            batch[index : index + 1], quality[index : index + 1], subsampled=True
        )[0]
        # A tie may fall to the other side when a product is summed in another order.
        assert psnr_db(both[index], alone) > 60


def test_flat_grey_stays_as_it_is():
    flat = torch.full((1, 3, 16, 16), 100 / 255)
    assert torch.equal(exact(flat, torch.tensor([95.0]), subsampled=True), flat)


@pytest.mark.parametrize("name", SIMULATORS)
@pytest.mark.parametrize(
    ("shape", "subsampled"),
    [((1, 3, 24, 16), True), ((1, 3, 16, 24), True), ((1, 3, 16, 20), False), ((3, 16, 16), False)],
)
def test_a_shape_that_is_no_whole_number_of_blocks_is_refused(name, shape, subsampled):
    with pytest.raises(ImageError, match="multiples of"):
        SIMULATORS[name](torch.zeros(shape), torch.tensor([75.0]), subsampled=subsampled)


def test_full_chroma_needs_multiples_of_8_only():
    picture = torch.rand(1, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    assert exact(picture, torch.tensor([75.0]), subsampled=False).shape == picture.shape


def test_it_computes_in_full_precision_under_autocast(photograph):
    batch, quality = to_tensor(photograph[:64, :64]), torch.tensor([80.0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = exact(batch, quality, subsampled=True)
    assert torch.equal(low, exact(batch, quality, subsampled=True))
