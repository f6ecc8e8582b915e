"""Invertible network of Imuge+: hides a picture's own content in the picture, and reveals it.

    image (3) ──┐                                                        ┌── immunized (3)
                ├── Haar + couplings, x 3 ── couplings ── up again, x 3 ─┤
    edges (1) ──┘               ◄── reverse ──                           └── null (1)

    channels   4    16     64     256       256      64     16     4
    size       1    1/2    1/4    1/8       1/8      1/4    1/2    1
    couplings        2      2      2         4        2      2     0

Nothing is dropped on the way, so the reverse pass is exact; what makes it a recovery is that
training brings the null to zero and lets the pass begin without the tampered pixels. At the paper's
sizes 32.05 M parameters and 763.5 GMAC for 512x512 pixels. After arXiv:2210.15902.
"""

from functools import partial

from torch import Tensor, nn

from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.imuge_plus.coupling import DenseBlock, GatedChain, MakeSubnet, TwoWayCoupling
from imuge.model.imuge_plus.haar import haar_down, haar_up

CHANNELS = 4  # RGB and the edge map; RGB and the null


class ImugePlusInn(nn.Module):
    """Haar transforms and couplings, down and up again.

    `reverse(forward(x))` equals x to float32 rounding, whatever the weights are
    (tests/model/test_imuge_plus_inn.py).
    """

    def __init__(self, config: ImugePlusConfig) -> None:
        super().__init__()
        outer = partial(GatedChain, width=config.outer_width, layers=config.outer_layers)
        dense = partial(DenseBlock, growth=config.growth, layers=config.dense_layers)
        down = [CHANNELS * 4**level for level in range(1, config.haar_levels + 1)]
        up = [channels // 4 for channels in reversed(down)]
        self.down = nn.ModuleList(map(_chain, down, config.blocks_down, [outer] * len(down)))
        self.middle = _chain(down[-1], config.blocks_middle, dense)
        self.up = nn.ModuleList(map(_chain, up, config.blocks_up, [outer] * len(up)))

    def forward(self, image_and_edges: Tensor) -> Tensor:
        """Hide.

        Args:
            image_and_edges: (B, 4, H, W) float32, RGB in [0, 1] and the edge map; H and W
                multiples of 16.

        Returns:
            (B, 4, H, W), the immunized picture, not clamped, and the null.
        """
        x = image_and_edges
        for chain in self.down:
            x = _through(chain, haar_down(x))
        x = _through(self.middle, x)
        for chain in self.up:
            x = _through(chain, haar_up(x))
        return x

    def reverse(self, image_and_null: Tensor) -> Tensor:
        """Reveal: undo `forward`, whose result and argument these are."""
        x = image_and_null
        for chain in reversed(self.up):
            x = haar_down(_back_through(chain, x))
        x = _back_through(self.middle, x)
        for chain in reversed(self.down):
            x = haar_up(_back_through(chain, x))
        return x


def _chain(channels: int, count: int, make_subnet: MakeSubnet) -> nn.ModuleList:
    return nn.ModuleList(TwoWayCoupling(channels, make_subnet) for _ in range(count))


def _through(chain: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(chain, nn.ModuleList)
    for coupling in chain:
        x = coupling(x)
    return x


def _back_through(chain: nn.Module, y: Tensor) -> Tensor:
    assert isinstance(chain, nn.ModuleList)
    for coupling in reversed(chain):
        assert isinstance(coupling, TwoWayCoupling)
        y = coupling.reverse(y)
    return y
