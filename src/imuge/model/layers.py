"""The two building blocks that all networks share."""

import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn


def conv3x3(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution with bias and zero padding that keeps the size (at stride 1)."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)


class Residual(nn.Module):
    """x + conv(silu(conv(silu(x)))), both 3x3; the identity at the start of training."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.conv2 = conv3x3(channels, channels)
        zero(self.conv2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        out: Tensor = x + self.conv2(F.silu(self.conv1(F.silu(x))))
        return out


def residuals(count: int, channels: int) -> nn.Sequential:
    """A chain of `count` residual blocks."""
    return nn.Sequential(*(Residual(channels) for _ in range(count)))


def zero(convolution: nn.Conv2d) -> None:
    """Start a convolution at zero, so that the part it ends begins as nothing."""
    nn.init.zeros_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
