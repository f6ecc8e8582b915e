"""Quantization tables of a JPEG quality, as libjpeg makes them, for a whole batch."""

import torch
from torch import Tensor

from imuge.train.attacks.constants import kept

# ITU-T T.81, Annex K.1: luma and chroma, row by row.
LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *(99, 99, 99, 99, 99, 99, 99, 99),
    *(99, 99, 99, 99, 99, 99, 99, 99),
    *(99, 99, 99, 99, 99, 99, 99, 99),
    *(99, 99, 99, 99, 99, 99, 99, 99),
)


def tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """Quantization tables for luma and chroma.

    Args:
        quality: (B,) libjpeg quality from 1 to 100; fractions are rounded.

    Returns:
        Two (B, 64), whole numbers from 1 to 255, row by row.
    """
    quality = quality.round().clamp(1, 100)
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    both = (_base(quality.device) * percent[:, None, None] + 50) / 100
    luma, chroma = both.floor_().clamp_(1, 255).unbind(1)
    return luma, chroma


@kept
def _base(device: torch.device) -> Tensor:
    """Both tables of Annex K, (2, 64)."""
    return torch.tensor([LUMA, CHROMA], dtype=torch.float32, device=device)
