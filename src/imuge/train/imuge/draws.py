"""What chance decides for a batch of our own system: keys, publication, windows, masks."""

import dataclasses
import random
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from imuge.model.imuge.keying import Layout, random_layout
from imuge.model.transform import BLOCK
from imuge.train.attacks.tamper_draw import TamperDraw, visible_groups
from imuge.train.draws import Draw, Source
from imuge.train.imuge.config import ImugeConfig
from imuge.train.imuge.publication import Publication, draw_publication
from imuge.train.imuge.window import draw_windows

UNEVEN = 0.3  # spread of how badly off a block is, where the best is 0 and the worst 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugeDraw(Draw):
    """One batch: its pictures, its keys, and what will happen to them."""

    layout: Layout
    publication: Publication
    again: Tensor  # (n,) int64, forged samples whose payload is embedded again over the edit
    windows: Tensor  # (B, 4), the part of each sample that comes back
    predicted: Tensor  # (B, 1, 1, 1), 1: recovered under the union of true and found mask
    blind: Tensor  # (B, 1, 1, 1), 1: rendered from the code alone
    clued: Tensor  # (B, 1, 1, 1), 1: localized with the code's evidence
    kept: Tensor  # (B, 1, h, w), what is left of the payload where there is no channel
    noise: Tensor  # (B, P, h, w), added to that

    def join(self, other: Self) -> Self:
        """Two draws as one of both batches."""
        joined = Draw.join(self, other)
        again = torch.cat([self.again, other.again + len(self.hosts)])
        return dataclasses.replace(joined, again=again)


def draw_step(
    config: ImugeConfig, source: Source, *, level: Tensor, chooser: random.Random
) -> ImugeDraw:
    """Draw a step.

    Args:
        config: Of the run.
        source: Of pictures and attacks.
        level: 0-dim in [0, 1], how hard the attacks are.
        chooser: Draws how many samples each kind of attack gets.
    """
    curriculum, batch = config.curriculum, source.batch
    common = source.draw(level=level, chooser=chooser)
    device, grid = common.hosts.device, config.data.crop // BLOCK

    def share(wanted: float) -> Tensor:
        return (torch.rand(batch, 1, 1, 1, device=device) < wanted).float()

    low, high = curriculum.strengths
    other = low + (high - low) * torch.rand(batch, device=device)
    scaled = share(curriculum.scaled_share).flatten()
    badness = torch.rand(batch, 1, 1, 1, device=device)
    badness = (badness + UNEVEN * torch.randn(batch, 1, grid, grid, device=device)).clamp(0, 1)
    cuts = (curriculum.cropped, curriculum.largest_cut)
    return ImugeDraw(
        hosts=common.hosts,
        tampering=common.tampering,
        distortion=common.distortion,
        layout=random_layout(config.model, batch, grid, grid, device=device),
        publication=draw_publication(config.publication, 1 + scaled * (other - 1), device=device),
        again=_draw_again(curriculum.protected_again, common.tampering, chooser),
        windows=draw_windows(*cuts, batch, config.data.crop, device=device),
        # While attacks are still mild the found mask is poor: the true one alone is used.
        predicted=share(curriculum.predicted_mask_share) * (level > 0.5),
        blind=share(curriculum.context_masking),
        clued=1 - share(curriculum.clue_dropout),
        kept=_between(curriculum.auxiliary_kept, badness),
        noise=_between(curriculum.auxiliary_noise, badness)
        * torch.randn(batch, config.model.payload_channels, grid, grid, device=device),
    )


def _between(ends: tuple[float, float], place: Tensor) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * place


def _draw_again(share: float, tampering: TamperDraw, chooser: random.Random) -> Tensor:
    """Choose among the samples that show something else than was published."""
    eligible = torch.cat(visible_groups(tampering))
    count = sum(chooser.random() < share for _ in range(len(eligible)))
    order = torch.rand(len(eligible), device=eligible.device).argsort()
    return eligible.index_select(0, order[:count])
