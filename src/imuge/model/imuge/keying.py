"""What a key would draw for a batch of pictures, drawn at random: for training.

In the product the template, the places of the code and the signs of its rotation come from a key
(`imuge.keys`); the networks only need them to be unpredictable. Networks that are trained to learn
what the key brings go without some of it: `keyed_template`, `scattered`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from imuge.model.imuge.config import ModelConfig

SIGN_ROUNDS = 6  # of the rotation of a block's code; why so many: `imuge.keys.rotation`


@dataclass(frozen=True, slots=True)
class Layout:
    """Template, places and signs for a batch of B pictures with grids of h by w blocks."""

    template: Tensor  # (B, T, h, w) float32 of ±1
    permutations: Tensor  # (B, N, h·w) int64, for `scatter_code`; N = K, or K·c of numbers apart
    inverses: Tensor  # (B, N, h·w) int64, for `home_code` and `gather_code`
    signs: Tensor | None  # (B, rounds·K·c, h, w) float32 of ±1; None without `keyed_signs`

    def join(self, other: "Layout") -> "Layout":
        """The layouts of both batches, this one's first; both from one config and grid size."""
        signs = None
        if self.signs is not None:
            assert other.signs is not None, "one layout has signs and the other has none"
            signs = torch.cat([self.signs, other.signs])
        return Layout(
            template=torch.cat([self.template, other.template]),
            permutations=torch.cat([self.permutations, other.permutations]),
            inverses=torch.cat([self.inverses, other.inverses]),
            signs=signs,
        )


def random_layout(
    config: ModelConfig, batch: int, rows: int, columns: int, *, device: torch.device
) -> Layout:
    """Draw a layout with torch's default generator.

    Every draw has a fixed shape and none waits for the device, so it can be part of a CUDA graph.

    Args:
        config: Of the networks that are trained.
        batch: Pictures.
        rows: Block rows of each.
        columns: Block columns.
        device: Where the layout shall lie.
    """
    template = _template(config, batch, rows, columns, device)
    permutations = _places(config, batch, rows * columns, device)
    shape = (batch, SIGN_ROUNDS * config.total_code_channels, rows, columns)
    return Layout(
        template=template,
        permutations=permutations,
        inverses=permutations.argsort(-1),
        signs=random_signs(shape, device) if config.keyed_signs else None,
    )


def _template(
    config: ModelConfig, batch: int, rows: int, columns: int, device: torch.device
) -> Tensor:
    """(B, T, h, w) of ±1, each channel's signs shared by squares of its scale."""
    if not config.keyed_template:
        return torch.ones(batch, config.template_channels, rows, columns, device=device)
    channels = [
        _spread(random_signs((batch, 1, -(-rows // scale), -(-columns // scale)), device), scale)
        for scale in config.template_scales
    ]
    return torch.cat([channel[..., :rows, :columns] for channel in channels], 1)


def _places(config: ModelConfig, batch: int, blocks: int, device: torch.device) -> Tensor:
    """(B, N, h·w) int64: a permutation of the blocks for each description, or each number."""
    if not config.scattered:
        return torch.arange(blocks, device=device).repeat(batch, config.permutations, 1)
    # Not randperm: it draws one permutation at a time.
    return torch.rand(batch, config.permutations, blocks, device=device).argsort(-1)


def random_signs(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Fair signs, float32 of ±1."""
    return 2 * torch.randint(0, 2, shape, device=device, dtype=torch.float32) - 1


def _spread(cells: Tensor, scale: int) -> Tensor:
    """Enlarge (B, C, h, w) to (B, C, scale · h, scale · w), each cell repeated."""
    batch, channels, rows, columns = cells.shape
    spread = cells[:, :, :, None, :, None].expand(-1, -1, -1, scale, -1, scale)
    return spread.reshape(batch, channels, scale * rows, scale * columns)
