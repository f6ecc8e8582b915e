"""What all commands share: errors as one sentence, progress on standard error, `-` for streams.

Standard output carries results alone: verdicts, JSON, pictures. All else is on standard error.
"""

import errno
import functools
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from imuge.engine.steps import Plan
from imuge.errors import ConfigError, ImageError, ImugeError, shown
from imuge.files import reason, write_atomically
from imuge.image.limits import MAX_BYTES, MAX_PIXELS, Limits

STREAM = Path("-")
FAILED = 1
USAGE = 2
INTERRUPTED = 130
NO_MEMORY = "there is not enough memory for this picture; use a smaller one"

PixelsOption = Annotated[
    float | None,
    typer.Option(
        "--max-megapixels",
        metavar="N",
        min=0.01,
        help=f"Take pictures of up to so many megapixels. [default: {MAX_PIXELS / 1e6:g}]",
    ),
]

Arguments = ParamSpec("Arguments")

console = Console(stderr=True, highlight=False, emoji=False)


def limits_of(megapixels: float | None) -> Limits:
    """Give the limits that `PixelsOption` asks for."""
    return Limits(max_pixels=MAX_PIXELS if megapixels is None else round(megapixels * 1e6))


def prepare_streams() -> None:
    """Let file names that are not UTF-8 be printed; inside JSON the escape means the same name."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str) -> None:
    """Tell the person at the terminal something, on standard error."""
    console.print(escape(text), soft_wrap=True)


def complain(text: str) -> None:
    """Report a failure in one line on standard error."""
    console.print(f"[bold red]imuge:[/] {escape(text)}", soft_wrap=True)


def one_sentence(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """End a command with one sentence and a status instead of a traceback.

    A setting that is out of range is a usage error (2); everything else on purpose is 1.
    """

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (ImugeError, MemoryError, OSError) as error:
            complain(explain(error))
            raise typer.Exit(USAGE if isinstance(error, ConfigError) else FAILED) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error

    return run


def explain(error: ImugeError | MemoryError | OSError) -> str:
    """Say in one sentence what went wrong.

    Raises:
        OSError: `error` itself, where it says that nobody reads our output any more: that ends
            the command without a word.
    """
    if isinstance(error, OSError):
        if error.errno == errno.EPIPE:
            raise error
        return f"cannot use {shown(error.filename or 'standard output')}: {reason(error)}"
    return NO_MEMORY if isinstance(error, MemoryError) else str(error)


def label(source: Path) -> str:
    """Name a source as people know it."""
    return "standard input" if source == STREAM else shown(source)


def read_source(source: Path) -> Path | bytes:
    """A path as it is, or all of standard input for `-`.

    Raises:
        ImageError: standard input is closed, cannot be read, or does not end.
    """
    if source != STREAM:
        return source
    if sys.stdin is None:
        raise ImageError("standard input is closed; redirect a picture into it")
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"cannot read standard input: {reason(error)}") from error
    if len(data) > MAX_BYTES:
        raise ImageError(f"standard input has more than {MAX_BYTES // 2**20} MiB; use less")
    return data


def refuse_folder(source: Path, command: str) -> None:
    """Name the command that takes a folder.

    Raises:
        ImageError: `source` is one.
    """
    if source != STREAM and source.is_dir():
        named = shlex.quote(str(source))
        raise ImageError(
            f"{source} is a folder; all of it is done by: imuge batch {command} {named} --out DIR"
        )


def write_stdout(data: bytes) -> None:
    """Write a picture to standard output, for `-`.

    Raises:
        ImageError: standard output is closed or a terminal.
    """
    if sys.stdout is None:
        raise ImageError("standard output is closed; redirect it to a file")
    if sys.stdout.isatty():
        raise ImageError("a picture is not written to a terminal; redirect standard output")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_output(target: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file, or standard output for `-`."""
    if target == STREAM:
        write_stdout(data)
    else:
        write_atomically(target, data, overwrite=overwrite)


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Say before any work that an output is in the way.

    Raises:
        ImageError: `target` exists and may not be replaced.
    """
    if target != STREAM and target.exists() and not overwrite:
        raise ImageError(f"{target} exists and is not replaced; use --overwrite or another name")


@dataclass(slots=True)
class Outcome:
    """What became of one file: a record of it, or the sentence that says what went wrong."""

    record: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


class Steps:
    """Works through files: shows how far it has come, and lets one fail without the others."""

    def __init__(self, bars: Progress, files: TaskID | None, step: TaskID, plan: Plan) -> None:
        self._bars, self._files, self._step, self._plan = bars, files, step, plan
        self._name = ""

    @contextmanager
    def file(self, source: Path) -> Iterator[Outcome]:
        """Work on one file; a failure is reported and kept, wrong usage ends everything."""
        self._name = "" if source == STREAM else shown(source.name)
        self._plan.begin()
        self._bars.update(self._step, description=escape(self._name), completed=0)
        outcome = Outcome()
        try:
            yield outcome
        except ConfigError:
            raise
        except (ImugeError, MemoryError, OSError) as error:
            outcome.error = explain(error)
            known = shown(source) in outcome.error and source != STREAM
            complain(outcome.error if known else f"{label(source)}: {outcome.error}")
        if self._files is not None:
            self._bars.advance(self._files)

    def step(self, name: str, share: float) -> None:
        """The guard's progress: a step's name and how much of it is done, 0..1."""
        done = self._plan.reached(name, share)
        text = f"{self._name}: {name}" if self._name else name
        self._bars.update(self._step, description=escape(text), completed=done)

    def answer(self, text: str) -> None:
        """Print a result on standard output while the bars, if any, are out of the way."""
        self._bars.stop()
        typer.echo(text)
        self._bars.start()


@contextmanager
def progress(count: int, plan: Plan) -> Iterator[Steps]:
    """Show progress over `count` files; silent where standard error is no terminal."""
    columns = (
        SpinnerColumn(),  # moves within a long step, too
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns,
        console=console,
        transient=True,
        redirect_stdout=False,  # a result goes where standard output goes, bars or none
        disable=not console.is_terminal,
    ) as bars:
        files = bars.add_task(f"{count} files", total=count) if count > 1 else None
        yield Steps(bars, files, bars.add_task("", total=1.0), plan)
