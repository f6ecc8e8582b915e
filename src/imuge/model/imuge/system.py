"""All networks of one release together: the steps that training runs and export writes out.

The steps are `encode`, `embed`, `reveal`, `localize` and `recover`. Between them lie only
what the key draws: permutations, which move whole blocks, and signs.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.inn import Coupling, InvertibleNetwork
from imuge.model.imuge.localizer import Localizer, ThresholdLocalizer
from imuge.model.imuge.payload import PayloadEncoder
from imuge.model.imuge.recoverer import Recoverer
from imuge.model.layers import Residual
from imuge.model.networks import Networks
from imuge.model.transform import BlockTransform

FIRST_GAIN = 0.03  # what the payload may move a coefficient at first, pixels in [0, 1]
LEAST_DEVIATION = 4e-3  # of a coefficient, where photographs have next to nothing


class System(Networks):
    """The networks and how they follow each other; block grid h = H/8, w = W/8."""

    config_type = ModelConfig
    parts = ("payload_encoder", "inn", "localizer", "recoverer")
    groups = (parts,)
    config: ModelConfig

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.transform = BlockTransform()
        self.payload_encoder = PayloadEncoder(config)
        self.inn = InvertibleNetwork(config)
        self.localizer: Localizer | ThresholdLocalizer = (
            Localizer(config) if config.localizer == "network" else ThresholdLocalizer()
        )
        self.recoverer = Recoverer(config)

    def coefficients(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) to normalized coefficients (B, 192, h, w)."""
        out: Tensor = self.transform(image) / self.inn.coef_std
        return out

    def encode(self, image: Tensor) -> Tensor:
        """The recovery code of a picture, in place: (B, 24, h, w)."""
        code: Tensor = self.payload_encoder(self.coefficients(image))
        return code

    def embed(self, image: Tensor, payload: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        """Hide `payload` (B, 30, h, w); strength scales the change, 1 is what was trained.

        Returns:
            The immunized picture (B, 3, H, W), not clamped, and the null (B, 30, h, w).
        """
        marked, null = self.inn(self.coefficients(image), payload)
        published = self.transform.inverse(marked * self.inn.coef_std)
        return image + strength * (published - image), null

    def reveal(self, image: Tensor) -> Tensor:
        """The payload of a received picture, (B, 30, h, w)."""
        coefficients = self.coefficients(image)
        batch, _, rows, columns = coefficients.shape
        null = coefficients.new_zeros((batch, self.inn.payload_channels, rows, columns))
        revealed: Tensor = self.inn.reverse(coefficients, null)[1]
        return revealed

    def localize(
        self, image: Tensor, revealed: Tensor, template: Tensor, clues: Tensor | None = None
    ) -> Tensor:
        """Find the pixels that changed.

        Args:
            image: (B, 3, H, W), the received picture.
            revealed: (B, 30, h, w), its payload.
            template: (B, 6, h, w) of ±1, the template it should carry.
            clues: (B, 48, h, w) from `code_clues`; None or zeros where the key cannot tell them.
                Only for networks with `code_evidence`.

        Returns:
            Logits (B, 1, H, W); above 0 means tampered.
        """
        logits: Tensor = self.localizer(image, revealed, template, clues)
        return logits

    def recover(self, image: Tensor, mask: Tensor, codes: Tensor) -> Tensor:
        """The reconstruction (B, 3, H, W) from gathered codes (B, 26, h, w)."""
        recovered: Tensor = self.recoverer(image, mask, codes)
        return recovered

    @torch.no_grad()
    def fit(self, crops: Sequence[Tensor]) -> None:
        """Coefficients of unit variance, and a payload that at first moves them a little."""
        squares = [self.transform(part).square().mean((0, 2, 3)) for part in crops]
        deviation = torch.stack(squares).mean(0).sqrt().clamp_min(LEAST_DEVIATION).view(1, -1, 1, 1)
        self.inn.coef_std.copy_(deviation)
        self.inn.gain.copy_(FIRST_GAIN / deviation)

    def halves(self) -> list[nn.Module]:
        """The four networks; of the INN only what its couplings compute with."""
        networks: list[nn.Module] = [self.payload_encoder, self.localizer, self.recoverer]
        for block in self.inn.blocks:
            assert isinstance(block, Coupling)
            networks += [block.phi, block.eta]
        return networks

    def zero_parts(self) -> Iterator[str]:
        """All residual blocks, all couplings, and what takes in the localizer's clues."""
        for name, module in self.named_modules():
            if isinstance(module, Residual | Coupling) or name == "localizer.code_stem":
                yield name
