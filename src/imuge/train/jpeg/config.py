"""Everything that decides how a JPEG simulator is trained: read from TOML, checked, stored."""

import dataclasses
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from imuge.errors import ConfigError
from imuge.files import reason
from imuge.settings import parse_settings
from imuge.train.attacks.jpeg.student import StudentConfig
from imuge.train.config import CropSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSettings:
    """Which JPEGs the network sees."""

    subsampled_share: float = 0.75  # with halved chroma; the rest has all of it
    between_share: float = 0.5  # of any quality; the rest is of the classes
    lowest_quality: int = 10

    def __post_init__(self) -> None:
        """Refuse what no JPEG is."""
        if not (0 <= self.subsampled_share <= 1 and 0 <= self.between_share <= 1):
            raise ConfigError(
                "expected examples.subsampled_share and examples.between_share from 0 to 1, got "
                f"{self.subsampled_share} and {self.between_share}"
            )
        if not 1 <= self.lowest_quality <= 100:
            raise ConfigError(
                f"expected examples.lowest_quality from 1 to 100, got {self.lowest_quality}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationLosses:
    """Weight of each term beside the one of the pixels, which counts 1."""

    square_below: float = 0.05  # of SmoothL1: pixel errors below count by their square
    features: float = 0.01  # SmoothL1 of the student's features to the teacher's
    quality: float = 0.002  # cross-entropy of the quality that the predictor reads, nats


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerSettings:
    """How the weights move."""

    steps: int = 100_000  # of teacher and student together, unless the command says otherwise
    teacher_share: float = 0.2  # of the run, before the student's begins
    learning_rate: float = 1e-3
    last_learning_rate: float = 0.01  # at the end of the cosine, as a share of the first
    warmup_steps: int = 100
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a run without steps or without a student."""
        if self.steps < 1 or self.warmup_steps < 1:
            raise ConfigError(
                "expected optimization.steps and optimization.warmup_steps from 1, got "
                f"{self.steps} and {self.warmup_steps}"
            )
        if not 0 <= self.teacher_share < 1:
            raise ConfigError(
                f"expected optimization.teacher_share from 0 to below 1, got {self.teacher_share}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """One training run of a simulator."""

    name: str
    seed: int = 0
    batch: int = 16
    log_every: int = 50  # steps
    validate_every: int = 2500
    network: StudentConfig = field(default_factory=StudentConfig)
    predictor_width: int = 64
    data: CropSettings = field(default_factory=CropSettings)
    examples: ExampleSettings = field(default_factory=ExampleSettings)
    losses: DistillationLosses = field(default_factory=DistillationLosses)
    optimization: LearnerSettings = field(default_factory=LearnerSettings)

    def __post_init__(self) -> None:
        """Refuse what cannot run."""
        for name in ("batch", "log_every", "validate_every", "predictor_width"):
            if getattr(self, name) < 1:
                raise ConfigError(f"expected {name} from 1, got {getattr(self, name)}")

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
        return parse_settings(cls, table, name=str(path))

    def to_table(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        table: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return table
