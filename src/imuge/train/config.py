"""Everything that decides how a training run goes: read from TOML, checked, stored with the run."""

import dataclasses
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from imuge.attacks.distort_mix import DistortMix
from imuge.attacks.tamper_draw import TamperMix
from imuge.errors import ConfigError
from imuge.files import reason
from imuge.model.config import ModelConfig
from imuge.model.system import SIZE_MULTIPLE
from imuge.settings import parse_settings

PARTS = ("payload_encoder", "inn", "localizer", "recoverer")  # of a system


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """How a folder of photographs becomes crops."""

    crop: int = 256  # side of a training picture, pixels
    # Scales at which the photographs are kept, and the share of every batch from each.
    scales: tuple[float, ...] = (1.0, 0.66, 0.52)
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    sides: tuple[int, ...] = (480, 336, 264)  # of the squares kept, pixels; a crop lies in one
    squares: tuple[int, ...] = (3, 2, 1)  # cut from every photograph
    masks: int = 768  # shapes of tampering in the bank

    def __post_init__(self) -> None:
        """Refuse what cuts nothing."""
        if self.crop < 4 * SIZE_MULTIPLE or self.crop % SIZE_MULTIPLE:
            raise ConfigError(
                f"expected data.crop as a multiple of {SIZE_MULTIPLE} from 64, got {self.crop}"
            )
        lists = (self.scales, self.shares, self.sides, self.squares)
        if len({len(values) for values in lists}) != 1 or not self.scales:
            raise ConfigError(
                "expected data.shares, data.sides and data.squares as long as data.scales"
            )
        if min(self.scales) <= 0 or max(self.scales) > 1:
            raise ConfigError(f"expected data.scales above 0 and up to 1, got {self.scales}")
        if min(self.sides) < self.crop:
            raise ConfigError(f"expected data.sides from data.crop {self.crop}, got {self.sides}")
        if min(self.shares) <= 0 or min(self.squares) < 1 or self.masks < 8:
            raise ConfigError(
                "expected data.shares above 0, data.squares from 1 and data.masks from 8, got "
                f"{self.shares}, {self.squares} and {self.masks}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """Weight of each training term; 0 turns a term off."""

    structure: float = 1.0  # 1 - SSIM(immunized, host)
    null: float = 0.02  # mean square of the null output
    location: float = 1.0  # cross-entropy of the mask's logits, nats a pixel
    overlap: float = 0.3  # 1 - Dice of the tampered samples
    recovery: float = 2.0  # L1 of the reconstruction in the mask, pixels in [0, 1]
    recovery_square: float = 8.0  # its mean square there
    recovery_everywhere: float = 0.2  # its L1 everywhere
    recovery_structure: float = 0.1  # 1 - SSIM of the reconstruction
    payload: float = 0.3  # L1(revealed, hidden) outside the mask
    template: float = 0.0  # logistic loss of the template's signs outside the mask
    flat_weight: float = 16.0  # how much more a flat area counts in fidelity than a busy one


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """The controller that holds the immunized picture at a wanted PSNR."""

    target_db: float = 39.5
    start_below_db: float = 6.0  # how far below the target it begins
    ramp_steps: int = 3000  # until the target is reached
    first_weight: float = 100.0
    weight_range: tuple[float, float] = (1.0, 6000.0)
    gain: float = 0.005  # logarithm of the weight, per decibel and step
    quiet_steps: int = 100  # before it begins to act


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """How the weights move."""

    steps: int = 50_000  # the length of a run, unless the command says minutes
    learning_rate: float = 3e-4
    last_learning_rate: float = 0.02  # at the end of the cosine, as a share of the first
    warmup_steps: int = 200
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 1e-5
    clip_norm: float = 1.0
    skip_above: float = 15.0  # times the running mean of the gradient's norm: step not taken
    average: float = 0.999  # decay of the averaged weights, a step
    # What is trained; the rest stays bit for bit. Pictures that were published with an encoder and
    # an INN stay readable by a new localizer and recoverer that were trained beside these two.
    parts: tuple[str, ...] = PARTS

    def __post_init__(self) -> None:
        """Refuse parts that are none."""
        if not self.parts or not set(self.parts) <= set(PARTS):
            raise ConfigError(
                f"expected optimization.parts out of {', '.join(PARTS)}, got {list(self.parts)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """What is made easy at first, and what a sample meets beside tampering and processing."""

    attack_steps: int = 1500  # until attacks have their full range
    auxiliary_steps: int = 4000  # in which the recoverer also reads a payload without a channel
    auxiliary_noise: float = 0.4
    scaled_share: float = 0.5  # samples immunized with another strength than 1
    strengths: tuple[float, float] = (0.75, 1.3)
    predicted_mask_share: float = 0.5  # samples recovered under the union with the found mask
    context_masking: float = 0.0  # samples rendered from the code alone: the hidden copy
    clue_dropout: float = 0.15  # samples localized without the code's evidence
    margin: int = 2  # pixels that a recoverer's mask is wider than the union


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training run. `to_table` gives it back as TOML and JSON can hold it."""

    name: str
    seed: int = 0
    batch: int = 32  # samples a step, over all processes
    log_every: int = 50  # steps
    validate_every: int = 2500
    sheet_every: int = 1000
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataSettings = field(default_factory=DataSettings)
    losses: LossWeights = field(default_factory=LossWeights)
    fidelity: Fidelity = field(default_factory=Fidelity)
    optimization: Optimization = field(default_factory=Optimization)
    curriculum: Curriculum = field(default_factory=Curriculum)
    tamper: TamperMix = field(default_factory=TamperMix)
    distort: DistortMix = field(default_factory=DistortMix)

    def __post_init__(self) -> None:
        """Refuse what cannot run."""
        if self.batch < 2:
            raise ConfigError(f"expected a batch of 2 or more, got {self.batch}")
        for name in ("log_every", "validate_every", "sheet_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"expected {name} as 1 step or more, got {getattr(self, name)}")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file.

        Raises:
            ConfigError: it is missing, no TOML, or holds an unknown or unfit setting.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the config {path}: {reason(error)}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
        return cls.parse(table, name=str(path))

    @classmethod
    def parse(cls, table: dict[str, Any], *, name: str) -> Self:
        """Build from a table.

        Raises:
            ConfigError: a setting is unknown, missing or unfit.
        """
        try:
            return parse_settings(cls, table, name=name)
        except ConfigError as error:
            raise ConfigError(str(error).replace(f"{name}.", f"{name}: ", 1)) from error

    def to_table(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        table: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return table
