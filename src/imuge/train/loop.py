"""The training loop, and what a run leaves behind.

OUT/
    config.json           what was run
    log.jsonl             numbers of training and validation, a line each
    tensorboard/          the same, and the sheets
    sheets/               sample sheets as pictures
    checkpoints/          the last two, for --resume
    weights/              the averaged weights in parts, for --init and `imuge export`
"""

import json
import math
import sys
import time
from pathlib import Path

from torch import Tensor

from imuge.errors import ConfigError, ImageError, WeightsError
from imuge.files import write_atomically
from imuge.model.weights_files import save_weights
from imuge.train import checkpoint as checkpoints
from imuge.train.architectures import parse_config
from imuge.train.checkpoint import Checkpoint, check_architecture, differences
from imuge.train.config import TrainConfig
from imuge.train.journal import Journal, Terminal, duration
from imuge.train.processes import Processes
from imuge.train.run import Options, Run
from imuge.train.sheets import sheet
from imuge.train.signals import stopping_politely
from imuge.train.validation import load_held_out, validate

HEARTBEAT = 10  # steps between looks at the clock and at the others


def train(config: TrainConfig | None, options: Options, processes: Processes) -> Path:
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
    stored = _stored(options)
    config = _settle(config, stored, options)
    terminal = Terminal(sys.stderr if processes.leads else None)
    try:
        session = Session(config, options, processes, terminal, stored)
        return session.run()
    finally:
        terminal.end()


def _stored(options: Options) -> Checkpoint | None:
    """The checkpoint to go on from.

    Raises:
        ConfigError: there is none though one was asked for, or one though a new run was.
    """
    found = checkpoints.find(options.out / "checkpoints")
    if options.resume:
        if not found:
            raise ConfigError(f"{options.out} holds no checkpoint to go on from; start a new run")
        if options.start_from is not None:
            raise ConfigError("--resume goes on with its own weights; leave --init out")
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


def _settle(config: TrainConfig | None, stored: Checkpoint | None, options: Options) -> TrainConfig:
    """The config given, or that of the run that goes on."""
    if config is None:
        if stored is None:
            raise ConfigError("expected --config FILE; only --resume can do without")
        return parse_config(stored.config, name=f"the checkpoint in {options.out}")
    if stored is not None:
        check_architecture(stored.config, config)
    return config


