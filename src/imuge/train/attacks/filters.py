"""Noise, median, sharpening and tones of a batch, every sample by its own amount.

Conventions: float32 (B, 3, H, W) RGB in [0, 1]; a result may lie beyond and is not rounded.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from imuge.model.transform import YCBCR_FROM_RGB
from imuge.train.attacks.constants import kept
from imuge.train.attacks.resample import blur

SHARPEN_SIGMA = 1.5  # pixels, as in `resave`


def median(picture: Tensor, size: int) -> Tensor:
    """Replace each number by the median of its neighbourhood, planes apart, borders repeated.

    The gradient goes to the pixel that was taken.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        size: Side of the neighbourhood in pixels, odd.
    """
    padded = F.pad(picture, [size // 2] * 4, mode="replicate")
    # Sorting short rows is fast on a GPU; its median() takes a whole block of threads for each.
    windows = padded.unfold(2, size, 1).unfold(3, size, 1).flatten(4)
    return windows.sort(4).values[..., size * size // 2]


def noise(picture: Tensor, sigma: Tensor, field: Tensor) -> Tensor:
    """Add noise.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        sigma: (B,) in grey levels of 255.
        field: (B, 3, H, W), normally distributed with variance 1.
    """
    return torch.addcmul(picture, _each(sigma / 255), field)


def sharpen(picture: Tensor, amount: Tensor) -> Tensor:
    """Unsharp mask: add what a blur of 1.5 pixels takes away.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        amount: (B,) how many times, 0 or more; 0 changes nothing.
    """
    blurred = blur(picture, torch.full_like(amount, SHARPEN_SIGMA))
    return picture + _each(amount) * (picture - blurred)


def tone(
    picture: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, gamma: Tensor
) -> Tensor:
    """Change tones, in the order gamma, saturation, contrast, brightness.

    Args:
        picture: (B, 3, H, W) RGB in [0, 1].
        brightness: (B,) what is added; 0 changes nothing.
        contrast: (B,) factor of the distance from the picture's mean grey; 1 changes nothing.
        saturation: (B,) factor of the distance from the pixel's grey; 1 changes nothing.
        gamma: (B,) exponent; 1 changes nothing, more darkens.
    """
    # The slope of a power is infinite at 0, so below one level a straight line takes its place.
    curved = picture * picture.clamp_min(1 / 255) ** _each(gamma - 1)
    plain = grey(curved)
    coloured = torch.lerp(plain, curved, _each(saturation))
    mean = plain.mean((2, 3), keepdim=True)
    return torch.lerp(mean, coloured, _each(contrast)) + _each(brightness)


def grey(picture: Tensor) -> Tensor:
    """The JFIF luminance (B, 1, H, W) of (B, 3, H, W) RGB."""
    return (picture * _grey_weights(picture.device)).sum(1, keepdim=True)


def _each(value: Tensor) -> Tensor:
    """(B,) as one number for each picture."""
    return value[:, None, None, None]


@kept
def _grey_weights(device: torch.device) -> Tensor:
    return torch.tensor(YCBCR_FROM_RGB[0], device=device)[:, None, None]
