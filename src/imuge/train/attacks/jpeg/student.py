"""Network that shows what JPEG does to a picture, for any quality: a U-Net over Haar bands.

    picture ─ Haar ─ level 1 ─ Haar ─ level 2 ─ Haar ─ level 3 ─ dilated blocks
       │               │                │                │             │
       │      quality ─┼── scale, shift ┼────────────────┤             │
       +  ◄─ Haar back ─ up 1 ◄ Haar back ─ up 2 ◄ Haar back ─ up 3 ◄──┘
       ▼
    simulated

The third Haar transform ends at one place for each 8x8 block, JPEG's own grid. After the simulator
that Imuge+ (Ying et al. 2022, arXiv:2210.15902) distils. Conventions: float32 (B, 3, H, W), RGB in
[0, 1], H and W multiples of 8; quality (B,) from 1 to 100.
"""

from dataclasses import dataclass, fields
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from imuge.errors import ConfigError, ImageError
from imuge.model.transform import BLOCK
from imuge.train.attacks.constants import kept

CLASSES = (10.0, 30.0, 50.0, 70.0, 90.0, 100.0)  # qualities that have an input of their own
BANDS = 4  # of a Haar transform, for each channel
PICTURE_BANDS = 3 * BANDS
FIRST_GAIN = 2.0  # what normalization and GELU take from an even signal
FIRST_BLOCK_GAIN = 0.1  # so that a residual block begins as next to nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentConfig:
    """Sizes of the network; the paper's by default (11.4 million weights)."""

    widths: tuple[int, int, int] = (12, 48, 192)  # channels at 1/2, 1/4 and 1/8 of the size
    blocks: int = 8  # dilated residual blocks at 1/8
    condition_width: int = 512  # of the three layers that read the quality

    def __post_init__(self) -> None:
        """Refuse sizes that build no network.

        Raises:
            ConfigError: a size is not positive, or a width cannot be parted into Haar bands.
        """
        if min(self.widths) < BANDS or any(width % BANDS for width in self.widths):
            raise ConfigError(
                f"expected widths as positive multiples of {BANDS}, got {list(self.widths)}"
            )
        for item in fields(self):
            if item.type is int and getattr(self, item.name) < 1:
                raise ConfigError(f"expected {item.name} from 1, got {getattr(self, item.name)}")


def class_shares(quality: Tensor) -> Tensor:
    """A quality as shares of the two classes around it, a one-hot vector where it is one of them.

    Args:
        quality: (B,) from 1 to 100; below the first class it counts as that.

    Returns:
        (B, len(CLASSES)), each row with the sum 1.
    """
    classes = _classes(quality.device)
    below, above = classes[:-1], classes[1:]
    passed = ((quality[:, None] - below) / (above - below)).clamp(0, 1)
    reached = F.pad(passed, (1, 0), value=1.0)
    return reached - F.pad(passed, (0, 1))


