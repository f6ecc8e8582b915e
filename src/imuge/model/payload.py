"""What is hidden: a learned code of the picture, scattered by key, and a keyed template.

    coefficients ─► PayloadEncoder ─► 2 descriptions x 12 ─► scatter ─┐
                                                                      ├─► payload (30)
    key ─────────────────────────────────────► template x 6, ±1 ──────┘

A description is the whole picture told once; two of them, scattered independently over the grid,
survive where one is lost (multiple description coding).
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.config import ModelConfig
from imuge.model.layers import conv3x3, residuals

CODE_LIMIT = 2.5


class RunningNorm(nn.Module):
    """Batch normalization without scale and shift, at a fixed momentum.

    It holds the two running moments only, which is what a weights file stores of it.
    """

    def __init__(self, channels: int, *, momentum: float = 0.02, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.momentum = momentum
        self.epsilon = epsilon
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape, each channel with mean 0 and variance 1."""
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            training=self.training,
            momentum=self.momentum,
            eps=self.epsilon,
        )


class PayloadEncoder(nn.Module):
    """Normalized coefficients to the recovery code, in [-2.5, 2.5]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stem = conv3x3(3 * config.block**2, config.encoder_width)
        self.blocks = residuals(config.encoder_blocks, config.encoder_width)
        self.head = nn.Conv2d(config.encoder_width, config.total_code_channels, 1)
        self.norm = RunningNorm(config.total_code_channels)

    def forward(self, coefficients: Tensor) -> Tensor:
        """(B, 192, h, w) to (B, descriptions · code channels, h, w)."""
        code: Tensor = self.norm(self.head(F.silu(self.blocks(self.stem(coefficients)))).float())
        return code.clamp(-CODE_LIMIT, CODE_LIMIT)


def scatter(channels: Tensor, permutation: Tensor) -> Tensor:
    """Move blocks: out[..., j] = in[..., permutation[j]] over the flattened grid.

    Args:
        channels: (B, C, h, w).
        permutation: (B, h·w) int64, row-major block numbers.
    """
    batch, count, height, width = channels.shape
    index = permutation[:, None].expand(-1, count, -1)
    return channels.flatten(2).gather(2, index).view(batch, count, height, width)


def scatter_code(code: Tensor, permutations: Tensor) -> Tensor:
    """Scatter each description by its own permutation: (B, K·c, h, w) and (B, K, h·w)."""
    descriptions = code.chunk(permutations.shape[1], 1)
    moved = [scatter(part, permutations[:, k]) for k, part in enumerate(descriptions)]
    return torch.cat(moved, 1)
