"""Invertible network that hides a payload in a picture's coefficients, and reveals it.

    coefficients (192) ──┐                            ┌── immunized coefficients (192)
                         ├── coupling x 4 ── forward ─┤
    payload (30) ────────┘    ◄── reverse ──          └── null (30)  trained to 0, then dropped

One coupling adds φ(payload) to the coefficients, then scales and shifts the payload by η of the
new coefficients. Both steps undo exactly, whatever φ and η are. To reveal, the reverse pass starts
from the received coefficients and a null of zeros. After Dinh et al. 2017, arXiv:1605.08803, and
the null matrix of Imuge+, arXiv:2210.15902.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.imuge.config import ModelConfig
from imuge.model.layers import conv3x3, zero

INPUT_LIMIT = 8.0
SHIFT_LIMIT = 4.0
LOG_SCALE_LIMIT = 0.7


class Subnet(nn.Module):
    """Two 3x3 convolutions around a residual 1x1; zero at the start of training."""

    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, width)
        self.conv2 = nn.Conv2d(width, width, 1)
        self.conv3 = conv3x3(width, outputs)
        zero(self.conv3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w); the input is clamped to ±8 first."""
        hidden = F.silu(self.conv1(x.clamp(-INPUT_LIMIT, INPUT_LIMIT)))
        out: Tensor = self.conv3(hidden + F.silu(self.conv2(hidden)))
        return out


class Coupling(nn.Module):
    """One coupling step: φ writes into the coefficients, η into the payload."""

    def __init__(self, coefficients: int, payload: int, width: int) -> None:
        super().__init__()
        self.phi = Subnet(payload, coefficients, width)
        self.eta = Subnet(coefficients, 2 * payload, width)

    def addition(self, payload: Tensor) -> Tensor:
        """What φ adds to the coefficients, within ±4 before the gain."""
        return SHIFT_LIMIT * torch.tanh(self.phi(payload) / SHIFT_LIMIT).float()

    def scale_and_shift(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """The logarithm of the payload's scale, and its shift."""
        a, b = self.eta(coefficients).chunk(2, 1)
        # tanh bounds exp(): without it one bad step makes the inverse overflow.
        log_scale = LOG_SCALE_LIMIT * torch.tanh(a).float()
        return log_scale, SHIFT_LIMIT * torch.tanh(b / SHIFT_LIMIT).float()


class InvertibleNetwork(nn.Module):
    """A chain of couplings with one gain per coefficient.

    `reverse(*forward(x, p))` equals `(x, p)` to float32 rounding (tests/model/test_inn.py).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        coefficients = 3 * config.block**2
        self.payload_channels = config.payload_channels
        self.blocks = nn.ModuleList(
            Coupling(coefficients, config.payload_channels, config.coupling_width)
            for _ in range(config.coupling_blocks)
        )
        self.gain = nn.Parameter(torch.ones(1, coefficients, 1, 1))
        self.coef_std: Tensor
        self.register_buffer("coef_std", torch.ones(1, coefficients, 1, 1))

    def forward(self, x: Tensor, payload: Tensor) -> tuple[Tensor, Tensor]:
        """Hide: (B, 192, h, w) and (B, 30, h, w) to marked coefficients and null."""
        for block in self.blocks:
            assert isinstance(block, Coupling)
            x = x + self.gain * block.addition(payload)
            log_scale, shift = block.scale_and_shift(x)
            payload = payload * torch.exp(log_scale) + shift
        return x, payload

    def reverse(self, x: Tensor, null: Tensor) -> tuple[Tensor, Tensor]:
        """Reveal: received coefficients and a null to cleaned coefficients and payload."""
        for block in reversed(self.blocks):
            assert isinstance(block, Coupling)
            log_scale, shift = block.scale_and_shift(x)
            null = (null - shift) * torch.exp(-log_scale)
            x = x - self.gain * block.addition(null)
        return x, null
