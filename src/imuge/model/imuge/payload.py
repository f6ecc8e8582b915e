"""What is hidden: a learned code of the picture, scattered by key, and a keyed template.

    coefficients ─► PayloadEncoder ─► 2 descriptions x 12 ─► rotate ─► scatter ─┐
                                                                                ├─► payload (30)
    key ─────────────────────────────────────► template x 6, ±1 ────────────────┘

A description is the whole picture told once; two of them, scattered independently over the grid,
survive where one is lost (multiple description coding). With `keyed_signs` the numbers of each
block and description are turned first: multiplied by keyed signs and mixed, a few rounds of it.
With `numbers_apart` every number has a permutation of its own: whoever tells where one belongs
knows nothing of the others, and a lost place costs many blocks a number each.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.imuge.config import ModelConfig
from imuge.model.layers import conv3x3, residuals

CODE_LIMIT = 2.5
REVEALED_LIMIT = 3.0


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


@cache
def mixing_matrix(size: int, device: torch.device) -> Tensor:
    """The orthonormal Hartley matrix, (size, size): symmetric, so its own inverse.

    It is kept for each device: a copy to a GPU may not be recorded in a CUDA graph, so the first
    call has to come before that.
    """
    # Made under inference mode, it could not take part in training later.
    with torch.inference_mode(False):
        numbers = torch.arange(size, dtype=torch.float64)
        angles = 2 * math.pi * (numbers[:, None] * numbers % size) / size
        return ((angles.cos() + angles.sin()) / math.sqrt(size)).float().to(device)


def rotate(code: Tensor, signs: Tensor, descriptions: int) -> Tensor:
    """Turn the numbers of every block and description.

    Args:
        code: (B, K·c, h, w), in place.
        signs: (B, rounds·K·c, h, w) of ±1, in place, the first round's first.
        descriptions: K.

    Returns:
        (B, K·c, h, w): each block's c numbers of each description turned, their norm as it was.
    """
    for turn in _rounds(code, signs):
        code = _mix(code * turn, descriptions)
    return code


def rotate_back(code: Tensor, signs: Tensor, descriptions: int) -> Tensor:
    """Undo `rotate`, whose arguments and result these are."""
    for turn in reversed(_rounds(code, signs)):
        code = _mix(code, descriptions) * turn
    return code


def _mix(code: Tensor, descriptions: int) -> Tensor:
    """Multiply the numbers of each block and description by the mixing matrix."""
    batch, channels, height, width = code.shape
    parts = code.reshape(batch, descriptions, channels // descriptions, height * width)
    return torch.matmul(mixing_matrix(parts.shape[2], code.device), parts).view(code.shape)


def _rounds(code: Tensor, signs: Tensor) -> tuple[Tensor, ...]:
    return signs.chunk(signs.shape[1] // code.shape[1], 1)


def scatter_code(code: Tensor, permutations: Tensor, signs: Tensor | None = None) -> Tensor:
    """Scatter each part of the code by its own permutation.

    Args:
        code: (B, K·c, h, w), in place.
        permutations: (B, N, h·w) int64: N = K for descriptions, K·c for numbers apart.
        signs: (B, rounds·K·c, h, w) of ±1, those of a rotation, in place as well; None leaves the
            code as it is.

    Returns:
        (B, K·c, h, w), as it is hidden. Turned code has no fixed limit below ±2.5·√c.
    """
    if signs is not None:
        code = rotate(code, signs, permutations.shape[1])
    return _move(code, permutations)


def home_code(revealed: Tensor, inverses: Tensor, signs: Tensor | None = None) -> Tensor:
    """Bring each part home: the opposite of `scatter_code`.

    Args:
        revealed: (B, K·c, h, w), the revealed code as it lies scattered in the picture.
        inverses: (B, N, h·w) int64, the inverses of the scattering permutations.
        signs: (B, rounds·K·c, h, w) of ±1, those the code was scattered with.

    Returns:
        (B, K·c, h, w), in place, within ±3.
    """
    home = _move(revealed, inverses)
    if signs is not None:
        home = rotate_back(home, signs, inverses.shape[1])
    # Turned code may honestly lie beyond ±3, so the limit is for what comes back.
    return home.clamp(-REVEALED_LIMIT, REVEALED_LIMIT)


def erase_code(home: Tensor, erased: Tensor, inverses: Tensor, *, descriptions: int) -> Tensor:
    """Take out the code that lay in tampered blocks, and flag what is left.

    Args:
        home: (B, K·c, h, w), from `home_code`.
        erased: (B, 1, h, w), 1 where a block of the picture was tampered with.
        inverses: (B, N, h·w) int64, as for `home_code`.
        descriptions: K.

    Returns:
        (B, K·(c + 1), h, w): for each description its code (0 where lost) and its flag, the share
        of it that is left: of a whole description 1 or 0.
    """
    kept = kept_numbers(erased, inverses, home.shape[1])
    pairs = zip((home * kept).chunk(descriptions, 1), kept.chunk(descriptions, 1), strict=True)
    return torch.cat(
        [part for code, there in pairs for part in (code, there.mean(1, keepdim=True))], 1
    )


def kept_numbers(erased: Tensor, inverses: Tensor, channels: int) -> Tensor:
    """Which numbers of each block's code are left, (B, channels, h, w) of 0 and 1.

    Args:
        erased: (B, 1, h, w), 1 where a block of the picture was tampered with.
        inverses: (B, N, h·w) int64, as for `home_code`.
        channels: K·c.
    """
    parts = inverses.shape[1]
    kept = _move((1 - erased).expand(-1, parts, -1, -1), inverses)
    return kept.repeat_interleave(channels // parts, 1)


def gather_code(
    revealed: Tensor,
    erased: Tensor,
    inverses: Tensor,
    signs: Tensor | None = None,
    *,
    descriptions: int,
) -> Tensor:
    """Bring each description home, with a flag a block that says how much of it survived.

    Both steps at once, `home_code` and `erase_code`; arguments and result are theirs.
    """
    home = home_code(revealed, inverses, signs)
    return erase_code(home, erased, inverses, descriptions=descriptions)


def _move(channels: Tensor, permutations: Tensor) -> Tensor:
    """Move each of N equal parts of the channels by its own permutation (B, N, h·w)."""
    parts = channels.chunk(permutations.shape[1], 1)
    return torch.cat([scatter(part, permutations[:, k]) for k, part in enumerate(parts)], 1)
