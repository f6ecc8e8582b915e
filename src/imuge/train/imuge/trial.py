"""One batch through our own system: immunized, attacked, revealed, localized, recovered, scored.

hosts ─ embed ─ publish ─► published ─ forge ─► forged ─ distort, cut ─► received ─ reveal ─┐
                                                                            │               │
                                                 losses ◄── recovered ◄─────┴── localize ◄──┘
"""

import random
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from imuge.model.imuge.localizer import code_clues
from imuge.model.imuge.payload import (
    erase_code,
    gather_code,
    home_code,
    kept_numbers,
    scatter_code,
)
from imuge.model.imuge.system import System
from imuge.model.transform import BLOCK
from imuge.train import losses
from imuge.train.attacks.shapes import ShapeBank
from imuge.train.attacks.tamper import Forgery
from imuge.train.draws import Source
from imuge.train.imuge.config import ImugeConfig
from imuge.train.imuge.draws import ImugeDraw, draw_step
from imuge.train.imuge.publication import publish
from imuge.train.imuge.window import counted, inside, known_blocks, reflected
from imuge.train.losses import Across
from imuge.train.trial import SHARED_MEASURES, Seen, StepClock, Trial, TrialResult
from imuge.train.updates import TrainState

UNTOUCHED = -20.0  # logit of what cannot be judged: no loss, no gradient, nothing found


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugeSeen(Seen):
    """Everything that a batch became on its way."""

    null: Tensor  # (B, P, h, w)
    hidden: Tensor  # (B, P, h, w), the payload
    revealed: Tensor  # (B, P, h, w)
    erased: Tensor  # (B, 1, h, w), blocks whose code is lost


