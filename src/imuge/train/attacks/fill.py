"""Content invented for a hole: the surroundings drawn into it, or what was there made coarse."""

import torch
from torch import Tensor
from torch.nn import functional

FINEST_MEANS = 8  # pixels; then twice and four times that


def push_pull(pictures: Tensor, mask: Tensor) -> Tensor:
    """Fill what is masked from ever coarser averages of what is not (Gortler et al. 1996).

    Args:
        pictures: (B, C, H, W) float.
        mask: (B, 1, H, W) float, 1 where the content is to be forgotten; not 1 everywhere.

    Returns:
        (B, C, H, W), the same pictures outside the mask. Nothing inside depends on what was there.
    """
    known = 1 - mask
    return _filled(torch.cat([pictures * known, known], 1))


def _filled(planes: Tensor) -> Tensor:
    """Divide (B, C + 1, H, W) averages of known values by their weight, the last channel."""
    values, weight = planes[:, :-1], planes[:, -1:]
    if max(planes.shape[2:]) == 1:
        return values / weight.clamp_min(1e-12)
    coarse = _filled(functional.avg_pool2d(planes, 2, ceil_mode=True))
    smooth = functional.interpolate(coarse, size=planes.shape[2:], mode="bilinear")
    return values + (1 - weight) * smooth


def local_means(pictures: Tensor, coarseness: Tensor) -> Tensor:
    """Keep only the means of squares of 8, 16 or 32 pixels and enlarge them smoothly.

    Args:
        pictures: (B, C, H, W) float.
        coarseness: (B,) int64: 0, 1 or 2 for the three sizes.

    Returns:
        (B, C, H, W).
    """
    fine = functional.avg_pool2d(pictures, FINEST_MEANS, ceil_mode=True)
    middle, coarse = (
        functional.interpolate(
            functional.avg_pool2d(fine, size, ceil_mode=True), size=fine.shape[2:], mode="bilinear"
        )
        for size in (2, 4)
    )
    size = coarseness.view(-1, 1, 1, 1)
    chosen = torch.where(size == 0, fine, torch.where(size == 1, middle, coarse))
    return functional.interpolate(chosen, size=pictures.shape[2:], mode="bilinear")