class Session:
    """One process's way through a run, from where it stands to its end or to a pause."""

    def __init__(
        self,
        config: TrainConfig,
        options: Options,
        processes: Processes,
        terminal: Terminal,
        stored: Checkpoint | None,
    ) -> None:
        self._config, self._options, self._processes = config, options, processes
        self._terminal = terminal
        self._say = terminal.say
        self._total_steps = options.steps
        if options.steps is None and options.minutes is None:
            self._total_steps = config.optimization.steps
        self._run = Run(
            config,
            options,
            processes,
            say=self._say,
            shown=lambda share: terminal.show(share, "reading photographs"),
        )
        self._say(
            f"{config.name}: {self._run.photographs.photographs} photographs, "
            f"{self._run.device}, {processes.count} x {self._run.batch} crops a step"
        )
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
        self._stopped = False

    def _open_journal(self) -> Journal:
        out = self._options.out
        journal = Journal(out, from_step=self._step)
        text = json.dumps(self._config.to_table(), indent=2) + "\n"
        write_atomically(out / "config.json", text.encode(), overwrite=True)
        return journal

    def _restore(self, stored: Checkpoint) -> None:
        self._run.restore(stored)
        self._step, self._elapsed_before = stored.step, stored.elapsed_s
        self._say(f"going on at step {stored.step}, after {duration(stored.elapsed_s)}")
        if changed := differences(stored.config, self._config.to_table()):
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
        """Train until the run is over, a pause is due or a signal comes."""
        try:
            return self._finish(self._train())
        finally:
            if self._journal is not None:
                self._journal.close()

    def _train(self) -> float:
        """The loop; returns the share of the run that is done."""
        run = self._run
        with stopping_politely(self._stop):
            while True:
                if self._step % HEARTBEAT == 0 or self._processes.count == 1:
                    done = self._progress()
                    over = done >= 1 or self._paused() or self._stopped
                    done, over = self._processes.follow((done, over))
                    if over:
                        break
                    run.state.progress.fill_(done)
                run.take_step(self._step)
                self._step += 1
                self._after_step()
        return done

    def _stop(self) -> None:
        self._stopped = True
        self._say("stopping after this step; a second signal stops at once")

    def _after_step(self) -> None:
        config, step = self._config, self._step
        if step % config.log_every == 0:
            self._log()
        if step % config.sheet_every == 0 and self._journal:
            self._journal.picture(step, "sample", sheet(self._run.look()))
        if step % config.validate_every == 0:
            self._validate()
        if step % HEARTBEAT == 0:
            waited = time.monotonic() - self._saved
            if self._processes.follow(waited >= 60 * self._options.checkpoint_minutes):
                self._save(last=False)

    def _log(self) -> None:
        run = self._run
        steps, now = self._step - self._logged[0], time.monotonic()
        # The one place in a stretch of steps where the device is asked for numbers.
        numbers = dict(zip(run.measures, (run.sums / steps).tolist(), strict=True))
        run.sums.zero_()
        if not math.isfinite(numbers["loss"]):
            self._say(f"step {self._step}: the loss was not finite; those steps were not taken")
        numbers |= run.state.numbers()
        numbers["milliseconds"] = 1000 * (now - self._logged[1]) / steps
        self._logged = (self._step, now)
        if self._journal is None:
            return
        del numbers["count"]
        self._journal.record(self._step, "train", numbers)
        done = self._progress()
        left = self._elapsed_s * (1 - done) / done if done > 0 else math.inf
        self._terminal.show(
            done,
            f"step {self._step}  {numbers['psnr']:.1f} dB  F1 {numbers['f1']:.3f}  "
            f"recovered {numbers['recovered']:.1f} dB  {numbers['milliseconds']:.0f} ms a step"
            + (f"  {duration(left)} left" if math.isfinite(left) else ""),
        )

    def _validate(self) -> None:
        if not self._held_out or self._journal is None:
            return
        began = time.monotonic()
        scores = validate(self._run.averaged_system(), self._held_out, self._run.device)
        self._journal.record(self._step, "validation", scores)
        self._say(
            f"validation at step {self._step}: {scores['psnr']:.1f} dB, SSIM {scores['ssim']:.3f}, "
            f"F1 {scores['f1/none']:.3f}, JPEG 50 {scores['f1/jpeg50']:.3f}, recovered "
            f"{scores['recovered/none']:.1f} and {scores['recovered/jpeg75']:.1f} dB, false area "
            f"after JPEG 50 {100 * scores['false_area/jpeg50']:.2f} % "
            f"({duration(time.monotonic() - began)})"
        )

    def _save(self, *, last: bool) -> None:
        """Write a checkpoint and the weights; a full disk ends a run only at its end."""
        made = self._run.checkpoint(self._elapsed_s)
        self._saved = time.monotonic()
        if not self._processes.leads:
            return
        try:
            checkpoints.save(
                made, self._options.out / "checkpoints", largest_bytes=self._options.part_bytes
            )
            save_weights(
                self._config.model,
                self._run.updater.averaged,
                self._options.out / "weights",
                largest_bytes=self._options.part_bytes,
            )
        except (ImageError, WeightsError) as error:
            if last:
                raise
            self._say(f"{error}; training goes on, and tries again later")

    def _finish(self, done: float) -> Path:
        if self._step % self._config.validate_every and done >= 1:
            self._validate()
        self._save(last=True)
        weights = self._options.out / "weights"
        skipped = int(self._run.state.skipped)
        self._say(
            f"{'done' if done >= 1 else 'paused'} at step {self._step} after "
            f"{duration(self._elapsed_s)}, {skipped} steps not taken; weights: {weights}"
        )
        return weights
