"""What the product costs: whole calls, and each stage in several backends, in one run.

    python -m imuge.bench.speed --out out/bench

Ratios are what counts: machines are shared and noisy. *Its graphs alone* is one run of each graph
that the call cannot do without, on the whole frame, with nothing around it. *All graphs inside
the call* adds what it runs beyond that: the sample of the hidden copy, for one.

All of it would take half an hour on two cores, so there is a limit (`--minutes`): what matters most
is measured first, and what would no longer fit is left out and named.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from imuge import __version__
from imuge.bench.command import as_command, write_result
from imuge.bench.speed.backends import BACKENDS, missing, version
from imuge.bench.speed.stages import STAGES, Cell, measure
from imuge.bench.speed.table import to_markdown
from imuge.bench.speed.whole_calls import REPEATS, large_in_own_process, overheads
from imuge.engine import available_threads
from imuge.files import make_folder

__all__ = ["main", "to_markdown"]

SIZES = {  # of pictures, megapixels
    "1": (1152, 864),
    "12": (4000, 3000),
    "48": (8000, 6000),
    "100": (11552, 8664),
}
FRAMES = {  # of pictures of 4:3 on the frames of each detail
    "robust": (512, 384),
    "normal": (768, 576),
    "fine": (1536, 1152),
}
TURNS = {"robust": 3, "normal": 3, "1": 2}  # measured runs; larger ones get one
MINUTES = 15
# First guesses of seconds a megapixel with one thread, all backends together; then it is measured.
GUESSED_S_PER_MPX = {"whole": 3.0, "stage": 9.0}
START_S = 4.0  # processes to be started for one task


@dataclass(frozen=True, slots=True)
class SpeedTask:
    """Whole calls, or one stage in all backends, at one size and number of threads."""

    size: str  # of SIZES, or of FRAMES for a stage
    threads: int
    stage: str | None = None  # None: whole calls

    def __str__(self) -> str:
        if self.stage is None:
            return f"immunize and verify, {self.size} Mpx, {self.threads} threads"
        return f"{self.stage}, frame {self.size}, {self.threads} threads"

    def computed_mpx(self, repeats: int) -> float:
        """Megapixels that are worked on, all turns together."""
        width, height = SIZES[self.size] if self.stage is None else FRAMES[self.size]
        turns = repeats if self.stage is None else repeats + (repeats > 1)
        return turns * width * height / 1e6


def tasks(
    sizes: Sequence[str], frames: Sequence[str], threads: Sequence[int]
) -> Iterator[SpeedTask]:
    """Everything there is to measure, what matters most first."""
    for count in sorted(set(threads), reverse=True):
        yield from (SpeedTask(size, count) for size in sizes)
        yield from (SpeedTask(frame, count, stage) for frame in frames for stage in STAGES)


@dataclass(slots=True)
class Clock:
    """Says whether a task still fits, from how long its like took per megapixel."""

    end_s: float  # of `time.monotonic`
    rates: dict[tuple[str, int], float] = field(default_factory=dict)  # s/Mpx

    def left_s(self) -> float:
        """Seconds until the end."""
        return self.end_s - time.monotonic()

    def needs_s(self, task: SpeedTask, repeats: int) -> float:
        """Seconds that a task will take."""
        name = task.stage or "whole"
        kind = "stage" if task.stage else "whole"
        rate = self.rates.get((name, task.threads), GUESSED_S_PER_MPX[kind] / task.threads)
        return START_S + rate * task.computed_mpx(repeats)

    def took(self, task: SpeedTask, repeats: int, seconds: float) -> None:
        """Learn from a task that was done."""
        if computed := task.computed_mpx(repeats):
            rate = max(0.0, seconds - START_S) / computed
            self.rates[task.stage or "whole", task.threads] = rate


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSettings:
    """What is measured, and how long it may take."""

    sizes: tuple[str, ...]
    frames: tuple[str, ...]
    threads: tuple[int, ...]
    backends: tuple[str, ...]
    repeats: int | None  # of every task; None: `TURNS`
    minutes: float  # 0: no limit
    torch_weights: Path | None

    def turns(self, size: str) -> int:
        """Measured runs at one size."""
        return self.repeats or TURNS.get(size, 1)


@dataclass(slots=True)
class Findings:
    """What was measured so far."""

    settings: SpeedSettings
    backends: list[str]
    large: dict[int, dict[str, Any]] = field(default_factory=dict)  # by threads, then by size
    stages: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def measure(self, task: SpeedTask, repeats: int) -> None:
        """Do one task."""
        if task.stage is None:
            size = SIZES[task.size]
            found = large_in_own_process(*size, threads=task.threads, repeats=repeats)
            self.large.setdefault(task.threads, {})[task.size] = found
            return
        width, height = FRAMES[task.size]
        cell = Cell(stage=task.stage, width=width, height=height, threads=task.threads)
        weights = self.settings.torch_weights
        self.stages.append(measure(cell, self.backends, repeats=repeats, torch_weights=weights))


def run(settings: SpeedSettings, console: Console, *, started_s: float) -> Findings:
    """Do all tasks that fit into the minutes since `started_s`, of `time.monotonic`."""
    findings = Findings(settings, [name for name in settings.backends if not missing(name)])
    findings.left_out += [why for name in settings.backends if (why := missing(name))]
    clock = Clock(started_s + 60 * (settings.minutes or float("inf")))
    planned = list(tasks(settings.sizes, settings.frames, settings.threads))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(planned))
        for task in planned:
            progress.update(bar, description=str(task))
            repeats = settings.turns(task.size)
            if (needs_s := clock.needs_s(task, repeats)) > clock.left_s():
                findings.left_out.append(f"{task}, about {needs_s:.0f} s more")
            else:
                start = time.monotonic()
                findings.measure(task, repeats)
                clock.took(task, repeats, time.monotonic() - start)
            progress.update(bar, advance=1)
    return findings


def processor() -> str:
    """Name of the processor, as Linux has it; else what Python knows."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main(arguments: list[str] | None = None) -> None:
    """Measure and write speed.json and speed.md."""
    options = _parser().parse_args(arguments)
    quick = options.quick
    settings = SpeedSettings(
        sizes=tuple(options.sizes or (["1"] if quick else SIZES)),
        frames=tuple(options.frames or (["robust"] if quick else FRAMES)),
        threads=tuple(options.threads or ([available_threads()] if quick else _threads())),
        backends=tuple(options.backends),
        repeats=options.repeats or (2 if quick else None),
        minutes=options.minutes,
        torch_weights=options.torch_weights,
    )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    most = max(settings.threads)
    console = Console(stderr=True)
    started_s = time.monotonic()
    with console.status("640x640, on a frame of 512x512, beside the bare graphs"):
        beside = overheads(most, settings.repeats or REPEATS)
    found = run(settings, console, started_s=started_s)
    result = {
        "command": f"python -m imuge.bench.speed --out DIR --minutes {settings.minutes:g}",
        "imuge": __version__,
        "machine": platform.platform(),
        "processor": processor(),
        "load_before": load,  # processes that others ran while this began
        "backends": {name: version(name) for name in found.backends},
        "torch_weights": str(settings.torch_weights or "of the release"),
        "minutes": settings.minutes,
        "threads": most,
        "overheads": beside,
        "large": found.large.pop(most, {}),
        "large_fewer_threads": {str(count): rows for count, rows in found.large.items()},
        "stages": found.stages,
        "left_out": found.left_out,
    }
    if options.out:
        make_folder(options.out)
        write_result(options.out, "speed", result, to_markdown(result))
    sys.stdout.write(to_markdown(result))


def _threads() -> list[int]:
    return sorted({1, min(2, available_threads()), available_threads()})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Time and memory, in several backends.")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, help="megapixels (default: all)")
    parser.add_argument("--frames", nargs="+", choices=FRAMES, help="of stages (default: all)")
    parser.add_argument(
        "--threads", nargs="+", type=_positive, help="default: 1, 2 and all there are"
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    parser.add_argument(
        "--repeats",
        type=_positive,
        help="measured runs of everything (default: fewer at large sizes)",
    )
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"limit; 0 means none (default: {MINUTES})"
    )
    parser.add_argument(
        "--torch-weights", type=Path, help="for torch (default: those in the release's ONNX files)"
    )
    parser.add_argument("--quick", action="store_true", help="one small size and few repeats")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number


if __name__ == "__main__":
    as_command(main)
