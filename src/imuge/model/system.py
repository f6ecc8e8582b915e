"""All networks of one release together: the steps that training runs and export writes out.

The steps are `encode`, `embed`, `reveal`, `localize` and `recover`. Between them lie only
permutations, which the key draws and which move whole blocks.
"""

from pathlib import Path
from typing import Self

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from imuge.errors import ConfigError, WeightsError
from imuge.model.config import ModelConfig
from imuge.model.inn import InvertibleNetwork
from imuge.model.localizer import Localizer, evidence
from imuge.model.payload import PayloadEncoder
from imuge.model.recoverer import Recoverer
from imuge.model.transform import BlockTransform

SIZE_MULTIPLE = 16


class System(nn.Module):
    """The networks and how they follow each other.

    Conventions: float32 (B, C, H, W), RGB in [0, 1], H and W multiples of 16; block grid
    h = H/8, w = W/8.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.transform = BlockTransform()
        self.payload_encoder = PayloadEncoder(config)
        self.inn = InvertibleNetwork(config)
        self.localizer = Localizer(config)
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

    def localize(self, image: Tensor, revealed: Tensor, template: Tensor) -> Tensor:
        """Logits (B, 1, H, W); above 0 means tampered."""
        logits: Tensor = self.localizer(image, evidence(revealed, template))
        return logits

    def recover(self, image: Tensor, mask: Tensor, codes: Tensor) -> Tensor:
        """The reconstruction (B, 3, H, W) from gathered codes (B, 26, h, w)."""
        recovered: Tensor = self.recoverer(image, mask, codes)
        return recovered

    @classmethod
    def load(cls, path: Path) -> Self:
        """Rebuild the networks of a weights file and load it, strictly.

        Raises:
            WeightsError: the file is missing, is no safetensors file, carries no config, or holds
                other tensors than its config asks for.
        """
        try:
            with safe_open(path, framework="pt") as stored:
                text = (stored.metadata() or {}).get("config")
                tensors = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"cannot read weights {path}: {error}") from error
        if text is None:
            raise WeightsError(f"{path} carries no config, so its network cannot be rebuilt")
        try:
            system = cls(ModelConfig.from_json(text))
            system.load_state_dict(tensors, strict=True)
        except (ConfigError, RuntimeError, ValueError) as error:
            raise WeightsError(f"{path} does not fit the network it describes: {error}") from error
        return system.eval()
