"""All that chance decides in one training step, drawn on the device before the step begins.

A step computes the same from the same draw. So processes that each draw a part of a batch can be
held against one that has all of it, and a step can be recorded once and replayed.
"""

import dataclasses
import random
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from imuge.attacks.distort import DistortDraw, draw_distortions
from imuge.attacks.distort import join as join_distortions
from imuge.attacks.shapes import ShapeBank
from imuge.attacks.tamper_draw import TamperDraw, draw_tampering
from imuge.attacks.tamper_draw import join as join_tampering
from imuge.model.keying import Layout, random_layout
from imuge.model.transform import BLOCK
from imuge.train.config import TrainConfig
from imuge.train.photographs import PhotoBank


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One batch: its pictures, its keys, and what will happen to them."""

    hosts: Tensor  # (B, 3, H, W) RGB in [0, 1]
    layout: Layout
    tampering: TamperDraw
    distortion: DistortDraw
    strength: Tensor  # (B, 1, 1, 1)
    predicted: Tensor  # (B, 1, 1, 1), 1: recovered under the union of true and found mask
    blind: Tensor  # (B, 1, 1, 1), 1: rendered from the code alone
    clued: Tensor  # (B, 1, 1, 1), 1: localized with the code's evidence
    noise: Tensor  # (B, P, h, w) standard normal, for the auxiliary pass

    def join(self, other: Self) -> Self:
        """Two draws as one of both batches."""
        tensors = {
            item.name: torch.cat([getattr(self, item.name), getattr(other, item.name)])
            for item in dataclasses.fields(self)
            if isinstance(getattr(self, item.name), Tensor)
        }
        return type(self)(
            layout=self.layout.join(other.layout),
            tampering=join_tampering(self.tampering, other.tampering),
            distortion=join_distortions(self.distortion, other.distortion),
            **tensors,
        )


def draw_step(
    config: TrainConfig,
    photographs: PhotoBank,
    shapes: ShapeBank,
    batch: int,
    *,
    level: Tensor,
    chooser: random.Random,
) -> Draw:
    """Draw a step.

    Args:
        config: Of the run.
        photographs: Where the hosts come from; its device is that of everything drawn.
        shapes: Masks and overlays.
        batch: Samples to draw.
        level: 0-dim in [0, 1], how hard the attacks are.
        chooser: Draws how many samples each kind of attack gets.
    """
    curriculum = config.curriculum
    hosts = photographs.batch(batch)
    device, side = hosts.device, config.data.crop
    grid = side // BLOCK

    def share(wanted: float) -> Tensor:
        return (torch.rand(batch, 1, 1, 1, device=device) < wanted).float()

    low, high = curriculum.strengths
    other = low + (high - low) * torch.rand(batch, 1, 1, 1, device=device)
    scaled = share(curriculum.scaled_share)
    payload = config.model.payload_channels
    return Draw(
        hosts=hosts,
        layout=random_layout(config.model, batch, grid, grid, device=device),
        tampering=draw_tampering(config.tamper, shapes, batch, level=level, chooser=chooser),
        distortion=draw_distortions(
            config.distort, batch, side, side, device=device, level=level, chooser=chooser
        ),
        strength=1 + scaled * (other - 1),
        # While attacks are still mild the found mask is poor: the true one alone is used.
        predicted=share(curriculum.predicted_mask_share) * (level > 0.5),
        blind=share(curriculum.context_masking),
        clued=1 - share(curriculum.clue_dropout),
        noise=torch.randn(batch, payload, grid, grid, device=device),
    )
