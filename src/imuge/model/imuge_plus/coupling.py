"""Two-way affine coupling, the step that the invertible network of Imuge+ is a chain of.

    first  ──► e(s2(second)) · first + t2(second) ──┬───────────────────────────────► first'
    second ─────────────────────────────────────────┴─► e(s1(first')) · second + t1(first')
                                                                      └─────────────► second'

    e(s) = exp(2 · sigmoid(s) - 1) + 1e-4, between 0.37 and 2.72; 1.0001 at the start of training

s and t are four separate sub-nets. Those of the way down and up are gated chains, those of the
middle dense blocks. How the paper's short description is read: a gated layer is r = ELU(3x3 of the
features), then g = ELU(5x5 *of r*), and the features become g + r(1 - g), g as it comes, without a
sigmoid; after the last, the sub-net's input is joined to them and one 3x3 makes the output. Only
this reading meets both published numbers, 32.05 M parameters and 763.5 GMAC: with a 5x5 that looks
at the layer's input there would be 30.62 M and 660 GMAC. (The numbers cannot tell whether the gate
acts after each layer, as here, or once after a chain of four 3x3 and a chain of four 5x5.) The
dense block's fifth convolution makes the output, and starts at zero as the gated chain's does.
After Dinh et al. 2017, arXiv:1605.08803, and arXiv:2210.15902.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.layers import conv3x3, zero

INITIAL_GAIN = 0.1  # of Xavier's initialization
SCALE_FLOOR = 1e-4

MakeSubnet = Callable[[int], nn.Module]  # from the number of channels, in as well as out


class GatedChain(nn.Module):
    """3x3 convolutions, each gated by a 5x5 of its result; zero at the start of training."""

    def __init__(self, channels: int, *, width: int, layers: int) -> None:
        super().__init__()
        self.candidates = nn.ModuleList(
            conv3x3(width if layer else channels, width) for layer in range(layers)
        )
        self.gates = nn.ModuleList(nn.Conv2d(width, width, 5, padding=2) for _ in range(layers))
        self.last = conv3x3(width + channels, channels)
        _start(self, self.last)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        features = x
        for candidate, gate in zip(self.candidates, self.gates, strict=True):
            # In place, and the product spelled out: half the memory that a backward pass needs.
            r = F.elu(candidate(features), inplace=True)
            g = F.elu(gate(r), inplace=True)
            features = torch.addcmul(r + g, r, g, value=-1)  # g + r(1 - g)
        out: Tensor = self.last(torch.cat([features, x], 1))
        return out


class DenseBlock(nn.Module):
    """3x3 convolutions, each of all that came before; zero at the start of training."""

    def __init__(self, channels: int, *, growth: int, layers: int) -> None:
        super().__init__()
        self.grow = nn.ModuleList(
            conv3x3(channels + layer * growth, growth) for layer in range(layers - 1)
        )
        self.last = conv3x3(channels + (layers - 1) * growth, channels)
        _start(self, self.last)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        for convolution in self.grow:
            x = torch.cat([x, F.elu(convolution(x), inplace=True)], 1)
        out: Tensor = self.last(x)
        return out


class TwoWayCoupling(nn.Module):
    """Scales and shifts the first half of the channels by the second, then the second by it.

    `reverse(forward(x))` equals x to float32 rounding. The sub-nets may compute in half precision;
    what is done with their results is done in float32.
    """

    def __init__(self, channels: int, make_subnet: MakeSubnet) -> None:
        super().__init__()
        assert channels % 2 == 0, "the halves are of one size"
        self.scale_first = make_subnet(channels // 2)  # s2 of the paper
        self.shift_first = make_subnet(channels // 2)  # t2
        self.scale_second = make_subnet(channels // 2)  # s1
        self.shift_second = make_subnet(channels // 2)  # t1

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) float32 to the same shape."""
        first, second = x.chunk(2, 1)
        first = torch.addcmul(
            self.shift_first(second).float(), first, _scale(self.scale_first(second))
        )
        second = torch.addcmul(
            self.shift_second(first).float(), second, _scale(self.scale_second(first))
        )
        return torch.cat([first, second], 1)

    def reverse(self, y: Tensor) -> Tensor:
        """Undo `forward`."""
        first, second = y.chunk(2, 1)
        second = (second - self.shift_second(first).float()) / _scale(self.scale_second(first))
        first = (first - self.shift_first(second).float()) / _scale(self.scale_first(second))
        return torch.cat([first, second], 1)


def _scale(s: Tensor) -> Tensor:
    """The factor e(s), float32."""
    # tanh(s/2) is 2 · sigmoid(s) - 1.
    return (s.float() / 2).tanh().exp() + SCALE_FLOOR


def _start(subnet: nn.Module, last: nn.Conv2d) -> None:
    """Start the last convolution at zero and the others near it, so that training begins calmly."""
    for module in subnet.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight, gain=INITIAL_GAIN)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    zero(last)
