"""A run that trains a JPEG simulator, and what it leaves behind.

OUT/
    config.json           what was run
    log.jsonl             numbers of training and validation, a line each
    tensorboard/          the same
    checkpoints/          the last two, for --resume
    student.safetensors   the simulator, for `[distort] simulator_weights`
"""

import json
import math
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

from imuge.errors import ConfigError, ImageError, WeightsError
from imuge.files import write_atomically
from imuge.model.weights_files import LARGEST_BYTES
from imuge.settings import parse_settings
from imuge.train import checkpoint as checkpoints
from imuge.train.attacks.jpeg.distilled import save_student
from imuge.train.checkpoint import Checkpoint, differences
from imuge.train.journal import Journal, Terminal, duration
from imuge.train.jpeg.config import Options, SimulatorConfig
from imuge.train.jpeg.learner import Learner
from imuge.train.jpeg.lessons import MEASURES, School, draw_examples
from imuge.train.jpeg.scores import QUALITIES, score
from imuge.train.photographs import PhotoBank, find_photographs
from imuge.train.processes import Processes, choose_device
from imuge.train.signals import stopping_politely
from imuge.train.validation import load_held_out

WEIGHTS = "student.safetensors"


def train_simulator(config: SimulatorConfig | None, options: Options) -> Path:
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
    stored = _stored(options)
    config = _settle(config, stored)
    terminal = Terminal(sys.stderr)
    try:
        return Session(config, options, terminal, stored).run()
    finally:
        terminal.end()


def _stored(options: Options) -> Checkpoint | None:
    found = checkpoints.find(options.out / "checkpoints")
    if options.resume:
        if not found:
            raise ConfigError(f"{options.out} holds no checkpoint to go on from; start a new run")
        return checkpoints.load(found[-1])
    if found or (options.out / "log.jsonl").exists():
        raise ConfigError(
            f"{options.out} holds a run already; --resume goes on from its last checkpoint, or "
            "name another folder"
        )
    return None


def _settle(config: SimulatorConfig | None, stored: Checkpoint | None) -> SimulatorConfig:
    """The config given, or that of the run that goes on."""
    if stored is None:
        if config is None:
            raise ConfigError("expected --config FILE; only --resume can do without")
        return config
    if config is None:
        return parse_settings(SimulatorConfig, stored.config, name="the checkpoint")
    fixed = ("network", "predictor_width")
    theirs, mine = (
        {key: table.get(key) for key in fixed} for table in (stored.config, config.to_table())
    )
    if differing := differences(theirs, mine):
        raise WeightsError(
            f"the checkpoint holds other networks than the config: {differing}; go on with its own "
            "config, or start a new run"
        )
    return config


