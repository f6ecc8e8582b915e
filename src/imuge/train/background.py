"""One run that goes on beside other work: started or resumed, looked at, paused.

    make train-next      python -m imuge.train.background start --config ... --out DIR
    make train-status    python -m imuge.train.background status --out DIR
    make train-pause     python -m imuge.train.background pause --out DIR

DIR/
    lock                  held by the process that trains, as long as it lives
    source/               the code it runs, so that working on the code does not disturb it
    run.log               what it says
    release.json          the scores of the weights it started from
    ...                   what every run leaves (train/system.py)

It runs at the lowest priority and may be killed at any moment: a checkpoint is written whole or not
at all, and the next start goes on from the last one, exactly. For Linux.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imuge.errors import ConfigError, ImugeError, WeightsError
from imuge.files import make_folder, write_atomically
from imuge.train.progress import report

CHECKPOINT_MINUTES = 4.0
VALIDATED = 10  # pictures
WAITING_S = 300  # for a run to stop; a validation is not interrupted
FAILED, USAGE = 1, 2
STEP_S = 0.2  # between looks at another process
AUTOGROUP = Path("/proc/self/autogroup")
# A thread that waits for another gives its processor away: beside other work, threads that wait in
# a busy loop made a step ten times as long.
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What the command says of the run."""

    out: Path
    config: Path
    start_from: Path
    data: Path
    validation: Path
    threads: int = 2
    niceness: int = 19  # the lowest priority
    steps: int | None = None  # None: the config's
    checkpoint_minutes: float = CHECKPOINT_MINUTES

    def arguments(self) -> list[str]:
        """The command line that gives this again, for another working directory."""
        given = {
            "--out": self.out,
            "--config": self.config,
            "--init": self.start_from,
            "--data": self.data,
            "--validate": self.validation,
        }
        paths = [text for name, path in given.items() for text in (name, str(path.resolve()))]
        steps = [] if self.steps is None else ["--steps", str(self.steps)]
        minutes = ["--checkpoint-minutes", str(self.checkpoint_minutes)]
        return [*paths, "--threads", str(self.threads), *minutes, *steps]


def start(run: Background) -> str:
    """Start the run or go on with it, in a process of its own; says what was done.

    Raises:
        ConfigError: a file or folder that it needs is missing, or it ended at once.
        ImageError: the run's folder cannot be made.
    """
    for path in (run.config, run.start_from, run.data, run.validation):
        if not path.exists():
            raise ConfigError(f"expected {path} to start the run in {run.out}; there is none")
    make_folder(run.out)
    if (holder := running(run.out)) is not None:
        return f"the run in {run.out} goes on already, as process {holder}; log: {_log(run.out)}"
    _copy_source(run.out)
    command = [
        *_modestly(run.niceness),
        sys.executable,
        "-m",
        __spec__.name,
        "work",
        *run.arguments(),
    ]
    environment = os.environ | ENVIRONMENT | {"OMP_NUM_THREADS": str(run.threads)}
    environment["PYTHONPATH"] = str((run.out / "source").resolve())
    process = _spawn(command, environment, _log(run.out))
    while running(run.out) != process:
        if os.waitpid(process, os.WNOHANG)[0]:
            raise ConfigError(f"the run in {run.out} ended at once; see {_log(run.out)}")
        time.sleep(STEP_S)
    return f"the run in {run.out} goes on as process {process}; log: {_log(run.out)}"


def _spawn(command: list[str], environment: dict[str, str], log: Path) -> int:
    """Start a process that outlives this one and its terminal, and writes to a file."""
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawnp(
        command[0],
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), appended, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def pause(out: Path) -> str:
    """Let the run stop after its step, with a checkpoint; says what came of it.

    Raises:
        ConfigError: it still runs after five minutes.
    """
    if (holder := running(out)) is None:
        return f"no run goes on in {out}"
    os.kill(holder, signal.SIGTERM)
    for _ in range(round(WAITING_S / STEP_S)):
        if running(out) != holder:
            return f"the run in {out} is paused; the next start goes on"
        time.sleep(STEP_S)
    raise ConfigError(f"process {holder} in {out} still works on its last step; look again later")


