"""What chance decides for a batch of our own system: keys, strengths, masks of the recoverer."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from imuge.model.imuge.keying import Layout, random_layout
from imuge.model.transform import BLOCK
from imuge.train.draws import Draw, Source
from imuge.train.imuge.config import ImugeConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugeDraw(Draw):
    """One batch: its pictures, its keys, and what will happen to them."""

    layout: Layout
    strength: Tensor  # (B, 1, 1, 1)
    predicted: Tensor  # (B, 1, 1, 1), 1: recovered under the union of true and found mask
    blind: Tensor  # (B, 1, 1, 1), 1: rendered from the code alone
    clued: Tensor  # (B, 1, 1, 1), 1: localized with the code's evidence
    noise: Tensor  # (B, P, h, w) standard normal, for the auxiliary pass


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
    other = low + (high - low) * torch.rand(batch, 1, 1, 1, device=device)
    scaled = share(curriculum.scaled_share)
    return ImugeDraw(
        hosts=common.hosts,
        tampering=common.tampering,
        distortion=common.distortion,
        layout=random_layout(config.model, batch, grid, grid, device=device),
        strength=1 + scaled * (other - 1),
        # While attacks are still mild the found mask is poor: the true one alone is used.
        predicted=share(curriculum.predicted_mask_share) * (level > 0.5),
        blind=share(curriculum.context_masking),
        clued=1 - share(curriculum.clue_dropout),
        noise=torch.randn(batch, config.model.payload_channels, grid, grid, device=device),
    )