class Student(nn.Module):
    """The network.

    Args:
        config: Its sizes.
        normalized: Whether kernels are divided by their largest singular value, as in training.
            Without it they are what `plain_state` of a trained network gives.
    """

    def __init__(self, config: StudentConfig, *, normalized: bool) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        sources = (PICTURE_BANDS, *(BANDS * width for width in widths[:-1]))
        self.down = nn.ModuleList(
            _stack((source, *[width] * 4), normalized)
            for source, width in zip(sources, widths, strict=True)
        )
        self.condition = _Condition(config)
        self.middle = nn.Sequential(
            *(_DilatedBlock(widths[-1], normalized) for _ in range(config.blocks))
        )
        # From the level below; beside the skip features a level is twice as wide.
        arriving = (*(width // BANDS for width in widths[1:]), widths[-1])
        self.up = nn.ModuleList(
            _stack((width + more, 2 * width, 2 * width, width, width), normalized)
            for width, more in zip(widths, arriving, strict=True)
        )
        self.last = nn.Conv2d(widths[0], PICTURE_BANDS, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        assert self.last.bias is not None
        nn.init.zeros_(self.last.bias)

    def forward(self, picture: Tensor, quality: Tensor, subsampled: Tensor) -> Tensor:
        """Simulate JPEG.

        Args:
            picture: (B, 3, H, W) RGB in [0, 1]; H and W multiples of 8.
            quality: (B,) from 1 to 100.
            subsampled: (B,) 1 where chroma is halved both ways (4:2:0), 0 where not (4:4:4).

        Returns:
            (B, 3, H, W), neither clamped nor rounded.

        Raises:
            ImageError: `picture` has another shape.
        """
        return self.explain(picture, quality, subsampled)[0]

    def explain(
        self, picture: Tensor, quality: Tensor, subsampled: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As `forward`; also the features at 1/8, (B, widths[2], H/8, W/8)."""
        conditions = self.condition(class_shares(quality), subsampled)
        skips = []
        features = _checked(picture) - 0.5
        for level, (scale, shift) in zip(self.down, conditions, strict=True):
            features = level(haar(features))
            skips.append(torch.addcmul(shift, features, scale))
        middle = self.middle(skips[-1])
        return picture + self._rise(middle, skips), middle

    def encode(self, picture: Tensor) -> Tensor:
        """The features at 1/8 of a picture, whatever its quality: what a teacher tells."""
        features = _checked(picture) - 0.5
        for level in self.down:
            features = level(haar(features))
        out: Tensor = self.middle(features)
        return out

    def rebuild(self, middle: Tensor) -> Tensor:
        """The picture (B, 3, H, W) from what `encode` gave; nothing else is known."""
        count, _, height, width = middle.shape
        skips = [
            middle.new_zeros(count, channels, height << step, width << step)
            for channels, step in zip(self.config.widths, (2, 1, 0), strict=True)
        ]
        return self._rise(middle, skips) + 0.5

    def _rise(self, features: Tensor, skips: list[Tensor]) -> Tensor:
        for number in reversed(range(len(skips))):
            features = self.up[number](torch.cat((features, skips[number]), 1))
            features = haar_back(features if number else self.last(features))
        return features

    def plain_state(self) -> dict[str, Tensor]:
        """The weights of the same network without normalization: kernels as they are used."""
        kernels = {
            f"{name}.weight": module.weight.detach()
            for name, module in self.named_modules()
            if isinstance(module, nn.Conv2d)
        }
        kept_as_is = {
            name: value
            for name, value in self.state_dict().items()
            if ".parametrizations." not in name
        }
        return kept_as_is | kernels


def haar(x: Tensor) -> Tensor:
    """(B, C, H, W), H and W even, to its four orthonormal Haar bands (B, 4C, H/2, W/2)."""
    count, channels, height, width = x.shape
    squares = F.pixel_unshuffle(x, 2).view(count, channels, BANDS, -1)
    return (_haar_matrix(x.device) @ squares).view(count, -1, height // 2, width // 2)


def haar_back(bands: Tensor) -> Tensor:
    """(B, 4C, h, w) as `haar` gives them, back to (B, C, 2h, 2w)."""
    count, channels, height, width = bands.shape
    squares = _haar_matrix(bands.device) @ bands.reshape(count, channels // BANDS, BANDS, -1)
    return F.pixel_shuffle(squares.view(count, channels, height, width), 2)


class _Condition(nn.Module):
    """From the shares of the classes to a scale in (0, 1) and a shift in (-1, 1) of each level."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        width = config.condition_width
        layers: list[nn.Module] = []
        for source, target in pairwise((len(CLASSES) + 1, width, width, width)):
            layers += [nn.Linear(source, target), nn.GELU()]
        self.layers = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Linear(width, 2 * channels) for channels in config.widths)

    def forward(self, shares: Tensor, subsampled: Tensor) -> list[tuple[Tensor, Tensor]]:
        known = self.layers(torch.cat((shares, subsampled[:, None]), 1))
        return [_scale_and_shift(head(known)) for head in self.heads]


def _scale_and_shift(numbers: Tensor) -> tuple[Tensor, Tensor]:
    scale, shift = numbers[:, :, None, None].chunk(2, 1)
    return scale.sigmoid(), shift.tanh()


class _DilatedBlock(nn.Module):
    def __init__(self, width: int, normalized: bool) -> None:
        super().__init__()
        self.wide = _convolution(width, width, normalized, dilation=2)
        self.close = _convolution(width, width, normalized, gain=FIRST_BLOCK_GAIN)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.close(F.gelu(self.wide(x)))
        return out


def _stack(channels: tuple[int, ...], normalized: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for source, target in pairwise(channels):
        layers += [_convolution(source, target, normalized), nn.GELU()]
    return nn.Sequential(*layers)


def _convolution(
    source: int, target: int, normalized: bool, *, dilation: int = 1, gain: float = FIRST_GAIN
) -> nn.Conv2d:
    made = nn.Conv2d(source, target, 3, padding=dilation, dilation=dilation)
    if normalized:
        spectral_norm(made)
        parametrize.register_parametrization(made, "weight", _Gain(target, gain))
    return made


class _Gain(nn.Module):
    """One learned factor a channel: forty layers that only take away would pass nothing on."""

    def __init__(self, channels: int, gain: float) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((channels, 1, 1, 1), gain))

    def forward(self, kernel: Tensor) -> Tensor:
        return kernel * self.gain


def _checked(picture: Tensor) -> Tensor:
    shape = tuple(picture.shape)
    if len(shape) != 4 or shape[1] != 3 or shape[2] % BLOCK or shape[3] % BLOCK:
        raise ImageError(
            f"expected RGB of shape (B, 3, H, W), H and W multiples of {BLOCK}, got {shape}; "
            "crop or pad it"
        )
    return picture


@kept
def _classes(device: torch.device) -> Tensor:
    return torch.tensor(CLASSES, device=device)


@kept
def _haar_matrix(device: torch.device) -> Tensor:
    """Its own inverse."""
    signs = [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]
    return torch.tensor(signs, dtype=torch.float32, device=device) / 2
