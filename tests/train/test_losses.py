"""Each term of the loss: its value against an independent one, and a gradient that arrives."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.metrics import structural_similarity

from imuge.train import losses


def same(number):
    return number


@pytest.fixture
def pictures():
    rng = np.random.default_rng(3)
    soft = ndimage.gaussian_filter(rng.random((2, 3, 40, 48)), (0, 0, 2, 2))
    host = torch.from_numpy((soft - soft.min()) / (soft.max() - soft.min())).float()
    return host, (host + 0.05 * torch.from_numpy(rng.standard_normal(host.shape)).float())


@pytest.fixture
def mask():
    mask = torch.zeros(2, 1, 40, 48)
    mask[0, :, 8:24, 8:40] = 1
    return mask


def test_dissimilarity_is_that_of_skimage(pictures):
    a, b = (picture.permute(0, 2, 3, 1).numpy().astype(np.float64) for picture in pictures)
    expected = []
    for x, y in zip(a, b, strict=True):
        for channel in range(3):
            _, index = structural_similarity(
                x[..., channel],
                y[..., channel],
                win_size=7,
                data_range=1.0,
                use_sample_covariance=False,
                full=True,
            )
            expected.append(index[3:-3, 3:-3].mean())
    assert float(losses.dissimilarity(*pictures)) == pytest.approx(1 - np.mean(expected), abs=1e-5)


def test_fidelity_counts_flat_areas_more(pictures):
    host, _ = pictures
    host = host.clone()
    host[..., :24] = 0.5  # the left half is flat
    left, right = host.clone(), host.clone()
    left[..., 4:12] += 0.02
    right[..., 32:40] += 0.02
    weighted = [float(losses.fidelity(x, host, flat_weight=16.0)) for x in (left, right)]
    assert weighted[0] > 1.5 * weighted[1]
    plain = [float(losses.fidelity(x, host, flat_weight=0.0)) for x in (left, right)]
    assert plain[0] == pytest.approx(plain[1], rel=1e-5)
    assert plain[0] == pytest.approx(float((left - host).square().mean()), rel=1e-5)


def test_overlap_is_one_minus_dice_of_the_tampered_samples(mask):
    logits = torch.where(mask > 0, 20.0, -20.0)
    assert float(losses.overlap(logits, mask, same)) == pytest.approx(0, abs=1e-4)
    logits[0, :, 8:16] = -20  # half of it is missed
    logits[1] = 20  # the untouched sample does not count
    expected = 1 - (2 * 256 + 1) / (256 + 512 + 1)
    assert float(losses.overlap(logits, mask, same)) == pytest.approx(expected, abs=1e-4)


def test_masked_mean_is_that_of_the_masked_pixels(pictures, mask):
    values = pictures[0]
    expected = values[0, :, 8:24, 8:40].mean()
    assert float(losses.masked_mean(values, mask, same)) == pytest.approx(float(expected), rel=0.01)
    assert float(losses.masked_mean(values, 0 * mask, same)) == 0


def test_a_large_mask_counts_as_one_of_the_share_that_is_given():
    masks = torch.zeros(3, 1, 10, 10)
    masks[0, :, :2, :5] = 1  # a tenth
    masks[1, :, :, :4] = 1
    limited = losses.area_limited(masks, 0.1)
    assert limited.sum((1, 2, 3)).tolist() == pytest.approx([10, 10, 0])
    values = torch.zeros(3, 1, 10, 10)
    values[0] = 1
    assert float(losses.masked_mean(values, masks, same)) == pytest.approx(1 / 5, rel=0.05)
    assert float(losses.masked_mean(values, limited, same)) == pytest.approx(1 / 2, rel=0.05)
    assert torch.equal(losses.area_limited(masks, 1.0), masks)


def test_payload_and_template_look_at_what_is_kept():
    hidden = torch.ones(1, 2, 4, 4)
    kept = torch.zeros(1, 1, 4, 4)
    kept[..., :2] = 1
    revealed = hidden.clone()
    revealed[..., 2:] = 7  # lost
    assert float(losses.payload(revealed, hidden, kept)) == 0
    revealed[..., 0] = 9  # beyond the greatest error that counts
    assert float(losses.payload(revealed, hidden, kept)) == pytest.approx(2 * 4 / 16)
    right, wrong = (float(losses.template(sign * 5 * hidden, hidden, kept)) for sign in (1.0, -1.0))
    assert right < 0.01 < 2 < wrong


def test_psnr_in_decibels(pictures):
    a, b = pictures
    expected = -10 * np.log10(np.mean((a.numpy() - b.numpy()) ** 2))
    assert float(losses.psnr_db(a, b)) == pytest.approx(expected, abs=1e-3)
    assert float(losses.psnr_db(a, a)) == pytest.approx(100)


@pytest.mark.parametrize(
    "term",
    [
        lambda x, host, _: losses.fidelity(x, host, flat_weight=16.0),
        lambda x, host, _: losses.dissimilarity(x, host),
        lambda x, _, mask: losses.location(x[:, :1], mask),
        lambda x, _, mask: losses.overlap(x[:, :1], mask, same),
        lambda x, host, mask: losses.masked_mean((x - host).abs(), mask, same),
        lambda x, host, mask: losses.payload(x, host, mask),
        lambda x, host, mask: losses.template(x, host.sign(), mask),
    ],
    ids=["fidelity", "dissimilarity", "location", "overlap", "masked", "payload", "template"],
)
def test_every_term_has_a_finite_gradient(pictures, mask, term):
    host, other = pictures
    other = other.requires_grad_()
    term(other, host, mask).backward()
    assert other.grad.isfinite().all()
    assert other.grad.abs().sum() > 0
