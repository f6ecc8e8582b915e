"""One step of teaching a network what JPEG does; the simulator of Imuge+ (arXiv:2210.15902).

    picture ─ exact ─► real JPEG ─► teacher ─► features ─► the same JPEG again
        │                  ▲           ▲          ▲
        │                pixels     quality    features        what is compared
        │                  ▼           ▼          ▼
        └───────────── student ─► simulated ─► predictor

First the teacher and the predictor of the quality learn from real JPEGs; then both are frozen and
the student learns from them. What the teacher tells are its features at 1/8, and nothing goes
around them: with the skips of the U-Net open, it would pass the picture on and learn nothing.

A "real" JPEG is `exact`'s: made on the device, for a batch of qualities. On 30 photographs it was
57 dB or more in the median, and 48 dB at worst, from libjpeg-turbo's own; the student trained so
far comes to 29 to 48 dB in the median (docs/jpeg-simulators.md).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.model.transform import BLOCK, BlockTransform
from imuge.train.attacks.jpeg.exact import exact
from imuge.train.attacks.jpeg.student import CLASSES, Student, class_shares
from imuge.train.jpeg.config import SimulatorConfig
from imuge.train.losses import to_db
from imuge.train.photographs import PhotoBank

MEASURES = ("loss", "psnr", "untouched", "features", "quality")


class Predictor(nn.Module):
    """Reads from a picture at which quality it was compressed: which DCT coefficients are small.

    Args:
        width: Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.transform = BlockTransform()
        self.layers = nn.Sequential(
            nn.Conv2d(3 * BLOCK * BLOCK, width, 1),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GELU(),
        )
        self.last = nn.Linear(width, len(CLASSES))

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] to the logits of the classes, (B, len(CLASSES))."""
        sizes = torch.log1p(255 * self.transform(picture).abs())
        logits: Tensor = self.last(self.layers(sizes).mean((2, 3)))
        return logits


class Examples(NamedTuple):
    """Pictures and what JPEG made of them."""

    picture: Tensor  # (B, 3, H, W), 8 bits
    real: Tensor  # (B, 3, H, W)
    quality: Tensor  # (B,) whole numbers
    subsampled: Tensor  # (B,) 1 or 0


def draw_examples(photographs: PhotoBank, config: SimulatorConfig) -> Examples:
    """Draw crops and compress them."""
    drawn = photographs.batch(config.batch)
    device = drawn.device
    # Drawn in the order of their scales; every scale shall meet both samplings of chroma.
    picture = drawn[torch.randperm(config.batch, device=device)]
    quality = _draw_qualities(config, device)
    halved = round(config.batch * config.examples.subsampled_share)
    parts = (slice(0, halved), slice(halved, None))
    real = [
        exact(picture[part], quality[part], subsampled=subsampled)
        for part, subsampled in zip(parts, (True, False), strict=True)
        if len(picture[part])
    ]
    subsampled = (torch.arange(config.batch, device=device) < halved).float()
    return Examples(picture, torch.cat(real), quality, subsampled)


def _draw_qualities(config: SimulatorConfig, device: torch.device) -> Tensor:
    count, lowest = config.batch, config.examples.lowest_quality
    between = (lowest + (100 - lowest) * torch.rand(count, device=device)).round()
    classes = torch.tensor(CLASSES, device=device)
    of_class = classes[torch.randint(len(CLASSES), (count,), device=device)]
    chosen = torch.rand(count, device=device) < config.examples.between_share
    return torch.where(chosen, between, of_class)


@dataclass(frozen=True, slots=True, eq=False)
class Distillation:
    """The three networks of one run."""

    config: SimulatorConfig
    teacher: Student
    predictor: Predictor
    student: Student

    @classmethod
    def new(cls, config: SimulatorConfig, device: torch.device) -> "Distillation":
        """Networks that know nothing yet; the student passes pictures on as they are."""
        teacher = Student(config.network, normalized=True)
        nn.init.xavier_uniform_(teacher.last.weight)
        return cls(
            config,
            teacher.to(device),
            Predictor(config.predictor_width).to(device),
            Student(config.network, normalized=True).to(device),
        )

    def networks(self) -> dict[str, nn.Module]:
        """All three by name."""
        return {"teacher": self.teacher, "predictor": self.predictor, "student": self.student}

    def prepare(self, *, teaching: bool) -> tuple[str, ...]:
        """Freeze what does not learn now; the names of what does."""
        learning = ("teacher", "predictor") if teaching else ("student",)
        for name, network in self.networks().items():
            network.train(name in learning).requires_grad_(name in learning)
        return learning

    def teach(self, examples: Examples) -> tuple[Tensor, Tensor]:
        """The loss of teacher and predictor, and the measures."""
        rebuilt = self.teacher.rebuild(self.teacher.encode(examples.real))
        doubt = self._doubt(examples.real, examples)
        loss = self._pixels(rebuilt, examples.real) + doubt
        return loss, self._measures(loss, rebuilt, examples, loss.new_zeros(()), doubt)

    def learn(self, examples: Examples) -> tuple[Tensor, Tensor]:
        """The loss of the student, and the measures."""
        weights = self.config.losses
        simulated, features = self.student.explain(
            examples.picture, examples.quality, examples.subsampled
        )
        with torch.no_grad():
            wanted = self.teacher.encode(examples.real)
        apart = F.smooth_l1_loss(features, wanted)
        doubt = self._doubt(simulated, examples)
        loss = (
            self._pixels(simulated, examples.real)
            + weights.features * apart
            + weights.quality * doubt
        )
        return loss, self._measures(loss, simulated, examples, apart, doubt)

    def _pixels(self, picture: Tensor, real: Tensor) -> Tensor:
        return F.smooth_l1_loss(picture, real, beta=self.config.losses.square_below)

    def _doubt(self, picture: Tensor, examples: Examples) -> Tensor:
        return F.cross_entropy(self.predictor(picture), class_shares(examples.quality))

    @staticmethod
    def _measures(
        loss: Tensor, made: Tensor, examples: Examples, apart: Tensor, doubt: Tensor
    ) -> Tensor:
        found = (
            loss,
            to_db((made - examples.real).square().mean()),
            to_db((examples.picture - examples.real).square().mean()),
            apart,
            doubt,
        )
        return torch.stack([value.detach() for value in found])
