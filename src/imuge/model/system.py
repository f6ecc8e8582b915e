"""All networks of one release together: the steps that training runs and export writes out.

The steps are `encode`, `embed`, `reveal`, `localize` and `recover`. Between them lie only
what the key draws: permutations, which move whole blocks, and signs.
"""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Self

from torch import Tensor, nn

from imuge.errors import WeightsError
from imuge.model.config import ModelConfig
from imuge.model.inn import Coupling, InvertibleNetwork
from imuge.model.layers import Residual
from imuge.model.localizer import Localizer, evidence
from imuge.model.payload import PayloadEncoder
from imuge.model.recoverer import Recoverer
from imuge.model.transform import BlockTransform
from imuge.model.weights_files import read_weights_files

SIZE_MULTIPLE = 16
NAMED_TENSORS = 3  # of those that do not fit, in an error message


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
        logits: Tensor = self.localizer(image, evidence(revealed, template), clues)
        return logits

    def recover(self, image: Tensor, mask: Tensor, codes: Tensor) -> Tensor:
        """The reconstruction (B, 3, H, W) from gathered codes (B, 26, h, w)."""
        recovered: Tensor = self.recoverer(image, mask, codes)
        return recovered

    @classmethod
    def load(cls, path: Path) -> Self:
        """Rebuild the networks of a weights file, a folder of parts or a release, strictly.

        Raises:
            WeightsError: a file is missing, is no weights file, carries no config, or parts
                disagree; or the tensors are others than the config asks for.
        """
        config, tensors = read_weights_files(path)
        system = cls(config)
        try:
            system.load_state_dict(tensors, strict=True)
        except RuntimeError as error:
            raise WeightsError(f"{path} does not fit the network it describes: {error}") from error
        return system.eval()

    def start_from(self, path: Path) -> tuple[str, ...]:
        """Take over the weights of other networks, for these new ones to be trained on.

        Networks may be larger than those of the file by whole parts that begin as nothing
        (`zero_parts`): they then compute what the others did.

        Returns:
            Names of the tensors that the file does not have, which keep their values.

        Raises:
            WeightsError: the file cannot be read, or other tensors are missing, unknown or of
                another shape.
        """
        config, tensors = read_weights_files(path)
        mine = self.state_dict()
        missing = mine.keys() - tensors.keys()
        addable: set[str] = set()
        for part in zero_parts(self):
            names = {name for name in mine if name.startswith(f"{part}.")}
            if names <= missing:
                addable |= names
        wrong = [f"{name} is missing" for name in sorted(missing - addable)]
        wrong += [f"{name} is unknown here" for name in sorted(tensors.keys() - mine.keys())]
        for name in sorted(mine.keys() & tensors.keys()):
            if (theirs := tuple(tensors[name].shape)) != (ours := tuple(mine[name].shape)):
                wrong.append(f"{name} is {theirs} there and {ours} here")
        if wrong:
            more = "; …" if len(wrong) > NAMED_TENSORS else ""
            raise WeightsError(
                f"cannot start from {path}: {'; '.join(wrong[:NAMED_TENSORS])}{more} "
                f"({_differences(config, self.config)})"
            )
        self.load_state_dict(tensors, strict=False)
        return tuple(name for name in mine if name in missing)


def zero_parts(system: System) -> Iterator[str]:
    """Names of the parts that new networks begin without: they add nothing until they are trained.

    These are all residual blocks, all couplings, and what takes in the localizer's clues.
    """
    for name, module in system.named_modules():
        if isinstance(module, Residual | Coupling) or module is system.localizer.code_stem:
            yield name


def _differences(theirs: ModelConfig, ours: ModelConfig) -> str:
    """Every setting in which two configs differ, in words."""
    before, now = asdict(theirs), asdict(ours)
    unlike = [name for name in now if before[name] != now[name]]
    texts = [f"{name} = {before[name]} there, {now[name]} here" for name in unlike]
    return "; ".join(texts) or "the settings are the same"
