"""Everything that decides how a training run goes, whatever networks it trains.

What belongs to one architecture alone, its losses above all, is in the config of that architecture
(`train/imuge/config.py`, `train/imuge_plus/config.py`).
"""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from imuge.errors import ConfigError
from imuge.model.networks import SIZE_MULTIPLE
from imuge.model.networks_config import NetworksConfig
from imuge.train.attacks.distort_mix import DistortMix
from imuge.train.attacks.tamper_draw import TamperMix


@dataclass(frozen=True, slots=True, kw_only=True)
class CropSettings:
    """How a folder of photographs becomes crops."""

    crop: int = 256  # side of a training picture, pixels
    # Scales at which the photographs are kept, and the share of every batch from each.
    scales: tuple[float, ...] = (1.0, 0.66, 0.52)
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    sides: tuple[int, ...] = (480, 336, 264)  # of the squares kept, pixels; a crop lies in one
    squares: tuple[int, ...] = (3, 2, 1)  # cut from every photograph
    masks: int = 768  # shapes of tampering in the bank
    toned: float = 0.0  # share of crops whose colours and brightness are changed

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
        if not 0 <= self.toned <= 1:
            raise ConfigError(f"expected data.toned from 0 to 1, got {self.toned}")
        if min(self.shares) <= 0 or min(self.squares) < 1 or self.masks < 8:
            raise ConfigError(
                "expected data.shares above 0, data.squares from 1 and data.masks from 8, got "
                f"{self.shares}, {self.squares} and {self.masks}"
            )


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
    # A run that can be cut anywhere: 0 lets the rate fall over the whole run; else it stays as it
    # is and falls to `last_learning_rate` at the end of every so many steps, where the averaged
    # weights are kept as a snapshot, and begins anew.
    cycle_steps: int = 0
    decay_share: float = 0.2  # of a cycle's steps
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 1e-5
    clip_norm: float = 1.0
    skip_above: float = 15.0  # times the running mean of the gradient's norm: step not taken
    average: float = 0.999  # decay of the averaged weights, a step
    # Networks compute in bfloat16 on a GPU, and on a processor that has it where this is true.
    half_on_processors: bool = False
    # What is trained, none named: everything; the rest stays bit for bit. Pictures that were
    # published with an encoder and an INN stay readable by a new localizer and recoverer that were
    # trained beside these two.
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a schedule that cannot be."""
        if self.cycle_steps < 0 or not 0 < self.decay_share <= 1:
            raise ConfigError(
                "expected optimization.cycle_steps of 0 or more and decay_share above 0 and up to "
                f"1, got {self.cycle_steps} and {self.decay_share}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """What is made easy at first."""

    attack_steps: int = 1500  # until attacks have their full range


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """One training run. `to_table` gives it back as TOML and JSON can hold it."""

    architecture: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]  # of the networks, as `optimization.parts` may name them

    name: str
    seed: int = 0
    batch: int = 32  # samples a step, over all processes
    log_every: int = 50  # steps
    validate_every: int = 2500
    sheet_every: int = 1000
    validate_on_frames: bool = False  # through files larger than their frames; only our networks
    model: NetworksConfig
    data: CropSettings = field(default_factory=CropSettings)
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
        if not set(self.optimization.parts) <= set(self.parts):
            raise ConfigError(
                f"expected optimization.parts out of {', '.join(self.parts)}, got "
                f"{list(self.optimization.parts)}"
            )

    @property
    def frozen_parts(self) -> tuple[str, ...]:
        """The parts of the networks that stay as they are."""
        trained = self.optimization.parts or self.parts
        return tuple(part for part in self.parts if part not in trained)

    @property
    def auxiliary_steps(self) -> int:
        """In how many steps, from the first on, a trial has its auxiliary pass."""
        return 0

    @property
    def first_fidelity_weight(self) -> float:
        """Where the controller of fidelity begins, for architectures that have one."""
        return 1.0

    def to_table(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        settings: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return {"architecture": self.architecture, **settings}