def running(out: Path) -> int | None:
    """The process that trains in a folder, if one does."""
    try:
        with (out / "lock").open("r", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def work(run: Background) -> Path:
    """Train in this process, from the last checkpoint if there is one; where the weights lie.

    Raises:
        ConfigError: another process trains there, or something cannot be used.
        WeightsError: weights or a checkpoint cannot be used.
        ImageError: the results cannot be written.
    """
    from imuge.train import checkpoint as checkpoints
    from imuge.train.architectures import read_config
    from imuge.train.options import SystemRunOptions
    from imuge.train.processes import Processes
    from imuge.train.system import train

    with _held(run.out):
        _tidy(run.out)
        _score_release(run)
        stored = bool(checkpoints.find(run.out / "checkpoints"))
        if not stored:  # what was logged before the first checkpoint is of no run
            (run.out / "log.jsonl").unlink(missing_ok=True)
        options = SystemRunOptions(
            data=run.data,
            out=run.out,
            validation=run.validation,
            validation_pictures=VALIDATED,
            steps=run.steps,
            resume=stored,
            start_from=None if stored else run.start_from,
            device="cpu",
            checkpoint_minutes=run.checkpoint_minutes,
        )
        return train(read_config(run.config), options, Processes())


def _score_release(run: Background) -> None:
    """Score the weights that the run starts from, once."""
    from imuge.model.architectures import load_networks
    from imuge.model.imuge.system import System
    from imuge.train.frames import validate_on_frames
    from imuge.train.validation import load_held_out

    kept = run.out / "release.json"
    if kept.exists():
        return
    networks = load_networks(run.start_from)
    if not isinstance(networks, System):
        raise WeightsError(f"{run.start_from} holds another architecture than ours")
    pictures = load_held_out(run.validation, most=VALIDATED, say=_say)
    scores = validate_on_frames(networks, pictures)
    write_atomically(kept, json.dumps(scores, indent=2).encode(), overwrite=True)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """The lock of a folder, with this process's number in it; the system frees it at any end."""
    with (out / "lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(f"another process trains in {out}") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _tidy(out: Path) -> None:
    """Take away what a killed process was still writing."""
    for pattern in (".weights.*", "snapshots/.step-*", "checkpoints/.step-*"):
        for half in out.glob(pattern):
            shutil.rmtree(half, ignore_errors=True)


def _copy_source(out: Path) -> None:
    """Lay the code that runs here into the run's folder."""
    package = Path(__file__).parents[1]
    target, made = out / "source", out / ".source"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(package, made / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    if not package.is_relative_to(target.resolve()):
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    shutil.rmtree(made, ignore_errors=True)


def _modestly(niceness: int) -> list[str]:
    ionice = ["ionice", "-c", "3"] if shutil.which("ionice") else []
    return ["nice", "-n", str(niceness), *ionice]


def _give_way() -> None:
    """Give this session the niceness of its process.

    Where the kernel weighs sessions against each other, a process that is nice in a session of its
    own is so to nobody (*autogroup* in sched(7)).
    """
    with suppress(OSError):
        AUTOGROUP.write_text(str(os.nice(0)), encoding="ascii")


def _log(out: Path) -> Path:
    return out / "run.log"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "work":
            _give_way()
            work(_background(given))
            return 0
        if given.command == "status":
            said = report(given.out, running(given.out))
        elif given.command == "pause":
            said = pause(given.out)
        else:
            said = start(_background(given))
        sys.stdout.write(f"{said.rstrip()}\n")
    except (ImugeError, OSError) as error:
        sys.stderr.write(f"imuge.train.background: {error}\n")
        return USAGE if isinstance(error, ConfigError) else FAILED
    return 0


def _background(given: argparse.Namespace) -> Background:
    return Background(
        out=given.out,
        config=given.config,
        start_from=given.init,
        data=given.data,
        validation=given.validate,
        threads=given.threads,
        niceness=given.nice,
        steps=given.steps,
        checkpoint_minutes=given.checkpoint_minutes,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m imuge.train.background")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("start", "start the run or go on with it, at the lowest priority"),
        ("status", "how far it is, and how good"),
        ("pause", "stop it after its step, with a checkpoint"),
        ("work", "what `start` runs in a process of its own"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run's")
        if name in ("status", "pause"):
            continue
        for option in ("--config", "--init", "--data", "--validate"):
            command.add_argument(option, type=Path, required=True)
        command.add_argument("--threads", type=int, default=2)
        command.add_argument("--nice", type=int, default=19, help="less takes more from others")
        command.add_argument("--steps", type=int, help="length of the run (default: config)")
        command.add_argument("--checkpoint-minutes", type=float, default=CHECKPOINT_MINUTES)
    return parser


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
