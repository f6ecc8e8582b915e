"""One batch through the whole system: immunized, attacked, revealed, localized, recovered, scored.

    hosts ─ embed ─► published ─ tamper ─► forged ─ distort ─► received ─ reveal ─► payload
                                                                  │                    │
                                       losses ◄── recovered ◄─────┴── localize ◄───────┘

Nothing here asks the device for a number, so a step can be recorded and replayed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from imuge.attacks.distort import distort
from imuge.attacks.rounding import round_to_8_bits
from imuge.attacks.shapes import ShapeBank
from imuge.attacks.tamper import patch_hosts, tamper
from imuge.model.localizer import code_clues
from imuge.model.payload import erase_code, gather_code, home_code, scatter_code
from imuge.model.system import System
from imuge.model.transform import BLOCK
from imuge.train import losses
from imuge.train.config import TrainConfig
from imuge.train.draws import Draw
from imuge.train.losses import Across

MEASURES = ("loss", "psnr", "f1", "false_area", "recovered", "template")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How far training has come, as 0-dim tensors on the device."""

    level: Tensor  # 0..1, how hard the attacks are
    ramp: Tensor  # 0..1, how far the fidelity target has risen
    fidelity_weight: Tensor  # the controller's


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that a batch became on its way."""

    hosts: Tensor  # (B, 3, H, W), as immunized
    immunized: Tensor  # at strength 1, neither clamped nor rounded
    null: Tensor  # (B, P, h, w)
    hidden: Tensor  # (B, P, h, w), the payload
    published: Tensor  # (B, 3, H, W), at its own strength, 8 bits
    received: Tensor
    mask: Tensor  # (B, 1, H, W), the true one
    revealed: Tensor  # (B, P, h, w)
    logits: Tensor  # (B, 1, H, W)
    erased: Tensor  # (B, 1, h, w), blocks whose code is lost
    context: Tensor  # (B, 1, H, W), 1 where the recoverer saw no picture
    recovered: Tensor  # (B, 3, H, W)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a batch gave, without pictures."""

    loss: Tensor  # 0-dim
    measures: Tensor  # (len(MEASURES),), without a gradient
    square: Tensor  # 0-dim, mean square change of the immunized pictures, of all processes


class Clock:
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


