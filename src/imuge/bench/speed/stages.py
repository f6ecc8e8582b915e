"""One stage of the product, at one size and number of threads, in several backends by turns.

    this process ── run ──► child with ONNX Runtime ── seconds ──┐
          │     ── run ──► child with OpenVINO ─────────────────┼─► medians and ratios
          │     ── run ──► child with torch ────────────────────┘
          └──── end ──► every child: its peak of memory, and what it computed

Every backend has a fresh process, since a peak of memory is a process's; only one of them computes
at a time.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imuge.bench.command import as_command
from imuge.bench.speed.backends import BACKENDS, PRODUCT, engine_of
from imuge.bench.speed.memory import be_killed_first, forget_peak, peak_mb, resident_mb
from imuge.demo import host_photograph
from imuge.engine import Engine
from imuge.engine.canvas import BLOCK
from imuge.errors import ConfigError

STAGES = ("encode", "embed", "reveal", "localize", "recover")
SMALLEST = 128  # pixels on a side of the picture that warms a backend up
SAMPLED = 1000  # numbers of the result that backends are compared by
QUARTILES = (0.25, 0.75)

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What is measured together."""

    stage: str
    width: int  # pixels, a multiple of 16
    height: int  # likewise
    threads: int

    @property
    def megapixels(self) -> float:
        """Of the picture."""
        return self.width * self.height / 1e6


