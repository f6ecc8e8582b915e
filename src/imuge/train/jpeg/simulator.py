"""The training of a JPEG simulator by the common loop.

OUT/
    student.safetensors   the simulator, for `[distort] simulator_weights`
    ...                   and what every run leaves (train/loop.py)
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imuge.errors import WeightsError
from imuge.settings import parse_settings
from imuge.train.attacks.jpeg.distilled import save_student
from imuge.train.checkpoint import Checkpoint, differences
from imuge.train.journal import Terminal
from imuge.train.jpeg.config import SimulatorConfig
from imuge.train.jpeg.distillation import MEASURES, Distillation, draw_examples
from imuge.train.jpeg.learner import Learner
from imuge.train.jpeg.scores import QUALITIES, score
from imuge.train.loop import Loop, find_stored, settle_config
from imuge.train.options import RunOptions
from imuge.train.photographs import PhotoBank
from imuge.train.processes import (
    Processes,
    choose_device,
    gather_random_states,
    restore_random_states,
)
from imuge.train.trainable import Trainable


def train_simulator(config: SimulatorConfig | None, options: RunOptions) -> Path:
    """Train a simulator, or go on training one.

    Args:
        config: What to train and how; None takes that of the run that goes on.
        options: What the command says.

    Returns:
        The file of the weights.

    Raises:
        ConfigError: a setting, a folder or a picture set cannot be used.
        WeightsError: a checkpoint cannot be used, or the weights cannot be written.
        ImageError: the checkpoint cannot be written.
    """
    stored = find_stored(options)
    config = settle_config(
        config,
        stored,
        parse=lambda table: parse_settings(
            SimulatorConfig, table, name=f"the checkpoint in {options.out}"
        ),
        check=_check_networks,
    )
    alone = Processes()
    with Terminal(sys.stderr) as terminal:
        trained = SimulatorTraining(config, options, alone, terminal)
        return Loop(trained, options, alone, terminal, stored).run()


def _check_networks(stored: dict[str, Any], wanted: SimulatorConfig) -> None:
    fixed = ("network", "predictor_width")
    theirs, mine = ({key: table.get(key) for key in fixed} for table in (stored, wanted.to_table()))
    if differing := differences(theirs, mine):
        raise WeightsError(
            f"the checkpoint holds other networks than the config: {differing}; go on with its own "
            "config, or start a new run"
        )


class SimulatorTraining(Trainable):
    """First teacher and predictor learn, then the student."""

    config: SimulatorConfig

    def __init__(
        self,
        config: SimulatorConfig,
        options: RunOptions,
        processes: Processes,
        terminal: Terminal,
    ) -> None:
        """Read the photographs and build the networks.

        Args:
            config: What to train and how.
            options: What the command says.
            processes: This one alone.
            terminal: Told what a person should know.

        Raises:
            ConfigError: the device or the photographs cannot be used.
        """
        assert processes.count == 1, "gradients are not shared"
        self.config, self._processes = config, processes
        self._device = choose_device(options.device, processes)
        torch.manual_seed(config.seed)
        self._photographs = PhotoBank.of_folder(
            options.data,
            config.data,
            device=self._device,
            seed=config.seed,
            say=terminal.say,
            shown=lambda share: terminal.show(share, "reading photographs"),
        )
        self._distillation = Distillation.new(config, self._device)
        self._learners = {
            name: Learner(network, config.optimization)
            for name, network in self._distillation.networks().items()
        }
        self.steps = config.optimization.steps
        self.weights = options.out / "student.safetensors"
        self.measures, self.sums = MEASURES, torch.zeros(len(MEASURES), device=self._device)

    def introduce(self) -> str:
        """What is trained, from what and where."""
        return (
            f"{self.config.name}: {self._photographs.photographs} photographs, {self._device}, "
            f"{self.config.batch} crops of {self.config.data.crop} pixels a step"
        )

    def kind(self, progress: float) -> str:
        """Who learns at this share of the run."""
        return "teacher" if progress < self.config.optimization.teacher_share else "student"

    def take_step(self, number: int, progress: float) -> None:
        """Teach in the first part of the run, then let the student learn."""
        del number
        teaching = self.kind(progress) == "teacher"
        learning = self._distillation.prepare(teaching=teaching)
        examples = draw_examples(self._photographs, self.config)
        lesson = self._distillation.teach if teaching else self._distillation.learn
        loss, measures = lesson(examples)
        share = self.config.optimization.teacher_share
        within = progress / share if teaching else (progress - share) / (1 - share)
        loss.backward()  # type: ignore[no-untyped-call]
        for name in learning:
            self._learners[name].step(within)
        self.sums.add_(measures)

    def describe(self, numbers: Mapping[str, float]) -> str:
        """How near it is to a JPEG, and how near the picture itself is."""
        return f"{numbers['psnr']:.2f} dB to JPEG, the picture itself {numbers['untouched']:.2f}"

    def validate(self, pictures: list[Tensor]) -> dict[str, float]:
        """Score the student."""
        return score(self._distillation.student, pictures, self._device)

    def describe_scores(self, scores: Mapping[str, float]) -> str:
        """The decibels of every quality."""
        words = ", ".join(
            f"{quality}: {scores[f'student/{quality}']:.2f} ({scores[f'untouched/{quality}']:.2f})"
            for quality in QUALITIES
        )
        return f"dB to JPEG by quality (the picture itself): {words}"

    def checkpoint(self, step: int, elapsed_s: float) -> Checkpoint:
        """All three networks, what their optimizers remember, and where chance stands."""
        rooms = {"random": gather_random_states(self._processes, self._device)}
        for name, learner in self._learners.items():
            rooms[name] = learner.network.state_dict()
            rooms[f"{name} optimizer"] = learner.moments()
        return Checkpoint.of_rooms(
            rooms,
            config=self.config.to_table(),
            step=step,
            elapsed_s=elapsed_s,
            choosers=[None],
        )

    def restore(self, stored: Checkpoint) -> None:
        """Go back to where a checkpoint was made."""
        for name, learner in self._learners.items():
            learner.network.load_state_dict(stored.room(name), strict=True)
            learner.restore(stored.room(f"{name} optimizer"))
        restore_random_states(stored.room("random"), self._processes, self._device)

    def save_weights(self, *, largest_bytes: int) -> None:
        """Write the student; it is one file whatever its size."""
        del largest_bytes
        save_student(self._distillation.student, self.weights)
