"""Our own networks as they are used, with layouts drawn at random in place of a key's."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from imuge.model.imuge.keying import Layout, random_layout
from imuge.model.imuge.localizer import code_clues
from imuge.model.imuge.payload import erase_code, home_code, scatter_code
from imuge.model.imuge.system import System
from imuge.model.protector import Examined, Protected, Protector, blend, to_8_bits
from imuge.model.transform import BLOCK

MARGIN = 4  # pixels that the recoverer's mask is wider than the found one


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemExamined(Examined):
    """What a received picture gives away, with what lies hidden in it."""

    layout: Layout
    revealed: Tensor  # (1, P, h, w), the payload
    home: Tensor  # (1, K·c, h, w), the code where it belongs


class SystemProtector(Protector[Layout, SystemExamined]):
    """A `System` in evaluation mode."""

    def __init__(self, system: System) -> None:
        self._system = system

    def protect(self, host: Tensor) -> Protected[Layout]:
        """Immunize a picture under a new layout."""
        immunized, layout = self.embed(host)
        return Protected(to_8_bits(immunized), layout)

    def embed(self, host: Tensor, template_gain: float = 1.0) -> tuple[Tensor, Layout]:
        """The immunized picture under a new layout, neither clamped nor rounded.

        Args:
            host: (1, 3, H, W) in [0, 1].
            template_gain: How strongly the signs of the template are hidden.
        """
        system, grid = self._system, (host.shape[2] // BLOCK, host.shape[3] // BLOCK)
        layout = random_layout(system.config, 1, *grid, device=host.device)
        code = scatter_code(system.encode(host), layout.permutations, layout.signs)
        payload = torch.cat([code, template_gain * layout.template], 1)
        immunized, _ = system.embed(host, payload, host.new_ones(()))
        return immunized, layout

    def examine(self, received: Tensor, secret: Layout) -> SystemExamined:
        """Reveal the payload and find where it disagrees."""
        system = self._system
        revealed = system.reveal(received)
        code = revealed[:, : system.config.total_code_channels]
        home = home_code(code, secret.inverses, secret.signs)
        clues = code_clues(home, system.encode(received)) if system.config.code_evidence else None
        logits = system.localize(received, revealed, secret.template, clues)
        return SystemExamined(
            received=received,
            probability=torch.sigmoid(logits),
            mask=(logits > 0).float(),
            layout=secret,
            revealed=revealed,
            home=home,
        )

    def restore(self, examined: SystemExamined, mask: Tensor) -> Tensor:
        """Recover from the surviving code, under a mask a little wider than the given one."""
        wide = F.max_pool2d(mask, 2 * MARGIN + 1, stride=1, padding=MARGIN)
        recovered = self._render(examined, wide, F.max_pool2d(wide, BLOCK))
        return blend(examined.received, recovered, mask)

    def inspect(self, examined: SystemExamined, host: Tensor) -> dict[str, float]:
        """`template`, the share of its signs that agree; `hidden_copy`, PSNR in dB."""
        layout = examined.layout
        signs = examined.revealed[:, -layout.template.shape[1] :]
        everything = torch.ones_like(examined.mask)
        nothing = torch.zeros_like(F.max_pool2d(examined.mask, BLOCK))
        copy = self._render(examined, everything, nothing).clamp(0, 1)
        return {
            "template": float((signs * layout.template > 0).float().mean()),
            "hidden_copy": float(-10 * (copy - host).square().mean().log10()),
        }

    def _render(self, examined: SystemExamined, mask: Tensor, erased: Tensor) -> Tensor:
        codes = erase_code(
            examined.home,
            erased,
            examined.layout.inverses,
            descriptions=self._system.config.descriptions,
        )
        return self._system.recover(examined.received, mask, codes)
