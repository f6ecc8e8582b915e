"""How the paper's networks are trained: its losses and their weights."""

from dataclasses import dataclass, field
from typing import ClassVar

from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.imuge_plus.system import ImugePlusSystem
from imuge.train.config import TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugePlusLosses:
    """Weight of each term; pictures are in [0, 1], every distance is smooth L1."""

    immunized: float = 1.0  # to the host
    null: float = 2.0  # of the null channel to 0
    recovered: float = 0.5  # to the host, everywhere
    recovered_masked: float = 1.5  # to the host, both times the mask, mean over all pixels
    edges: float = 1.0  # of the recovered edge map to the host's
    location: float = 2e-5  # cross-entropy of the mask's logits, for the INN
    beta: float = 0.5  # of smooth L1, where its square becomes a line
    # All of recovery counts min(1, share · growth ^ (PSNR - target)): below it fidelity wins.
    target_db: float = 33.0
    share_at_target: float = 0.333
    growth: float = 1.25  # a decibel


@dataclass(frozen=True, slots=True, kw_only=True)
class ImugePlusTraining(TrainConfig):
    """A run that trains the paper's networks."""

    architecture: ClassVar[str] = ImugePlusConfig.architecture
    parts: ClassVar[tuple[str, ...]] = ImugePlusSystem.parts

    model: ImugePlusConfig = field(default_factory=ImugePlusConfig)
    losses: ImugePlusLosses = field(default_factory=ImugePlusLosses)
