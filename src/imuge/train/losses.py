"""The terms of the training loss, one function each.

Conventions: pictures (B, 3, H, W) in [0, 1], masks (B, 1, H, W) with 1 = tampered. A term that
divides by how much is masked divides by the mean over all processes (`across`), so that several
processes with a part of the batch each follow the same gradient as one with all of it.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

Across = Callable[[Tensor], Tensor]  # a number to its mean over all processes

SSIM_WINDOW = 7
SSIM_CONSTANTS = (0.01**2, 0.03**2)
FLATTEST = 0.2  # keeps the weight of a perfectly flat area finite
CONTRAST_WINDOW, CONTRAST_SIGMA = 7, 2.0
LARGEST_PAYLOAD_ERROR = 2.0


def fidelity(immunized: Tensor, host: Tensor, *, flat_weight: float) -> Tensor:
    """Mean square change, weighted by 1 / (0.2 + flat_weight · local contrast).

    The weights have mean 1 in every picture: the eye sees least where there is most texture.
    """
    detail = (host - _blur(host)).abs().mean(1, keepdim=True)
    weight = 1 / (FLATTEST + flat_weight * _blur(detail))
    weight = weight / weight.mean((1, 2, 3), keepdim=True)
    return (weight * (immunized - host) ** 2).mean()


def dissimilarity(a: Tensor, b: Tensor) -> Tensor:
    """1 - SSIM with a uniform 7x7 window; after Wang et al. 2004."""
    c1, c2 = SSIM_CONSTANTS
    pairs = torch.cat([a, b, a * a, b * b, a * b], 1)
    means = F.avg_pool2d(F.avg_pool2d(pairs, (SSIM_WINDOW, 1), 1), (1, SSIM_WINDOW), 1)
    mean_a, mean_b, aa, bb, ab = means.chunk(5, 1)
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    covariance, variances = ab - product, aa + bb - squares
    index = (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return 1 - index.mean()


def location(logits: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy of the mask, nats a pixel."""
    return F.binary_cross_entropy_with_logits(logits, mask)


def overlap(logits: Tensor, mask: Tensor, across: Across) -> Tensor:
    """1 - Dice, over the samples that were tampered with."""
    found, true = torch.sigmoid(logits), mask.sum((1, 2, 3))
    dice = (2 * (found * mask).sum((1, 2, 3)) + 1) / (found.sum((1, 2, 3)) + true + 1)
    tampered = (true > 0).float()
    return ((1 - dice) * tampered).mean() / across(tampered.mean()).clamp_min(1e-6)


def masked_mean(values: Tensor, mask: Tensor, across: Across) -> Tensor:
    """Mean of values (B, C, H, W) over a mask (B, 1, H, W); near 0 for an empty one."""
    least = 1 / mask.numel()
    return (values * mask).mean() / (across(mask.mean()) + least)


def area_limited(mask: Tensor, largest: float) -> Tensor:
    """A mask (B, 1, H, W) whose samples weigh at most as much as one of this share, 0..1."""
    return mask * (largest / mask.mean((1, 2, 3), keepdim=True).clamp_min(largest))


def payload(revealed: Tensor, hidden: Tensor, kept: Tensor) -> Tensor:
    """L1 of the revealed payload in untouched blocks, each error up to 2.

    Args:
        revealed: (B, P, h, w).
        hidden: (B, P, h, w).
        kept: (B, 1, h, w), 1 where a block and its neighbours are untouched.
    """
    return ((revealed - hidden.detach()).abs().clamp(max=LARGEST_PAYLOAD_ERROR) * kept).mean()


def template(revealed: Tensor, expected: Tensor, kept: Tensor) -> Tensor:
    """Logistic loss of the template's signs in untouched blocks: what counts is on which side of 0.

    Args:
        revealed: (B, T, h, w).
        expected: (B, T, h, w), ±1.
        kept: (B, 1, h, w), 1 where a block and its neighbours are untouched.
    """
    return (F.softplus(-revealed * expected) * kept).mean()


def psnr_db(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of all pictures together, decibels, without a gradient."""
    return to_db(((a - b).detach() ** 2).mean())


def to_db(square: Tensor) -> Tensor:
    """A mean square error of pixels in [0, 1] as PSNR, decibels."""
    return -10 * torch.log10(square.clamp_min(1e-10))


def _blur(x: Tensor) -> Tensor:
    """Gaussian of sigma 2 cut to 7x7, borders reflected."""
    channels, half = x.shape[1], CONTRAST_WINDOW // 2
    places = torch.arange(-half, half + 1, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-(places**2) / (2 * CONTRAST_SIGMA**2))
    kernel = (kernel / kernel.sum()).expand(channels, 1, 1, CONTRAST_WINDOW)
    x = F.pad(x, (half,) * 4, mode="reflect")
    x = F.conv2d(x, kernel, groups=channels)
    return F.conv2d(x, kernel.transpose(2, 3), groups=channels)
