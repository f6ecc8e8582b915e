"""What the training loop asks of that which it trains.

Loop ── when ──►  Trainable ── how ──► photographs, networks, optimizer
time, pauses,     one step, validation,
checkpoints, log  what to store and to say
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from imuge.train.checkpoint import Checkpoint


class LoopConfig(Protocol):
    """What the loop reads of a run's config."""

    @property
    def log_every(self) -> int:
        """Steps between records in the log."""

    @property
    def validate_every(self) -> int:
        """Steps between validations."""

    def to_table(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""


class Trainable(ABC):
    """Networks in training, and what moves them."""

    config: LoopConfig
    steps: int  # the length of a run, unless the command says another
    sheet_every: int | None = None  # steps; None: there are no sheets
    weights: Path  # what the run is for, in its folder
    measures: tuple[str, ...]  # names of the numbers in `sums`; the first is `loss`
    sums: Tensor  # of each measure since the loop last set them to zero, on the device

    @abstractmethod
    def introduce(self) -> str:
        """What is trained, from what and where, in one line."""

    def kind(self, progress: float) -> str:
        """As what the steps at this share of the run, 0..1, are logged."""
        del progress  # all steps are alike
        return "train"

    @abstractmethod
    def take_step(self, number: int, progress: float) -> None:
        """Move the weights once, and add to `sums`.

        Args:
            number: Of the step, counted from 0.
            progress: Share of the whole run that is done, 0..1.
        """

    def numbers(self) -> dict[str, float]:
        """What to log beside the measures; it may ask the device."""
        return {}

    @abstractmethod
    def describe(self, numbers: Mapping[str, float]) -> str:
        """The most telling of the logged numbers, for the line that moves."""

    def sheet(self) -> NDArray[np.uint8]:
        """A picture (H, W, 3) of what the networks do; training goes on as if it never was."""
        raise NotImplementedError("sheet_every is set, so there must be sheets")

    @abstractmethod
    def validate(self, pictures: list[Tensor]) -> dict[str, float]:
        """Score what would be saved now; training goes on as if it never was.

        Args:
            pictures: From `load_held_out`.
        """

    @abstractmethod
    def describe_scores(self, scores: Mapping[str, float]) -> str:
        """A validation's scores, as a person reads them."""

    @abstractmethod
    def checkpoint(self, step: int, elapsed_s: float) -> Checkpoint:
        """All that going on exactly needs; every process must ask for it at the same step."""

    @abstractmethod
    def restore(self, stored: Checkpoint) -> None:
        """Go back to where a checkpoint was made.

        Raises:
            ConfigError: this machine or number of processes cannot go on from it.
        """

    @abstractmethod
    def save_weights(self, *, largest_bytes: int) -> None:
        """Write `weights`, if in parts then of this size at most.

        Raises:
            ImageError, WeightsError: the disk refused.
        """

    def remarks(self) -> list[str]:
        """What else is worth saying at the end."""
        return []
