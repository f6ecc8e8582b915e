"""The training loop: when to step, log, validate, save, pause and end.

What it trains is a `Trainable`, and what a run leaves behind is this:

OUT/
    config.json           what was run
    log.jsonl             numbers of training and validation, a line each
    tensorboard/          the same, and the sheets
    sheets/               sample sheets as pictures, if there are any
    checkpoints/          the last two, for --resume
    ...                   `Trainable.weights`
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from imuge.errors import ConfigError, ImageError, WeightsError
from imuge.files import write_atomically
from imuge.train import checkpoint as checkpoints
from imuge.train.checkpoint import Checkpoint, differences
from imuge.train.journal import Terminal, TrainingJournal, duration
from imuge.train.options import RunOptions
from imuge.train.processes import Processes
from imuge.train.signals import stopping_politely
from imuge.train.trainable import Trainable
from imuge.train.validation import load_held_out

HEARTBEAT = 10  # steps between looks at the clock and at the others
Config = TypeVar("Config")


def find_stored(options: RunOptions) -> Checkpoint | None:
    """The checkpoint to go on from; None for a new run.

    Raises:
        ConfigError: there is none though one was asked for, or one though a new run was.
        WeightsError: it cannot be used.
    """
    found = checkpoints.find(options.out / "checkpoints")
    if options.resume:
        if not found:
            raise ConfigError(f"{options.out} holds no checkpoint to go on from; start a new run")
        return checkpoints.load(found[-1])
    if found:
        raise ConfigError(
            f"{options.out} holds a run already; --resume goes on with it, or name another folder"
        )
    if (options.out / "log.jsonl").exists():
        raise ConfigError(
            f"{options.out} holds the log of a run that ended before its first checkpoint; "
            "name another folder"
        )
    return None


def settle_config(
    config: Config | None,
    stored: Checkpoint | None,
    *,
    parse: Callable[[dict[str, Any]], Config],
    check: Callable[[dict[str, Any], Config], None],
) -> Config:
    """The config given, or that of the run that goes on.

    Args:
        config: From the command, if it names one.
        stored: Where the run goes on from, if it does.
        parse: Builds a config from the table in a checkpoint.
        check: Raises an error if the networks of such a table are not those of a config.

    Raises:
        ConfigError: there is neither.
    """
    if config is None:
        if stored is None:
            raise ConfigError("expected --config FILE; only --resume can do without")
        return parse(stored.config)
    if stored is not None:
        check(stored.config, config)
    return config


class Loop:
    """One process's way through a run, from where it stands to its end or to a pause."""

    def __init__(
        self,
        trained: Trainable,
        options: RunOptions,
        processes: Processes,
        terminal: Terminal,
        stored: Checkpoint | None,
    ) -> None:
        """Read the pictures for validation, and go back to a checkpoint.

        Args:
            trained: What learns.
            options: What the command says.
            processes: This one and those that train with it.
            terminal: Of the person who started it; says nothing where another process leads.
            stored: Where to go on from.

        Raises:
            ConfigError: the pictures or the checkpoint cannot be used.
            ImageError: the folder cannot be written.
        """
        self._trained, self._options, self._processes = trained, options, processes
        self._terminal = terminal
        self._say = terminal.say
        self._total_steps = options.steps
        if options.steps is None and options.minutes is None:
            self._total_steps = trained.steps
        self._say(trained.introduce())
        self._held_out: list[Tensor] = []
        if options.validation is not None and processes.leads:
            most = options.validation_pictures
            self._held_out = load_held_out(options.validation, most=most, say=self._say)
        self._step, self._elapsed_before = 0, 0.0
        if stored is not None:
            self._restore(stored)
        # Only now: what cannot be run leaves nothing behind.
        self._journal = self._open_journal() if processes.leads else None
        self._began = time.monotonic()
        self._saved = self._began
        self._logged = (self._step, self._began)
        self._kind = ""
        self._stopped = False

    def _open_journal(self) -> TrainingJournal:
        out = self._options.out
        journal = TrainingJournal(out, from_step=self._step)
        text = json.dumps(self._trained.config.to_table(), indent=2) + "\n"
        write_atomically(out / "config.json", text.encode(), overwrite=True)
        return journal

    def _restore(self, stored: Checkpoint) -> None:
        self._trained.restore(stored)
        self._step, self._elapsed_before = stored.step, stored.elapsed_s
        self._say(f"going on at step {stored.step}, after {duration(stored.elapsed_s)}")
        if changed := differences(stored.config, self._trained.config.to_table()):
            self._say(f"settings that differ from then: {changed}")

    @property
    def _elapsed_s(self) -> float:
        """Seconds of training, those of earlier sessions too."""
        return self._elapsed_before + time.monotonic() - self._began

    def _progress(self) -> float:
        """Share of the run that is done."""
        shares = [0.0]
        if self._total_steps is not None:
            shares.append(self._step / max(self._total_steps, 1))
        if self._options.minutes is not None:
            shares.append(self._elapsed_s / (60 * self._options.minutes))
        return min(1.0, max(shares))

    def _paused(self) -> bool:
        pause = self._options.pause_minutes
        return pause is not None and time.monotonic() - self._began >= 60 * pause

    def run(self) -> Path:
        """Train until the run is over, a pause is due or a signal comes; where the weights lie.

        Raises:
            ImageError, WeightsError: the results cannot be written.
        """
        try:
            return self._finish(self._train())
        finally:
            if self._journal is not None:
                self._journal.close()

    def _train(self) -> float:
        """The loop itself; returns the share of the run that is done."""
        with stopping_politely(self._stop):
            while True:
                if self._step % HEARTBEAT == 0 or self._processes.count == 1:
                    done = self._progress()
                    over = done >= 1 or self._paused() or self._stopped
                    done, over = self._processes.follow((done, over))
                    if over:
                        break
                    self._begin_kind(self._trained.kind(done))
                self._trained.take_step(self._step, done)
                self._step += 1
                self._after_step()
        return done

    def _stop(self) -> None:
        self._stopped = True
        self._say("stopping after this step; a second signal stops at once")

    def _begin_kind(self, kind: str) -> None:
        """Start the sums anew where another kind of steps begins: they say nothing of it."""
        if kind != self._kind:
            self._trained.sums.zero_()
            self._logged = (self._step, time.monotonic())
            self._kind = kind

    def _after_step(self) -> None:
        config, every, step = self._trained.config, self._trained.sheet_every, self._step
        if step % config.log_every == 0:
            self._log()
        if every is not None and step % every == 0 and self._journal is not None:
            self._journal.picture(step, "sample", self._trained.sheet())
        if step % config.validate_every == 0:
            self._validate()
        if step % HEARTBEAT == 0:
            waited = time.monotonic() - self._saved
            if self._processes.follow(waited >= 60 * self._options.checkpoint_minutes):
                self._save(last=False)

    def _log(self) -> None:
        trained = self._trained
        steps, now = self._step - self._logged[0], time.monotonic()
        # The one place in a stretch of steps where the device is asked for numbers.
        numbers = dict(zip(trained.measures, (trained.sums / steps).tolist(), strict=True))
        trained.sums.zero_()
        if not math.isfinite(numbers["loss"]):
            self._say(f"step {self._step}: the loss was not finite; those steps were not taken")
        numbers |= trained.numbers()
        numbers["milliseconds"] = 1000 * (now - self._logged[1]) / steps
        self._logged = (self._step, now)
        if self._journal is not None:
            self._journal.record(self._step, self._kind, numbers)
            self._show(numbers)

    def _show(self, numbers: dict[str, float]) -> None:
        done = self._progress()
        left = self._elapsed_s * (1 - done) / done if done > 0 else math.inf
        self._terminal.show(
            done,
            f"step {self._step}  {self._trained.describe(numbers)}  "
            f"{numbers['milliseconds']:.0f} ms a step"
            + (f"  {duration(left)} left" if math.isfinite(left) else ""),
        )

    def _validate(self) -> None:
        if not self._held_out or self._journal is None:
            return
        began = time.monotonic()
        scores = self._trained.validate(self._held_out)
        self._journal.record(self._step, "validation", scores)
        self._say(
            f"validation at step {self._step}: {self._trained.describe_scores(scores)} "
            f"({duration(time.monotonic() - began)})"
        )

    def _save(self, *, last: bool) -> None:
        """Write a checkpoint and the weights; a full disk ends a run only at its end."""
        made = self._trained.checkpoint(self._step, self._elapsed_s)
        self._saved = time.monotonic()
        if not self._processes.leads:
            return
        folder, largest_bytes = self._options.out / "checkpoints", self._options.part_bytes
        try:
            checkpoints.save(made, folder, largest_bytes=largest_bytes)
            self._trained.save_weights(largest_bytes=largest_bytes)
        except (ImageError, WeightsError) as error:
            if last:
                raise
            self._say(f"{error}; training goes on, and tries again later")

    def _finish(self, done: float) -> Path:
        if self._step % self._trained.config.validate_every and done >= 1:
            self._validate()
        self._save(last=True)
        ending = f"{'done' if done >= 1 else 'paused'} at step {self._step}"
        told = [f"{ending} after {duration(self._elapsed_s)}", *self._trained.remarks()]
        self._say(f"{', '.join(told)}; weights: {self._trained.weights}")
        return self._trained.weights