class Session:
    """One way through a run, from where it stands to its end or to a signal."""

    def __init__(
        self,
        config: SimulatorConfig,
        options: Options,
        terminal: Terminal,
        stored: Checkpoint | None,
    ) -> None:
        self._config, self._options, self._terminal = config, options, terminal
        self._device = choose_device(options.device, Processes())
        torch.manual_seed(config.seed)
        self._photographs = _load_photographs(config, options.data, self._device, terminal)
        self._held_out: list[Tensor] = []
        if options.validation is not None:
            most = options.validation_pictures
            self._held_out = load_held_out(options.validation, most=most, say=terminal.say)
        self._school = School.new(config, self._device)
        self._learners = {
            name: Learner(network, config.optimization)
            for name, network in self._school.networks().items()
        }
        self._step, self._elapsed_before = 0, 0.0
        if stored is not None:
            self._restore(stored)
        terminal.say(
            f"{config.name}: {self._photographs.photographs} photographs, {self._device}, "
            f"{config.batch} crops of {config.data.crop} pixels a step"
        )
        options.out.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(options.out, from_step=self._step)
        text = json.dumps(config.to_table(), indent=2) + "\n"
        write_atomically(options.out / "config.json", text.encode(), overwrite=True)
        self._sums = torch.zeros(len(MEASURES), device=self._device)
        self._began = self._saved = time.monotonic()
        self._logged = (self._step, self._began)
        self._teaching = True
        self._stopped = False

    @property
    def _elapsed_s(self) -> float:
        """Seconds of training, those of earlier sessions too."""
        return self._elapsed_before + time.monotonic() - self._began

    def _progress(self) -> float:
        """Share of the run that is done."""
        total, minutes = self._options.steps, self._options.minutes
        if total is None and minutes is None:
            total = self._config.optimization.steps
        shares = [] if total is None else [self._step / total]
        if minutes is not None:
            shares.append(self._elapsed_s / (60 * minutes))
        return min(1.0, max(shares))

    def run(self) -> Path:
        """Train until the run is over or a signal comes."""
        try:
            with stopping_politely(self._stop):
                while (done := self._progress()) < 1 and not self._stopped:
                    self._take_step(done)
                    self._after_step()
            if done >= 1:
                self._validate()
            self._save(last=True)
            self._terminal.say(
                f"{'done' if done >= 1 else 'paused'} at step {self._step} after "
                f"{duration(self._elapsed_s)}; weights: {self._options.out / WEIGHTS}"
            )
            return self._options.out / WEIGHTS
        finally:
            self._journal.close()

    def _stop(self) -> None:
        self._stopped = True
        self._terminal.say("stopping after this step; a second signal stops at once")

    def _take_step(self, done: float) -> None:
        """Teach in the first part of the run, then let the student learn.

        Args:
            done: Share of the whole run, 0..1.
        """
        share = self._config.optimization.teacher_share
        teaching = done < share
        if teaching != self._teaching:  # what is summed up of the one says nothing of the other
            self._sums.zero_()
            self._logged = (self._step, time.monotonic())
            self._teaching = teaching
        learning = self._school.prepare(teaching=teaching)
        examples = draw_examples(self._photographs, self._config)
        lesson = self._school.teach if teaching else self._school.learn
        loss, measures = lesson(examples)
        within = done / share if teaching else (done - share) / (1 - share)
        loss.backward()  # type: ignore[no-untyped-call]
        for name in learning:
            self._learners[name].step(within)
        self._sums.add_(measures)
        self._step += 1

    def _after_step(self) -> None:
        if self._step % self._config.log_every == 0:
            self._log()
        if self._step % self._config.validate_every == 0:
            self._validate()
        if time.monotonic() - self._saved >= 60 * self._options.checkpoint_minutes:
            self._save(last=False)

    def _log(self) -> None:
        steps, now = self._step - self._logged[0], time.monotonic()
        numbers = dict(zip(MEASURES, (self._sums / steps).tolist(), strict=True))
        self._sums.zero_()
        numbers["milliseconds"] = 1000 * (now - self._logged[1]) / steps
        self._logged = (self._step, now)
        kind = "teacher" if self._teaching else "student"
        self._journal.record(self._step, kind, numbers)
        if not math.isfinite(numbers["loss"]):
            self._terminal.say(f"step {self._step}: the loss was not finite")
        self._terminal.show(
            self._progress(),
            f"{kind}  step {self._step}  {numbers['psnr']:.2f} dB to JPEG, the picture itself "
            f"{numbers['untouched']:.2f}  {numbers['milliseconds']:.0f} ms a step",
        )

    def _validate(self) -> None:
        if not self._held_out:
            return
        scores = score(self._school.student, self._held_out, self._device)
        self._journal.record(self._step, "validation", scores)
        words = ", ".join(
            f"{quality}: {scores[f'student/{quality}']:.2f} ({scores[f'untouched/{quality}']:.2f})"
            for quality in QUALITIES
        )
        self._terminal.say(
            f"validation at step {self._step}, dB to JPEG by quality (the picture itself): {words}"
        )

    def _save(self, *, last: bool) -> None:
        """Write a checkpoint and the weights; a full disk ends a run only at its end."""
        self._saved = time.monotonic()
        try:
            checkpoints.save(
                self._checkpoint(), self._options.out / "checkpoints", largest_bytes=LARGEST_BYTES
            )
            save_student(self._school.student, self._options.out / WEIGHTS)
        except (ImageError, WeightsError) as error:
            if last:
                raise
            self._terminal.say(f"{error}; training goes on, and tries again later")

    def _checkpoint(self) -> Checkpoint:
        rooms: dict[str, dict[str, Tensor]] = {"random": {"0": torch.get_rng_state()}}
        if self._device.type == "cuda":
            rooms["random"]["1"] = torch.cuda.get_rng_state(self._device)
        for name, learner in self._learners.items():
            rooms[name] = learner.network.state_dict()
            rooms[f"{name} optimizer"] = learner.moments()
        tensors = {
            f"{room}/{name}": tensor.detach().cpu().contiguous()
            for room, held in rooms.items()
            for name, tensor in held.items()
        }
        return Checkpoint(
            config=self._config.to_table(),
            step=self._step,
            elapsed_s=self._elapsed_s,
            choosers=[None],
            tensors=tensors,
        )

    def _restore(self, stored: Checkpoint) -> None:
        for name, learner in self._learners.items():
            learner.network.load_state_dict(stored.room(name), strict=True)
            learner.restore(stored.room(f"{name} optimizer"))
        states = stored.room("random")
        torch.set_rng_state(states["0"])
        if self._device.type == "cuda" and "1" in states:
            torch.cuda.set_rng_state(states["1"], self._device)
        self._step, self._elapsed_before = stored.step, stored.elapsed_s
        self._terminal.say(f"going on at step {stored.step}, after {duration(stored.elapsed_s)}")
        if changed := differences(stored.config, self._config.to_table()):
            self._terminal.say(f"settings that differ from then: {changed}")


def _load_photographs(
    config: SimulatorConfig, folder: Path, device: torch.device, terminal: Terminal
) -> PhotoBank:
    paths = find_photographs(folder)
    return PhotoBank.load(
        paths,
        config.data,
        device=device,
        seed=config.seed,
        say=terminal.say,
        shown=lambda done: terminal.show(done / len(paths), "reading photographs"),
    )
