"""One batch through the paper's system, Imuge+ (arXiv:2210.15902).

    hosts ─┐                                                  ┌─ localizer ─► its own loss
           ├─ INN ─► published ─ tamper, distort ─► received ─┤
    edges ─┘    └─► null                                      └─ × (1 - mask) ─ INN back ─► shown

Task decoupling: the localizer learns from received pictures as they are, and the INN is told of the
mask only by a tiny gradient through a localizer that stands still. The INN recovers under the true
mask. Three things differ from the released code, each a fault there: recovery is measured against
the host itself and not against a processed one, published pictures have 8 bits before they are
tampered with, and untouched pictures are among the samples (`tamper.untouched`).
"""

import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.func import functional_call

from imuge.model.imuge_plus.system import ImugePlusSystem
from imuge.train import losses
from imuge.train.attacks.rounding import round_to_8_bits
from imuge.train.draws import Draw, Source
from imuge.train.imuge_plus.config import ImugePlusTraining
from imuge.train.trial import Seen, Trial, TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugePlusSeen(Seen):
    """Everything that a batch became on its way."""

    null: Tensor  # (B, 1, H, W)
    edges: Tensor  # (B, 1, H, W), of the hosts
    recovered_edges: Tensor  # (B, 1, H, W)


class ImugePlusTrial(Trial[ImugePlusTraining, ImugePlusSystem, Draw]):
    """The paper's system and its losses."""

    def draw(self, source: Source, chooser: random.Random) -> Draw:
        """Draw pictures and attacks; there are no keys."""
        return source.draw(level=self._level(), chooser=chooser)

    def run(self, draw: Draw) -> ImugePlusSeen:
        """Let a batch meet its fate."""
        system, hosts = self.system, self._hosts(draw)
        edges = system.edges(hosts)
        immunized, null = system.immunize(hosts, edges)
        published = round_to_8_bits(immunized)
        self._mark("immunize")
        received, mask = self._attack(draw, hosts, published)
        logits = system.localize(received.detach())
        self._mark("localize")
        recovered, recovered_edges = system.recover(received, mask)
        self._mark("recover")
        return ImugePlusSeen(
            hosts=hosts,
            immunized=immunized,
            null=null,
            edges=edges,
            published=published,
            received=received,
            mask=mask,
            logits=logits,
            context=mask,
            recovered=recovered,
            recovered_edges=recovered_edges,
        )

    def forward(self, draw: Draw, *, auxiliary: bool) -> TrialResult:
        """Run a batch and score it.

        Args:
            draw: The batch and its fate.
            auxiliary: Must be false: there is no auxiliary pass.
        """
        assert not auxiliary, "Imuge+ is trained without an auxiliary pass"
        seen = self.run(draw)
        square = self._across((seen.immunized - seen.hosts).detach().square().mean())
        judged = losses.location(self._judge(seen.received), seen.mask)
        loss = (
            losses.location(seen.logits, seen.mask)  # moves the localizer alone
            + self._inn_loss(seen, square)
            + self.config.losses.location * judged
        )
        measures = torch.stack(self._measure(seen, loss, square))
        self._mark("losses")
        return TrialResult(loss=loss, measures=measures, square=square)

    def _inn_loss(self, seen: ImugePlusSeen, square: Tensor) -> Tensor:
        """Fidelity, null and recovery."""
        weights = self.config.losses

        def distance(a: Tensor, b: Tensor) -> Tensor:
            return F.smooth_l1_loss(a, b, beta=weights.beta)

        recovery = (
            weights.recovered * distance(seen.recovered, seen.hosts)
            + weights.recovered_masked
            * distance(seen.recovered * seen.mask, seen.hosts * seen.mask)
            + weights.edges * distance(seen.recovered_edges, seen.edges)
        )
        above_db = losses.to_db(square) - weights.target_db
        share = (weights.share_at_target * weights.growth**above_db).clamp(max=1)
        return (
            weights.immunized * distance(seen.immunized, seen.hosts)
            + weights.null * distance(seen.null, torch.zeros_like(seen.null))
            + share * recovery
        )

    def _judge(self, received: Tensor) -> Tensor:
        """The localizer's logits with a gradient to the pictures and none to the localizer."""
        localizer = self.system.localizer
        still = {name: value.detach() for name, value in localizer.named_parameters()}
        learning = localizer.training
        localizer.eval()  # or the spectral norms' power iterations would take another turn
        logits: Tensor = functional_call(localizer, still, (received,))
        localizer.train(learning)
        return logits
