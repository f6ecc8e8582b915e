"""Finds the pixels that changed after a picture was immunized, from the picture alone.

    picture ─► constrained 5x5 (16) ─► 32 ─► 64 ─► 128 ─► dilated blocks x 4 ─┐
                            1          1/2   1/4   1/8                        │
    logit   ◄───────────────────────── 16 ◄─ 32 ◄─ 64 ◄───────────────────────┘
                                     each takes in the stage of its own size

A stage is a 4x4 convolution of stride 2, or its transpose, and three 3x3. The first convolution
predicts each pixel from its surroundings and keeps the error (Bayar and Stamm 2018,
doi:10.1109/TIFS.2018.2825953), in which traces show better than in the picture. All convolutions
but that one and the last are under spectral norm (Miyato et al. 2018, arXiv:1802.05957); the last
is free, for logits want range. 2.42 M parameters at the paper's sizes, which decide two questions:
skips are joined in front of the transposed convolution, and a dilated block has two 3x3, the first
dilated. After arXiv:2210.15902.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.layers import conv3x3

BAYAR_SIDE = 5
SETTLING_TURNS = 200


class BayarConvolution(nn.Module):
    """A 5x5 convolution that predicts a pixel: each filter has centre -1, and the others sum to 1.

    The stored weight is free; the constraint is applied in every pass.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        shape = (outputs, inputs, BAYAR_SIDE, BAYAR_SIDE)
        self.weight = nn.Parameter(torch.empty(shape))
        nn.init.normal_(self.weight, std=1 / BAYAR_SIDE**2)
        self.centre: Tensor
        centre = torch.zeros(BAYAR_SIDE, BAYAR_SIDE)
        centre[BAYAR_SIDE // 2, BAYAR_SIDE // 2] = 1
        self.register_buffer("centre", centre, persistent=False)

    def constrained(self) -> Tensor:
        """The nearest filters that obey the constraint, (outputs, inputs, 5, 5)."""
        # Shifted and not divided to their sum: that has no pole where the sum is 0.
        surroundings = self.weight * (1 - self.centre)
        missing = (1 - surroundings.sum((-2, -1), keepdim=True)) / (BAYAR_SIDE**2 - 1)
        return surroundings + missing * (1 - self.centre) - self.centre

    def forward(self, image: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W), borders repeated: a flat picture gives 0."""
        # Half precision would round away the traces that this is to find.
        with torch.autocast(image.device.type, enabled=False):
            around = F.pad(image.float(), [BAYAR_SIDE // 2] * 4, mode="replicate")
            return F.conv2d(around, self.constrained())


class DilatedResidual(nn.Module):
    """x + conv(elu(conv(x))), both 3x3, the first dilated."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        wide = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.conv1 = spectral_norm(wide)
        self.conv2 = spectral_norm(conv3x3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        out: Tensor = x + self.conv2(F.elu(self.conv1(x), inplace=True))
        return out


class ImugePlusLocalizer(nn.Module):
    """Picture to one logit a pixel; above 0 means tampered."""

    def __init__(self, config: ImugePlusConfig) -> None:
        super().__init__()
        widths = (config.stem_channels, *config.localizer_widths)
        layers = config.stage_layers
        self.stem = BayarConvolution(3, widths[0])
        self.encoders = nn.ModuleList(
            _stage(nn.Conv2d(above, below, 4, stride=2, padding=1), below, layers)
            for above, below in pairwise(widths)
        )
        self.middle = nn.Sequential(
            *(DilatedResidual(widths[-1], config.dilation) for _ in range(config.dilated_blocks))
        )
        self.decoders = nn.ModuleList(
            _stage(nn.ConvTranspose2d(2 * below, above, 4, stride=2, padding=1), above, layers)
            for below, above in pairwise(reversed(widths))
        )
        self.head = conv3x3(widths[0], 1)

    def forward(self, image: Tensor) -> Tensor:
        """Find what changed.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], H and W multiples of 16.

        Returns:
            (B, 1, H, W) float32 logits.
        """
        with parametrize.cached():
            self._make_weights()
            x = F.elu(self.stem(image), inplace=True)
            skips = []
            for encoder in self.encoders:
                x = encoder(x)
                skips.append(x)
            x = self.middle(x)
            for decoder, skip in zip(self.decoders, reversed(skips), strict=True):
                x = decoder(torch.cat([x, skip], 1))
            logits: Tensor = self.head(x)
        return logits.float()

    @torch.no_grad()
    def settle(self) -> None:
        """Bring the spectral norms to what they are for the weights as they stand.

        In training each pass moves them one turn of a power iteration; after other weights are
        loaded they are off until this is called. Mode and weights stay as they are.
        """
        modes = {
            part: part.training
            for convolution in self._normalized()
            for part in convolution.get_submodule("parametrizations").modules()
        }
        for part in modes:
            part.training = True  # or a norm takes no turn
        for _ in range(SETTLING_TURNS):
            self._make_weights()
        for part, training in modes.items():
            part.training = training

    def _make_weights(self) -> None:
        """Divide all weights by their norms; under `parametrize.cached` the layers take these."""
        # Half precision would do for the convolutions, but not for a power iteration.
        with torch.autocast(self.stem.weight.device.type, enabled=False):
            for convolution in self._normalized():
                assert isinstance(convolution.weight, Tensor)

    def _normalized(self) -> Iterator[nn.Module]:
        """All convolutions under spectral norm."""
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                yield module


def _stage(resize: nn.Module, channels: int, layers: int) -> nn.Sequential:
    """A convolution that changes the size, then some that do not, an ELU after each."""
    parts: list[nn.Module] = []
    for convolution in [resize, *(conv3x3(channels, channels) for _ in range(layers))]:
        parts += [spectral_norm(convolution), nn.ELU(inplace=True)]
    return nn.Sequential(*parts)
