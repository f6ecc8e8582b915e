"""How our own networks are trained: losses and curriculum."""

from dataclasses import dataclass, field
from typing import ClassVar

from imuge.errors import ConfigError
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.system import System
from imuge.train.config import Curriculum, Fidelity, TrainConfig
from imuge.train.imuge.publication import PublicationMix


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Weight of each training term; 0 turns a term off."""

    structure: float = 1.0  # 1 - SSIM(immunized, host)
    null: float = 0.02  # mean square of the null output
    location: float = 1.0  # cross-entropy of the mask's logits, nats a pixel
    overlap: float = 0.3  # 1 - Dice of the tampered samples
    recovery: float = 2.0  # L1 of the reconstruction in the mask, pixels in [0, 1]
    recovery_square: float = 8.0  # its mean square there
    # Of a picture: larger masks count as if of this size, or they alone would be learned from.
    recovery_area: float = 1.0
    recovery_everywhere: float = 0.2  # its L1 everywhere
    recovery_structure: float = 0.1  # 1 - SSIM of the reconstruction
    payload: float = 0.3  # L1(revealed, hidden) outside the mask
    template: float = 0.0  # logistic loss of the template's signs outside the mask
    flat_weight: float = 16.0  # how much more a flat area counts in fidelity than a busy one


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugeCurriculum(Curriculum):
    """What is made easy at first, and what a sample meets beside tampering and processing."""

    auxiliary_steps: int = 4000  # in which the recoverer also reads a payload without a channel
    # How much is left of it and the spread of its noise, from the best blocks to the worst.
    auxiliary_kept: tuple[float, float] = (1.0, 1.0)
    auxiliary_noise: tuple[float, float] = (0.4, 0.4)
    # Without a channel, nothing is embedded, revealed or localized: encoder and recoverer learn a
    # code from that noise and from erasures alone, several steps in the time of one.
    channel: bool = True
    scaled_share: float = 0.5  # samples immunized with another strength than 1
    strengths: tuple[float, float] = (0.75, 1.3)
    predicted_mask_share: float = 0.5  # samples recovered under the union with the found mask
    context_masking: float = 0.0  # samples rendered from the code alone: the hidden copy
    clue_dropout: float = 0.15  # samples localized without the code's evidence
    margin: int = 2  # pixels that a recoverer's mask is wider than the union
    # Forged samples whose forger reveals the published payload and embeds it over the edit.
    protected_again: float = 0.0
    cropped: float = 0.0  # samples of which only a part comes back
    largest_cut: float = 0.4  # of a side, at either end

    def __post_init__(self) -> None:
        """Refuse windows that hold nothing, and a payload of which nothing is left."""
        if not 0 <= self.largest_cut < 0.5:
            raise ConfigError(
                f"expected curriculum.largest_cut from 0 to below 0.5, got {self.largest_cut}"
            )
        if min(self.auxiliary_noise) < 0 or min(self.auxiliary_kept) <= 0:
            raise ConfigError(
                "expected curriculum.auxiliary_noise from 0 and auxiliary_kept above 0, "
                f"got {self.auxiliary_noise} and {self.auxiliary_kept}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugeConfig(TrainConfig):
    """A run that trains our own networks."""

    architecture: ClassVar[str] = ModelConfig.architecture
    parts: ClassVar[tuple[str, ...]] = System.parts

    model: ModelConfig = field(default_factory=ModelConfig)
    losses: LossWeights = field(default_factory=LossWeights)
    fidelity: Fidelity = field(default_factory=Fidelity)
    curriculum: ImugeCurriculum = field(default_factory=ImugeCurriculum)
    publication: PublicationMix = field(default_factory=PublicationMix)

    def __post_init__(self) -> None:
        """Refuse to train without a channel what is met in one."""
        TrainConfig.__post_init__(self)  # a class with slots has no plain super()
        trained = self.optimization.parts or self.parts
        if not (self.curriculum.channel or set(trained) <= {"payload_encoder", "recoverer"}):
            raise ConfigError(
                "expected optimization.parts of payload_encoder and recoverer alone without "
                f"curriculum.channel, got {list(trained)}"
            )

    @property
    def auxiliary_steps(self) -> int:
        """In which the recoverer also reads a payload that met no channel."""
        return self.curriculum.auxiliary_steps

    @property
    def first_fidelity_weight(self) -> float:
        """Where the controller begins."""
        return self.fidelity.first_weight
