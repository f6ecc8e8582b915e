"""All networks of Imuge+ together: the steps that training runs.

    image ⊕ edges ─► INN ─► immunized, null (dropped)      image · (1 - mask) ⊕ 0 ─► INN back
    received ─► localizer ─► logits ─► `mask.rectify` ─► mask               └─► recovered, edges

There is no key: whoever has the networks can locate and recover.
"""

import torch
from torch import Tensor, nn

from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.imuge_plus.coupling import TwoWayCoupling
from imuge.model.imuge_plus.edges import edge_map
from imuge.model.imuge_plus.inn import ImugePlusInn
from imuge.model.imuge_plus.localizer import ImugePlusLocalizer
from imuge.model.networks import Networks


class ImugePlusSystem(Networks):
    """The networks and how they follow each other; a mask is 1 where tampered."""

    config_type = ImugePlusConfig
    parts = ("inn", "localizer")
    groups = (("inn",), ("localizer",))  # task decoupling: an optimizer for each
    config: ImugePlusConfig

    def __init__(self, config: ImugePlusConfig) -> None:
        super().__init__(config)
        self.inn = ImugePlusInn(config)
        self.localizer = ImugePlusLocalizer(config)

    def halves(self) -> list[nn.Module]:
        """The localizer, and the sub-nets of the INN's couplings."""
        networks: list[nn.Module] = [self.localizer]
        for coupling in self.inn.modules():
            if isinstance(coupling, TwoWayCoupling):
                networks += coupling.children()
        return networks

    def edges(self, image: Tensor) -> Tensor:
        """The edge map of a picture (B, 3, H, W), (B, 1, H, W) of 0 and 1."""
        return edge_map(image)

    def immunize(self, image: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """Hide a picture in itself.

        Args:
            image: (B, 3, H, W).
            edges: (B, 1, H, W) of 0 and 1, from `edges`.

        Returns:
            The immunized picture (B, 3, H, W), not clamped, and the null (B, 1, H, W), which
            training brings to 0.
        """
        out: Tensor = self.inn(torch.cat([image, edges], 1))
        return out[:, :3], out[:, 3:]

    def localize(self, image: Tensor) -> Tensor:
        """Find the pixels that changed.

        Args:
            image: (B, 3, H, W), the received picture.

        Returns:
            Logits (B, 1, H, W); above 0 means tampered.
        """
        logits: Tensor = self.localizer(image)
        return logits

    def recover(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Show what was there before, from the pixels outside the mask alone.

        Args:
            image: (B, 3, H, W), the received picture.
            mask: (B, 1, H, W), 1 = tampered.

        Returns:
            The recovered picture (B, 3, H, W) and edge map (B, 1, H, W), neither clamped. Both are
            whole; only the masked part is news.
        """
        known = image * (1 - mask)
        restored = self.inn.reverse(torch.cat([known, torch.zeros_like(known[:, :1])], 1))
        return restored[:, :3], restored[:, 3:]

    def settle(self) -> None:
        """Bring the localizer's spectral norms up to its weights, after others were loaded."""
        self.localizer.settle()