def inputs(stage: str, width: int, height: int, engine: Engine) -> dict[str, Array]:
    """What a stage is given: a photograph, and signs or code drawn at random.

    The time does not depend on what is in them.
    """
    small = Image.fromarray(host_photograph()).resize((width, height), Image.Resampling.BICUBIC)
    image = np.empty((3, height, width), np.float32)
    for channel, plane in enumerate(small.split()):
        image[channel] = np.asarray(plane)
    image /= 255
    rng = np.random.default_rng(0)
    grid = (height // BLOCK, width // BLOCK)
    signs = rng.choice(np.array([-1, 1], np.float32), (36, *grid))
    given = {"image": image}
    if stage == "embed":
        given["payload"] = signs[:30]
    if stage == "localize":
        given |= {"revealed": signs[:30], "template": signs[30:]}
        if engine.record.options.code_evidence:
            given["clues"] = np.zeros((48, *grid), np.float32)
    if stage == "recover":
        mask = np.zeros((1, height, width), np.float32)
        mask[:, height // 4 : height // 2, width // 4 : width // 2] = 1
        given |= {"mask": mask, "codes": signs[:26]}
    return given


class Runner:
    """One stage of one picture in one backend, ready to run."""

    def __init__(self, engine: Engine, cell: Cell) -> None:
        self._engine = engine
        self._stage = cell.stage
        self._given = inputs(cell.stage, cell.width, cell.height, engine)
        self._result: Array | None = None

    def run(self) -> float:
        """Compute the stage; seconds."""
        start = time.perf_counter()
        self._result = self._compute(self._given)
        return time.perf_counter() - start

    def warm_up(self) -> None:
        """Load the graph and start its threads, on a small picture."""
        small = inputs(self._stage, SMALLEST, SMALLEST, self._engine)
        self._compute(small)

    def sample(self) -> list[float]:
        """Numbers out of the result, spread evenly."""
        assert self._result is not None
        flat = self._result.ravel()
        return [float(x) for x in flat[:: max(1, flat.size // SAMPLED)]]

    def _compute(self, given: Mapping[str, Array]) -> Array:
        scalars = {"strength": 1.0} if self._stage == "embed" else None
        return self._engine._run(self._stage, given, scalars)


def serve(cell: Cell, backend: str, torch_weights: Path | None) -> None:
    """Be the child: run whenever a line says so, and at its end tell the rest."""
    be_killed_first()
    engine = engine_of(backend, threads=cell.threads, torch_weights=torch_weights)
    runner = Runner(engine, cell)
    before = resident_mb()
    forget_peak()
    runner.warm_up()
    _tell({"ready": True})
    for line in sys.stdin:
        if line.strip() != "run":
            break
        _tell({"s": runner.run()})
    peak = peak_mb()
    _tell({"peak_mb": peak, "above_mb": peak - before, "sample": runner.sample()})


def _tell(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


class _Child:
    """A process that serves one backend; what goes wrong in it ends up in `error`."""

    def __init__(self, cell: Cell, backend: str, torch_weights: Path | None, log: IO[str]) -> None:
        command = [
            sys.executable,
            "-m",
            "imuge.bench.speed.stages",
            json.dumps(asdict(cell)),
            backend,
        ]
        if torch_weights is not None:
            command += ["--torch-weights", str(torch_weights)]
        self.error: str | None = None
        self._log = log
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )

    def read(self) -> dict[str, Any]:
        """The next message; empty once anything went wrong."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline() if self.error is None else ""
        if not line:
            self.error = self.error or self._reason()
            return {}
        message: dict[str, Any] = json.loads(line)
        return message

    def ask(self, what: str) -> dict[str, Any]:
        """Send a line and wait for the answer."""
        assert self._process.stdin is not None
        if self.error is None:
            try:
                self._process.stdin.write(f"{what}\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                self.error = self._reason()
        return self.read()

    def close(self) -> None:
        """Leave no process behind."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def _reason(self) -> str:
        status = self._process.wait()
        self._log.seek(0)
        said = self._log.read().strip().splitlines()
        return said[-1] if said else f"the process ended with status {status}"


def measure(
    cell: Cell, backends: Sequence[str], *, repeats: int, torch_weights: Path | None = None
) -> dict[str, Any]:
    """Measure a stage in all backends by turns.

    Args:
        cell: What to measure.
        backends: Of `BACKENDS`.
        repeats: Measured runs of each backend; with more than one there is another before them,
            which is not timed.
        torch_weights: See `engine_of`.

    Returns:
        The cell's facts, and for each backend `ms_per_mpx` of the picture (the median, and
        quartiles), `peak_mb` of its process, `above_mb` beyond the loaded runtime and the inputs,
        `ratio` of its time to ONNX Runtime's in the same turn (median and quartiles), and
        `difference`, the greatest to ONNX Runtime's result; or `error`.

    Raises:
        ConfigError: `repeats` is below 1.
    """
    if repeats < 1:
        raise ConfigError(f"expected one repeat or more, got {repeats}")
    with ExitStack() as stack:
        children: dict[str, _Child] = {}
        for backend in backends:
            log = stack.enter_context(tempfile.TemporaryFile("w+"))
            children[backend] = _Child(cell, backend, torch_weights, log)
            stack.callback(children[backend].close)
        for child in children.values():
            child.read()  # that it is ready
        seconds: dict[str, list[float]] = {backend: [] for backend in backends}
        warm = repeats > 1
        for turn in range(repeats + warm):
            shift = turn % len(backends)  # nobody is always first
            for backend in (*backends[shift:], *backends[:shift]):
                answer = children[backend].ask("run")
                if answer and turn >= warm:
                    seconds[backend].append(answer["s"])
        ends = {backend: child.ask("end") for backend, child in children.items()}
        errors = {backend: child.error for backend, child in children.items()}
    return {
        **asdict(cell),
        "megapixels": cell.megapixels,
        "repeats": repeats,
        "backends": {
            backend: {"error": errors[backend]}
            if errors[backend] is not None
            else _row(cell, backend, seconds, ends)
            for backend in backends
        },
    }


def _row(
    cell: Cell, backend: str, seconds: Mapping[str, list[float]], ends: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    own, end = seconds[backend], ends[backend]
    speed = [1000 * s / cell.megapixels for s in own]
    row = {
        "ms_per_mpx": median(speed),
        "ms_per_mpx_quartiles": np.quantile(speed, QUARTILES).tolist(),
        "peak_mb": end["peak_mb"],
        "above_mb": end["above_mb"],
    }
    if ends.get(PRODUCT):
        ratios = [a / b for a, b in zip(own, seconds[PRODUCT], strict=True)]
        apart = np.abs(np.subtract(end["sample"], ends[PRODUCT]["sample"]))
        row |= {
            "ratio": median(ratios),
            "ratio_quartiles": np.quantile(ratios, QUARTILES).tolist(),
            "difference": float(apart.max()),
        }
    return row


def main(arguments: list[str] | None = None) -> None:
    """Serve one backend on standard input and output; `measure` starts it."""
    parser = argparse.ArgumentParser(description="One stage in one backend, for bench.speed.")
    parser.add_argument("cell", help="a Cell as JSON")
    parser.add_argument("backend", choices=BACKENDS)
    parser.add_argument("--torch-weights", type=Path)
    options = parser.parse_args(arguments)
    serve(Cell(**json.loads(options.cell)), options.backend, options.torch_weights)


if __name__ == "__main__":
    as_command(main)