class ImugeTrial(Trial[ImugeConfig, System, ImugeDraw]):
    """Our system and its losses."""

    measures: ClassVar[tuple[str, ...]] = (*SHARED_MEASURES, "template")

    def __init__(
        self,
        system: System,
        config: ImugeConfig,
        shapes: ShapeBank,
        state: TrainState,
        *,
        across: Across = lambda number: number,
        compiled: bool = False,
        clock: StepClock | None = None,
    ) -> None:
        super().__init__(
            system, config, shapes, state, across=across, compiled=compiled, clock=clock
        )
        # A localizer that is trained alone needs no reconstruction.
        self._recovers = self.config.optimization.parts != ("localizer",)
        # What is hidden, and how, can only be judged where it can still change.
        self._channel = self.config.curriculum.channel
        frozen = set(self.config.frozen_parts)
        self._hides = self._channel and not {"payload_encoder", "inn"} <= frozen
        self._score = self._losses
        if compiled:
            self._score = torch.compile(self._losses, dynamic=False)

    def draw(self, source: Source, chooser: random.Random) -> ImugeDraw:
        """Draw pictures, attacks, keys and what else a step needs."""
        return draw_step(self.config, source, level=self._level(), chooser=chooser)

    def forward(self, draw: ImugeDraw, *, auxiliary: bool) -> TrialResult:
        """Run a batch and score it; the recoverer also learns from a payload without a channel.

        Args:
            draw: The batch and its fate.
            auxiliary: Whether it does.
        """
        seen = self.run(draw)
        helped = self._without_channel(draw, seen) if auxiliary else None
        self._mark("recover")
        ramp = self._state.ramp(self.config.fidelity.ramp_steps)
        result = self._score(draw, seen, helped, ramp, self._state.fidelity_weight)
        self._mark("losses")
        return result

    def control(self, square: Tensor) -> None:
        """Hold the fidelity that the config asks for."""
        self._state.control(self.config.fidelity, square)

    def run(self, draw: ImugeDraw) -> ImugeSeen:
        """Let a batch meet its fate."""
        if not self._channel:
            return self._run_without_channel(draw)
        system, layout = self.system, draw.layout
        hosts = self._hosts(draw)
        hidden = self._payload(draw, hosts)
        immunized, null = system.embed(hosts, hidden, hosts.new_ones(()))
        published = publish(hosts, immunized - hosts, draw.publication)
        self._mark("embed")
        received, mask = self._attack(draw, hosts, published)
        received = reflected(received, draw.windows)
        within = inside(draw.windows, *hosts.shape[2:])
        revealed = self._reveal(draw, received, within)
        self._mark("reveal")
        home = self._home(draw, revealed)
        clues = self._clues(draw, received, home, within)
        logits = system.localize(received, revealed, layout.template, clues)
        # What cannot be judged counts as untouched, so that nothing is learned from it.
        judged = counted(within)
        logits, mask = logits.where(judged > 0, UNTOUCHED), mask * judged
        self._mark("localize")
        wide = torch.maximum(self._recovery_mask(draw, mask, logits), 1 - within)
        erased, context, recovered = self._recover(draw, received, home, wide)
        return ImugeSeen(
            hosts=hosts,
            immunized=immunized,
            null=null,
            hidden=hidden,
            published=published,
            received=received,
            mask=mask,
            revealed=revealed,
            logits=logits,
            erased=erased,
            context=context,
            recovered=recovered,
        )

    def _run_without_channel(self, draw: ImugeDraw) -> ImugeSeen:
        """Let the code meet noise and erasures, where no picture carries it."""
        hosts = self._hosts(draw)
        hidden = self._payload(draw, hosts)
        self._mark("embed")
        received, mask = self._attack(draw, hosts, hosts)
        revealed = self._worn(draw, hidden)
        home = self._home(draw, revealed)
        wide = torch.maximum(mask, 1 - inside(draw.windows, *hosts.shape[2:]))
        erased, context, recovered = self._recover(draw, received, home, wide)
        return ImugeSeen(
            hosts=hosts,
            immunized=hosts,
            null=torch.zeros_like(hidden),
            hidden=hidden,
            published=hosts,
            received=received,
            mask=mask,
            revealed=revealed,
            logits=torch.full_like(mask, UNTOUCHED),
            erased=erased,
            context=context,
            recovered=recovered,
        )

    def _payload(self, draw: ImugeDraw, hosts: Tensor) -> Tensor:
        """What is hidden, (B, P, h, w)."""
        code, layout = self.system.encode(hosts), draw.layout
        template = draw.publication.template.view(-1, 1, 1, 1) * layout.template
        return torch.cat([scatter_code(code, layout.permutations, layout.signs), template], 1)

    def _worn(self, draw: ImugeDraw, hidden: Tensor) -> Tensor:
        """What is left of a payload, in place of a channel."""
        return hidden * draw.kept + draw.noise

    def _home(self, draw: ImugeDraw, payload: Tensor) -> Tensor:
        """The code of a revealed payload in its place, (B, K·c, h, w)."""
        return home_code(self._code(payload), draw.layout.inverses, draw.layout.signs)

    def _recover(
        self, draw: ImugeDraw, received: Tensor, home: Tensor, wide: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruct what is masked in `wide`, (B, 1, H, W).

        Returns:
            Blocks whose code is lost, where recovery saw no picture, and the reconstruction.
        """
        erased = F.max_pool2d(wide, BLOCK)
        context = torch.maximum(wide, draw.blind)
        if not self._recovers:
            return erased, context, received
        descriptions = self.config.model.descriptions
        codes = erase_code(home, erased, draw.layout.inverses, descriptions=descriptions)
        return erased, context, self.system.recover(received, context, codes)

    def _forge(self, draw: ImugeDraw, hosts: Tensor, published: Tensor) -> Forgery:
        """Some forgers reveal the published payload and embed it again over their edit.

        They need no key for it: the template is then intact, and what the code tells is not what
        is seen.
        """
        forged = super()._forge(draw, hosts, published)
        if not len(draw.again):
            return forged
        with torch.no_grad():
            payload = self.system.reveal(published.index_select(0, draw.again))
            edited = forged.picture.index_select(0, draw.again)
            marked, _ = self.system.embed(edited, payload, edited.new_ones(()))
            region = forged.mask.index_select(0, draw.again)
            edited = torch.lerp(edited, marked.clamp(0, 1), region)
        return Forgery(forged.picture.index_copy(0, draw.again, edited), forged.mask)

    def _reveal(self, draw: ImugeDraw, received: Tensor, within: Tensor) -> Tensor:
        """The payload; outside of a window its code is nothing and its template as expected."""
        revealed, expected = self.system.reveal(received), draw.layout.template
        known = known_blocks(within)
        found = revealed[:, -expected.shape[1] :].where(known > 0, expected)
        return torch.cat([self._code(revealed) * known, found], 1)

    def _code(self, payload: Tensor) -> Tensor:
        return payload[:, : self.config.model.total_code_channels]

    def _clues(
        self, draw: ImugeDraw, received: Tensor, home: Tensor, within: Tensor
    ) -> Tensor | None:
        """Where hidden copy and picture disagree; nothing where the code lay outside of a window.

        Nothing for a part of the samples, either: a verify-only key cannot place the code, so the
        localizer must know how to do without.
        """
        config = self.config.model
        if not config.code_evidence:
            return None
        norm = self.system.payload_encoder.norm
        learning = norm.training
        norm.eval()  # the moments are those of pictures as they are immunized
        with torch.no_grad():
            visible = self.system.encode(received)
        norm.train(learning)
        missing = 1 - known_blocks(within)
        there = kept_numbers(missing, draw.layout.inverses, config.total_code_channels)
        return code_clues(home, visible) * torch.cat([there, there], 1) * draw.clued

    def _recovery_mask(self, draw: ImugeDraw, mask: Tensor, logits: Tensor) -> Tensor:
        """The true mask, or a little more than the union of true and found ones."""
        side = 2 * self.config.curriculum.margin + 1
        found = torch.maximum(mask, (logits.detach() > 0).float())
        union = F.max_pool2d(found, side, stride=1, padding=side // 2)
        return torch.where(draw.predicted > 0, union, mask)

    def _without_channel(self, draw: ImugeDraw, seen: ImugeSeen) -> Tensor:
        """Recover from the hidden payload itself, a little worn."""
        layout, worn = draw.layout, self._code(self._worn(draw, seen.hidden))
        codes = gather_code(
            worn,
            seen.erased,
            layout.inverses,
            layout.signs,
            descriptions=self.config.model.descriptions,
        )
        return self.system.recover(seen.hosts, seen.context, codes)

    def _losses(
        self,
        draw: ImugeDraw,
        seen: ImugeSeen,
        helped: Tensor | None,
        ramp: Tensor,
        fidelity_weight: Tensor,
    ) -> TrialResult:
        weights, across, hosts = self.config.losses, self._across, seen.hosts
        template = draw.layout.template
        signs = seen.revealed[:, -template.shape[1] :]
        kept = 1 - F.max_pool2d(seen.erased, 3, stride=1, padding=1)
        loss = hosts.new_zeros(())
        if self._channel:
            loss = weights.location * losses.location(
                seen.logits, seen.mask
            ) + weights.overlap * losses.overlap(seen.logits, seen.mask, across)
        if self._recovers:
            loss = loss + (
                self._recovery_loss(seen.recovered - hosts, seen.context)
                + weights.recovery_everywhere * (seen.recovered - hosts).abs().mean()
                + weights.recovery_structure * losses.dissimilarity(seen.recovered, hosts)
            )
        if self._hides:
            shown = losses.fidelity(seen.immunized, hosts, flat_weight=weights.flat_weight)
            loss = loss + (
                fidelity_weight * shown
                + weights.structure * ramp * losses.dissimilarity(seen.immunized, hosts)
                + weights.null * seen.null.square().mean()
                + weights.payload * losses.payload(seen.revealed, seen.hidden, kept)
                + weights.template * losses.template(signs, template, kept)
            )
        if helped is not None:
            loss = loss + 0.5 * self._recovery_loss(helped - hosts, seen.context)
        square = across((seen.immunized - hosts).detach().square().mean())
        agreeing = (signs.detach() * template > 0).float()
        measures = (
            *self._measure(seen, loss, square),
            losses.masked_mean(agreeing, kept, across),
        )
        return TrialResult(loss=loss, measures=torch.stack(measures), square=square)

    def _recovery_loss(self, error: Tensor, context: Tensor) -> Tensor:
        weights = self.config.losses
        mask = losses.area_limited(context, weights.recovery_area)
        absolute = losses.masked_mean(error.abs(), mask, self._across)
        square = losses.masked_mean(error.square(), mask, self._across)
        return weights.recovery * absolute + weights.recovery_square * square
