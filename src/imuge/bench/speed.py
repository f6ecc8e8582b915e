"""Seconds and memory of the whole product, beside those of the bare graphs, in one run.

    python -m imuge.bench.speed --out out/bench

Ratios are what counts: machines are shared and noisy. *Its graphs alone* is one run of each graph
that the call cannot do without, on the whole picture, with nothing around it. *All graphs inside
the call* adds what it runs beyond that: the sample of the hidden copy, for one.
"""

import argparse
import io
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.demo import host_photograph
from imuge.engine import Engine, available_threads
from imuge.guard import Guard
from imuge.image.padding import to_canvas
from imuge.keys import Key
from imuge.results import Pixels

REPEATS = 7
SMALL = 512
SIZES = {"1": (1152, 864), "4": (2304, 1728), "12": (4000, 3000), "24": (6000, 4000)}  # Mpx


class Clocked(Engine):
    """An engine that adds up how long its graphs run."""

    seconds = 0.0

    def _run(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed through
        start = time.perf_counter()
        try:
            return super()._run(*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - start


def scene(width: int, height: int) -> Pixels:
    """A photograph of any size: the demo's, enlarged, with some grain so that it is no easy one."""
    image = Image.fromarray(host_photograph()).resize((width, height), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 3, (height, width, 1))
    return (np.asarray(image) + grain).round().clip(0, 255).astype(np.uint8)


def overheads(threads: int) -> dict[str, dict[str, float]]:
    """Whole calls at 512x512 beside the bare graphs, one picture after the other."""
    engine = Clocked(threads=threads)
    guard = Guard(Key.from_secret("bench", bytes(range(32))), threads=threads)
    guard.engine = engine
    host = scene(SMALL, SMALL)
    made = guard.immunize(host)
    forged = tamper(made.image, "splice", area=0.2, rng=np.random.default_rng(1), other=host[::-1])
    received = resave(forged.picture, parse_chain("jpeg:70"))
    bare = _bare_graphs(engine, host)
    marking = ("encode", "embed")
    seeing = ("encode",) if engine.record.options.code_evidence else ()
    checking = ("reveal", "reveal", *seeing, "localize")  # earlier protection, then the result
    return {
        "immunize": _against(engine, lambda: guard.immunize(host), bare, marking + checking),
        "immunize, the marking graphs alone": _against(
            engine, lambda: guard.immunize(host), bare, marking
        ),
        "verify, tampered": _against(
            engine, lambda: guard.verify(received), bare, ("reveal", *seeing, "localize", "recover")
        ),
        "verify, intact": _against(
            engine, lambda: guard.verify(made.image), bare, ("reveal", *seeing, "localize")
        ),
    }


def _bare_graphs(engine: Clocked, host: Pixels) -> dict[str, Callable[[], object]]:
    """One run of each graph on the whole picture, with nothing around it."""
    image = to_canvas(host).image
    side = SMALL // 8
    payload = np.ones((30, side, side), np.float32)
    template = np.ones((6, side, side), np.float32)
    codes = np.ones((26, side, side), np.float32)
    mask = np.ones((1, SMALL, SMALL), np.float32)
    return {
        "encode": lambda: engine.encode(image),
        "embed": lambda: engine.embed(image, payload, 1.0),
        "reveal": lambda: engine.reveal(image),
        "localize": lambda: engine.localize(image, payload, template),
        "recover": lambda: engine.recover(image, mask, codes),
    }


def _against(
    engine: Clocked,
    call: Callable[[], object],
    bare: dict[str, Callable[[], object]],
    graphs: tuple[str, ...],
) -> dict[str, float]:
    """Median seconds of a call, of these graphs alone, and of all graphs inside the call."""
    whole, alone, inside = [], [], []
    for _ in range(REPEATS):
        engine.seconds = 0.0
        start = time.perf_counter()
        call()
        middle = time.perf_counter()
        inside.append(engine.seconds)
        for name in graphs:
            bare[name]()
        whole.append(middle - start)
        alone.append(time.perf_counter() - middle)
    return {
        "s": median(whole),
        "alone_s": median(alone),
        "ratio": median(a / b for a, b in zip(whole, alone, strict=True)),
        "inside_s": median(inside),
        "inside_ratio": median(a / b for a, b in zip(whole, inside, strict=True)),
    }


def large(megapixels: str, threads: int) -> dict[str, Any]:
    """Immunize and verify one large JPEG in this process: seconds and peak memory."""
    width, height = SIZES[megapixels]
    buffer = io.BytesIO()
    Image.fromarray(scene(width, height)).save(buffer, "JPEG", quality=95, subsampling=0)
    file = buffer.getvalue()
    before = _peak_gb()
    guard = Guard(Key.from_secret("bench", bytes(range(32))), threads=threads)
    start = time.perf_counter()
    made = guard.immunize(file)
    middle = time.perf_counter()
    pixels = np.array(Image.open(io.BytesIO(made.image)).convert("RGB"))
    box = (slice(height // 4, height // 2), slice(width // 4, width // 2))
    pixels[box] = pixels[box][:, ::-1]
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    ready = time.perf_counter()
    verdict = guard.verify(buffer.getvalue())
    end = time.perf_counter()
    size = width * height / 1e6
    return {
        "megapixels": size,
        "immunize_s": middle - start,
        "immunize_s_per_mpx": (middle - start) / size,
        "verify_s": end - ready,
        "verify_s_per_mpx": (end - ready) / size,
        "peak_gb_before": before,
        "peak_gb": _peak_gb(),
        "verdict": verdict.verdict,
        "tampered_area": verdict.tampered_area,
        "recovered": verdict.recovered is not None,
    }


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _in_own_process(megapixels: str, threads: int) -> dict[str, Any]:
    """Peak memory is a process's, so every size gets a fresh one."""
    command = [sys.executable, "-m", "imuge.bench.speed", "--one", megapixels]
    done = subprocess.run(  # noqa: S603 - our own module
        [*command, "--threads", str(threads)], check=True, capture_output=True, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def to_markdown(result: dict[str, Any]) -> str:
    """The tables as text."""
    lines = [
        "| 512x512 | s | its graphs alone, s | ratio | all graphs inside the call, s | ratio |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['s']:.2f} | {row['alone_s']:.2f} | {row['ratio']:.2f} "
        f"| {row['inside_s']:.2f} | {row['inside_ratio']:.2f} |"
        for name, row in result["overheads"].items()
    ]
    lines += [
        "",
        "| megapixels | immunize s | s/Mpx | verify s | s/Mpx | peak GB |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['megapixels']:.1f} | {row['immunize_s']:.0f} | {row['immunize_s_per_mpx']:.1f} "
        f"| {row['verify_s']:.0f} | {row['verify_s_per_mpx']:.1f} | {row['peak_gb']:.2f} |"
        for row in result["large"].values()
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write speed.json and speed.md."""
    parser = argparse.ArgumentParser(description="Time and memory beside the bare graphs.")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--one", choices=SIZES, help="measure one size in this process, as JSON")
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(large(options.one, options.threads)))
        return
    result = {
        "command": "python -m imuge.bench.speed --out DIR",
        "machine": platform.platform(),
        "threads": options.threads,
        "overheads": overheads(options.threads),
        "large": {size: _in_own_process(size, options.threads) for size in options.sizes},
    }
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
        (options.out / "speed.md").write_text(to_markdown(result))
    sys.stdout.write(to_markdown(result))


if __name__ == "__main__":
    main()