class Trial(nn.Module):
    """The system and its losses. `forward` is what one training step differentiates."""

    def __init__(
        self,
        system: System,
        config: TrainConfig,
        shapes: ShapeBank,
        *,
        across: Across = lambda number: number,
        compiled: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        self.system = system
        self.config = config
        self._shapes = shapes
        self._across = across
        self._mark: Callable[[str], None] = clock.mark if clock else lambda _: None
        # A localizer that is trained alone needs no reconstruction.
        self._recovers = config.optimization.parts != ("localizer",)
        self._tamper, self._distort, self._score = tamper, distort, self._losses
        if compiled:
            self._tamper = torch.compile(tamper, dynamic=False)
            self._distort = torch.compile(distort, dynamic=False)
            self._score = torch.compile(self._losses, dynamic=False)

    def forward(self, draw: Draw, pace: Pace, *, auxiliary: bool) -> Result:
        """Run a batch.

        Args:
            draw: The batch and its fate.
            pace: Schedules.
            auxiliary: Whether the recoverer also learns from a payload that met no channel.
        """
        seen = self.run(draw)
        helped = self._without_channel(draw, seen) if auxiliary else None
        self._mark("recover")
        result = self._score(draw, pace, seen, helped)
        self._mark("losses")
        return result

    def run(self, draw: Draw) -> Seen:
        """Let a batch meet its fate."""
        system, layout = self.system, draw.layout
        hosts = draw.hosts
        if self.config.tamper.patched_hosts > 0:
            hosts = patch_hosts(hosts, draw.tampering, self._shapes)
        scattered = scatter_code(system.encode(hosts), layout.permutations, layout.signs)
        hidden = torch.cat([scattered, layout.template], 1)
        immunized, null = system.embed(hosts, hidden, hosts.new_ones(()))
        published = round_to_8_bits(hosts + draw.strength * (immunized - hosts))
        self._mark("embed")
        forged = self._tamper(hosts, published, draw.tampering, self._shapes)
        self._mark("tamper")
        received = self._distort(forged.picture, draw.distortion)
        self._mark("distort")
        revealed = system.reveal(received)
        self._mark("reveal")
        home = home_code(self._code(revealed), layout.inverses, layout.signs)
        clues = self._clues(draw, received, home) if self.config.model.code_evidence else None
        logits = system.localize(received, revealed, layout.template, clues)
        self._mark("localize")
        wide = self._recovery_mask(draw, forged.mask, logits)
        erased = F.max_pool2d(wide, BLOCK)
        codes = erase_code(home, erased, layout.inverses)
        context = torch.maximum(wide, draw.blind)
        return Seen(
            hosts=hosts,
            immunized=immunized,
            null=null,
            hidden=hidden,
            published=published,
            received=received,
            mask=forged.mask,
            revealed=revealed,
            logits=logits,
            erased=erased,
            context=context,
            recovered=system.recover(received, context, codes) if self._recovers else received,
        )

    def _code(self, payload: Tensor) -> Tensor:
        return payload[:, : self.config.model.total_code_channels]

    def _clues(self, draw: Draw, received: Tensor, home: Tensor) -> Tensor:
        """Where hidden copy and picture disagree; nothing for a part of the samples.

        A verify-only key cannot place the code, so the localizer must know how to do without.
        """
        norm = self.system.payload_encoder.norm
        learning = norm.training
        norm.eval()  # the moments are those of pictures as they are immunized
        with torch.no_grad():
            visible = self.system.encode(received)
        norm.train(learning)
        return code_clues(home, visible) * draw.clued

    def _recovery_mask(self, draw: Draw, mask: Tensor, logits: Tensor) -> Tensor:
        """The true mask, or a little more than the union of true and found ones."""
        side = 2 * self.config.curriculum.margin + 1
        found = torch.maximum(mask, (logits.detach() > 0).float())
        union = F.max_pool2d(found, side, stride=1, padding=side // 2)
        return torch.where(draw.predicted > 0, union, mask)

    def _without_channel(self, draw: Draw, seen: Seen) -> Tensor:
        """Recover from the hidden payload itself, a little noisy."""
        noisy = seen.hidden + self.config.curriculum.auxiliary_noise * draw.noise
        layout = draw.layout
        codes = gather_code(self._code(noisy), seen.erased, layout.inverses, layout.signs)
        return self.system.recover(seen.hosts, seen.context, codes)

    def _losses(self, draw: Draw, pace: Pace, seen: Seen, helped: Tensor | None) -> Result:
        weights, across, hosts = self.config.losses, self._across, seen.hosts
        template = draw.layout.template
        signs = seen.revealed[:, -template.shape[1] :]
        kept = 1 - F.max_pool2d(seen.erased, 3, stride=1, padding=1)
        shown = losses.fidelity(seen.immunized, hosts, flat_weight=weights.flat_weight)
        loss = (
            pace.fidelity_weight * shown
            + weights.structure * pace.ramp * losses.dissimilarity(seen.immunized, hosts)
            + weights.null * seen.null.square().mean()
            + weights.location * losses.location(seen.logits, seen.mask)
            + weights.overlap * losses.overlap(seen.logits, seen.mask, across)
            + self._recovery_loss(seen.recovered - hosts, seen.context)
            + weights.recovery_everywhere * (seen.recovered - hosts).abs().mean()
            + weights.recovery_structure * losses.dissimilarity(seen.recovered, hosts)
            + weights.payload * losses.payload(seen.revealed, seen.hidden, kept)
            + weights.template * losses.template(signs, template, kept)
        )
        if helped is not None:
            loss = loss + 0.5 * self._recovery_loss(helped - hosts, seen.context)
        square = across((seen.immunized - hosts).detach().square().mean())
        found = (seen.logits.detach() > 0).float()
        error = (seen.recovered.detach() - hosts).square()
        agreeing = (signs.detach() * template > 0).float()
        measures = (
            loss.detach(),
            losses.to_db(square),
            2 * (found * seen.mask).sum() / (found.sum() + seen.mask.sum()).clamp_min(1),
            losses.masked_mean(found, 1 - seen.mask, across),
            losses.to_db(losses.masked_mean(error, seen.context, across)),
            losses.masked_mean(agreeing, kept, across),
        )
        return Result(loss=loss, measures=torch.stack(measures), square=square)

    def _recovery_loss(self, error: Tensor, context: Tensor) -> Tensor:
        weights = self.config.losses
        absolute = losses.masked_mean(error.abs(), context, self._across)
        square = losses.masked_mean(error.square(), context, self._across)
        return weights.recovery * absolute + weights.recovery_square * square
