"""The training of a whole system, ours or the paper's, by the common loop.

OUT/
    weights/              the averaged weights in parts, for --init and `imuge export`
    snapshots/step-…/     the same at the end of every cycle of the rate
    ...                   and what every run leaves (train/loop.py)
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from imuge.errors import ConfigError
from imuge.model.weights_files import save_weights
from imuge.train.architectures import parse_config
from imuge.train.checkpoint import DIGITS, Checkpoint, check_architecture
from imuge.train.config import TrainConfig
from imuge.train.journal import Terminal
from imuge.train.loop import Loop, find_stored, settle_config
from imuge.train.options import SystemRunOptions
from imuge.train.processes import Processes
from imuge.train.run import SystemRun
from imuge.train.sheets import sheet
from imuge.train.trainable import Trainable
from imuge.train.validation import validate

SNAPSHOTS = "snapshots"


def train(config: TrainConfig | None, options: SystemRunOptions, processes: Processes) -> Path:
    """Train, or go on training, and write the weights.

    Args:
        config: What to train and how; None takes that of the run that goes on.
        options: What the command says.
        processes: This one and those that train with it.

    Returns:
        The folder of the weights.

    Raises:
        ConfigError: a setting, a folder or a picture set cannot be used.
        WeightsError: weights or a checkpoint cannot be used.
        ImageError: the results cannot be written.
    """
    stored = find_stored(options)
    if stored is not None and options.start_from is not None:
        raise ConfigError("--resume goes on with its own weights; leave --init out")
    config = settle_config(
        config,
        stored,
        parse=lambda table: parse_config(table, name=f"the checkpoint in {options.out}"),
        check=check_architecture,
    )
    with Terminal(sys.stderr if processes.leads else None) as terminal:
        trained = SystemTraining(config, options, processes, terminal)
        return Loop(trained, options, processes, terminal, stored).run()


class SystemTraining(Trainable):
    """A `SystemRun` as the loop sees it."""

    config: TrainConfig

    def __init__(
        self,
        config: TrainConfig,
        options: SystemRunOptions,
        processes: Processes,
        terminal: Terminal,
    ) -> None:
        """Read the photographs and build the networks; raises what `SystemRun` does."""
        self._run = SystemRun(
            config,
            options,
            processes,
            say=terminal.say,
            shown=lambda share: terminal.show(share, "reading photographs"),
        )
        self.config = config
        self.steps = config.optimization.steps
        self.sheet_every = config.sheet_every
        self.weights = options.out / "weights"
        self.snapshots = options.out / SNAPSHOTS
        self._largest_bytes = options.part_bytes
        self._on_frames = config.validate_on_frames
        self.measures, self.sums = self._run.measures, self._run.sums

    def introduce(self) -> str:
        """What is trained, from what and where."""
        run = self._run
        return (
            f"{self.config.name}: {run.photographs.photographs} photographs, {run.device}, "
            f"{run.processes.count} x {run.batch} crops a step"
        )

    def take_step(self, number: int, progress: float) -> None:
        """Move the weights once; where a cycle of the rate ends, keep the averaged weights."""
        self._run.state.progress.fill_(progress)
        self._run.take_step(number)
        cycle, done = self.config.optimization.cycle_steps, number + 1
        if cycle and done % cycle == 0 and self._run.processes.leads:
            self._save(self.snapshots / f"step-{done:0{DIGITS}d}", self._largest_bytes)

    def numbers(self) -> dict[str, float]:
        """The numbers of the state."""
        numbers = self._run.state.numbers()
        del numbers["count"]  # every record names its step
        return numbers

    def describe(self, numbers: Mapping[str, float]) -> str:
        """Fidelity, localization and recovery."""
        return (
            f"{numbers['psnr']:.1f} dB  F1 {numbers['f1']:.3f}  "
            f"recovered {numbers['recovered']:.1f} dB"
        )

    def sheet(self) -> NDArray[np.uint8]:
        """What becomes of a new batch."""
        return sheet(self._run.look())

    def validate(self, pictures: list[Tensor]) -> dict[str, float]:
        """Score the averaged weights."""
        return validate(
            self._run.averaged_system(), pictures, self._run.device, on_frames=self._on_frames
        )

    def describe_scores(self, scores: Mapping[str, float]) -> str:
        """Fidelity, localization, recovery and false alarms."""
        if self._on_frames:
            from imuge.train.frames import describe_on_frames

            return describe_on_frames(scores)
        return (
            f"{scores['psnr']:.1f} dB, SSIM {scores['ssim']:.3f}, "
            f"F1 {scores['f1/none']:.3f}, JPEG 50 {scores['f1/jpeg50']:.3f}, recovered "
            f"{scores['recovered/none']:.1f} and {scores['recovered/jpeg75']:.1f} dB, false area "
            f"after JPEG 50 {100 * scores['false_area/jpeg50']:.2f} %"
        )

    def checkpoint(self, step: int, elapsed_s: float) -> Checkpoint:
        """The whole run."""
        return self._run.checkpoint(step, elapsed_s)

    def restore(self, stored: Checkpoint) -> None:
        """Go back to where a checkpoint was made."""
        self._run.restore(stored)

    def save_weights(self, *, largest_bytes: int) -> None:
        """Write the averaged weights."""
        self._save(self.weights, largest_bytes)

    def _save(self, folder: Path, largest_bytes: int) -> None:
        averaged = self._run.updater.averaged
        save_weights(self.config.model, averaged, folder, largest_bytes=largest_bytes)

    def remarks(self) -> list[str]:
        """How often the guard held a step back."""
        return [f"{int(self._run.state.skipped)} steps not taken"]
