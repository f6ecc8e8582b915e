"""What chance decides for one batch, drawn on the device before the step begins.

A step computes the same from the same draw. So processes that each draw a part of a batch can be
held against one that has all of it, and a step can be recorded once and replayed.
"""

import dataclasses
import random
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from imuge.train.attacks.distort import DistortDraw, draw_distortions
from imuge.train.attacks.distort import join as join_distortions
from imuge.train.attacks.shapes import ShapeBank
from imuge.train.attacks.tamper_draw import TamperDraw, draw_tampering
from imuge.train.attacks.tamper_draw import join as join_tampering
from imuge.train.config import TrainConfig
from imuge.train.photographs import PhotoBank


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One batch and what will happen to it; an architecture may add what else it draws."""

    hosts: Tensor  # (B, 3, H, W) RGB in [0, 1]
    tampering: TamperDraw
    distortion: DistortDraw

    def join(self, other: Self) -> Self:
        """Two draws as one of both batches."""
        joined: dict[str, Any] = {
            "tampering": join_tampering(self.tampering, other.tampering),
            "distortion": join_distortions(self.distortion, other.distortion),
        }
        for name in {item.name for item in dataclasses.fields(self)} - joined.keys():
            mine, theirs = getattr(self, name), getattr(other, name)
            both = torch.cat([mine, theirs]) if isinstance(mine, Tensor) else mine.join(theirs)
            joined[name] = both
        return type(self)(**joined)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the draws of one process come from."""

    config: TrainConfig
    photographs: PhotoBank  # its device is that of everything drawn
    shapes: ShapeBank  # masks and overlays
    batch: int  # samples of a draw

    def draw(self, *, level: Tensor, chooser: random.Random) -> Draw:
        """Draw pictures and attacks.

        Args:
            level: 0-dim in [0, 1], how hard the attacks are.
            chooser: Draws how many samples each kind of attack gets.
        """
        config, batch, side = self.config, self.batch, self.config.data.crop
        hosts = self.photographs.batch(batch)
        tampering = draw_tampering(config.tamper, self.shapes, batch, level=level, chooser=chooser)
        distortion = draw_distortions(
            config.distort, batch, side, side, device=hosts.device, level=level, chooser=chooser
        )
        return Draw(hosts=hosts, tampering=tampering, distortion=distortion)
