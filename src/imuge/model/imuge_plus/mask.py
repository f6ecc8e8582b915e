"""From the localizer's probability to a mask that is worth recovering: specks go, blobs grow.

Opened by squares: a blob that does not hold a square of 17 pixels (at 512x512) goes, and what is
left comes back 8 pixels wider on each side than it was, so that a blob's soft rim is in the mask.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

THRESHOLD = 0.5
REFERENCE_SIDE = 512  # pixels, for which the two sizes are
ERODED, DILATED = 16, 32  # side of the square, pixels


@torch.no_grad()
def rectify(probability: Tensor) -> Tensor:
    """Threshold and open; the squares follow the shorter side, and are 3 and 5 pixels at least.

    Args:
        probability: (B, 1, H, W) in [0, 1].

    Returns:
        (B, 1, H, W) float32 of 0 and 1; 1 means tampered. Without gradient.
    """
    side = min(probability.shape[-2:])
    eroded = max(1, round(ERODED / 2 * side / REFERENCE_SIDE))
    dilated = max(2, round(DILATED / 2 * side / REFERENCE_SIDE))
    mask = (probability > THRESHOLD).float()
    # What lies beyond the border takes nothing from a blob that touches it.
    return _dilate(1 - _dilate(1 - mask, eroded), dilated)


def _dilate(mask: Tensor, radius: int) -> Tensor:
    """Set what has a 1 within `radius` pixels of its row and column; (B, 1, H, W)."""
    rows = F.max_pool2d(mask, (2 * radius + 1, 1), 1, (radius, 0))
    return F.max_pool2d(rows, (1, 2 * radius + 1), 1, (0, radius))
