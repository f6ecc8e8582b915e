"""One batch through a whole system: immunized, attacked, localized, recovered, scored.

What every architecture's trial has in common. Nothing in it may ask the device for a number, so
that a step can be recorded and replayed.
"""

import random
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn

from imuge.model.networks import Networks
from imuge.train import losses
from imuge.train.attacks.distort import distort
from imuge.train.attacks.shapes import ShapeBank
from imuge.train.attacks.tamper import Forgery, patch_hosts, tamper
from imuge.train.config import TrainConfig
from imuge.train.draws import Draw, Source
from imuge.train.losses import Across
from imuge.train.updates import TrainState

SHARED_MEASURES = ("loss", "psnr", "f1", "false_area", "recovered")
Config = TypeVar("Config", bound=TrainConfig)
System = TypeVar("System", bound=Networks)
Drawn = TypeVar("Drawn", bound=Draw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a batch became on its way."""

    hosts: Tensor  # (B, 3, H, W), as immunized
    immunized: Tensor  # as the networks gave it, neither clamped nor rounded
    published: Tensor  # (B, 3, H, W), 8 bits
    received: Tensor  # (B, 3, H, W), 8 bits
    mask: Tensor  # (B, 1, H, W), the true one
    logits: Tensor  # (B, 1, H, W)
    context: Tensor  # (B, 1, H, W), 1 where recovery saw no picture
    recovered: Tensor  # (B, 3, H, W)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """What a batch gave, without pictures."""

    loss: Tensor  # 0-dim
    measures: Tensor  # one number for each of the trial's `measures`, without a gradient
    square: Tensor  # 0-dim, mean square change of the immunized pictures, of all processes


class StepClock:
    """Milliseconds of each part of a step; waits for the device, so never while recording."""

    def __init__(self) -> None:
        self.running = False
        self.milliseconds: dict[str, float] = {}
        self._last = 0.0

    def start(self) -> None:
        """Forget what was measured and begin anew."""
        self.running = True
        self.milliseconds.clear()
        wait_for_device()
        self._last = time.perf_counter()

    def mark(self, part: str) -> None:
        """All since the last mark was `part`."""
        if not self.running:
            return
        wait_for_device()
        now = time.perf_counter()
        self.milliseconds[part] = self.milliseconds.get(part, 0.0) + 1000 * (now - self._last)
        self._last = now


def wait_for_device() -> None:
    """Wait until a GPU has done what it was asked; a processor has when it returns."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class Trial(nn.Module, Generic[Config, System, Drawn]):
    """Networks and their losses. `forward` is what one training step differentiates."""

    measures: ClassVar[tuple[str, ...]] = SHARED_MEASURES

    def __init__(
        self,
        system: System,
        config: Config,
        shapes: ShapeBank,
        state: TrainState,
        *,
        across: Across = lambda number: number,
        compiled: bool = False,
        clock: StepClock | None = None,
    ) -> None:
        super().__init__()
        self.system = system
        self.config = config
        self._shapes = shapes
        self._state = state
        self._across = across
        self._mark: Callable[[str], None] = clock.mark if clock else lambda _: None
        self._tamper, self._distort = tamper, distort
        if compiled:
            self._tamper = torch.compile(tamper, dynamic=False)
            self._distort = torch.compile(distort, dynamic=False)

    @abstractmethod
    def draw(self, source: Source, chooser: random.Random) -> Drawn:
        """Draw all that chance decides in a step.

        Args:
            source: Of pictures and attacks.
            chooser: Draws how many samples each kind of attack gets.
        """

    @abstractmethod
    def run(self, draw: Drawn) -> Seen:
        """Let a batch meet its fate."""

    @abstractmethod
    def forward(self, draw: Drawn, *, auxiliary: bool) -> TrialResult:
        """Run a batch and score it.

        Args:
            draw: The batch and its fate.
            auxiliary: Whether the step has the auxiliary pass (`TrainConfig.auxiliary_steps`).
        """

    def control(self, square: Tensor) -> None:
        """Let a controller act on a step's result; most architectures have none.

        Args:
            square: Mean square change of the immunized pictures of this step.
        """

    def _level(self) -> Tensor:
        """How hard the attacks are, 0..1."""
        return self._state.ramp(self.config.curriculum.attack_steps)

    def _hosts(self, draw: Drawn) -> Tensor:
        """The pictures to immunize, with tamper-based augmentation where the config asks for it."""
        if self.config.tamper.patched_hosts > 0:
            return patch_hosts(draw.hosts, draw.tampering, self._shapes)
        return draw.hosts

    def _attack(self, draw: Drawn, hosts: Tensor, published: Tensor) -> tuple[Tensor, Tensor]:
        """Tamper with and then process published pictures; returns them and the true masks."""
        forged = self._forge(draw, hosts, published)
        self._mark("tamper")
        received = self._distort(forged.picture, draw.distortion)
        self._mark("distort")
        return received, forged.mask

    def _forge(self, draw: Drawn, hosts: Tensor, published: Tensor) -> Forgery:
        """Tamper with published pictures; an architecture may know of more that a forger does."""
        return self._tamper(hosts, published, draw.tampering, self._shapes)

    def _measure(self, seen: Seen, loss: Tensor, square: Tensor) -> tuple[Tensor, ...]:
        """`SHARED_MEASURES` of a batch."""
        found = (seen.logits.detach() > 0).float()
        error = (seen.recovered.detach() - seen.hosts).square()
        return (
            loss.detach(),
            losses.to_db(square),
            2 * (found * seen.mask).sum() / (found.sum() + seen.mask.sum()).clamp_min(1),
            losses.masked_mean(found, 1 - seen.mask, self._across),
            losses.to_db(losses.masked_mean(error, seen.context, self._across)),
        )
