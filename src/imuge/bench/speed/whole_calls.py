"""Seconds and memory of whole calls of the product: what a person waits for.

Two measurements: small pictures beside the bare graphs, by turns in one process; and one file of
any size, immunized and verified in its own process (`python -m imuge.bench.speed.whole_calls`).
"""

import argparse
import io
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.command import as_command
from imuge.bench.speed.memory import be_killed_first, forget_peak, peak_mb
from imuge.demo import host_photograph
from imuge.engine import Engine
from imuge.engine.canvas import BLOCK, to_canvas
from imuge.errors import ImageError
from imuge.guard import Guard
from imuge.keys import Key
from imuge.results import Pixels, Verdict

REPEATS = 7
SMALL, FRAME = 640, 512  # pixels on a side, of a small picture and of its frame
BAND = 256  # rows


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
    pixels = np.array(image)
    rng = np.random.default_rng(0)
    # In bands: floats of the whole picture would be the peak of memory of everything here.
    for top in range(0, height, BAND):
        band = pixels[top : top + BAND]
        grain = rng.normal(0, 3, (len(band), width, 1))
        band[:] = (band + grain).round().clip(0, 255)
    return pixels


def forged(pixels: Pixels) -> Pixels:
    """A scene (H, W, 3) with a box mirrored: the ground, since mirrored sky shows the same sky."""
    changed = pixels.copy()
    height, width = changed.shape[:2]
    box = (slice(height // 2, 3 * height // 4), slice(width // 8, 3 * width // 8))
    changed[box] = changed[box][:, ::-1]
    return changed


def overheads(threads: int, repeats: int = REPEATS) -> dict[str, dict[str, float]]:
    """Whole calls at 640x640 beside the bare graphs on 512x512, one picture after the other."""
    engine = Clocked(threads=threads)
    guard = Guard(_key(), engine=engine)
    host = scene(SMALL, SMALL)
    made = guard.immunize(host)
    forged = tamper(made.image, "splice", area=0.2, rng=np.random.default_rng(1), other=host[::-1])
    received = resave(forged.picture, parse_chain("jpeg:70"))
    bare = _bare_graphs(engine, scene(FRAME, FRAME))
    marking = ("encode", "embed")
    seeing = ("encode",) if engine.record.options.code_evidence else ()
    checking = ("reveal", *seeing, "localize")  # of the result
    calls: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
        "immunize": (lambda: guard.immunize(host), marking + checking),
        "immunize, the marking graphs alone": (lambda: guard.immunize(host), marking),
        "verify, tampered": (
            lambda: guard.verify(received),
            ("reveal", *seeing, "localize", "recover"),
        ),
        "verify, intact": (lambda: guard.verify(made.image), ("reveal", *seeing, "localize")),
    }
    return {
        name: _against(engine, call, bare, graphs, repeats)
        for name, (call, graphs) in calls.items()
    }


def _key() -> Key:
    return Key.from_secret("bench", bytes(range(32)))


def _bare_graphs(engine: Clocked, host: Pixels) -> dict[str, Callable[[], object]]:
    """One run of each graph on a whole frame, with nothing around it."""
    image = to_canvas(host).image
    side = FRAME // BLOCK
    payload = np.ones((30, side, side), np.float32)
    template = np.ones((6, side, side), np.float32)
    codes = np.ones((26, side, side), np.float32)
    mask = np.ones((1, FRAME, FRAME), np.float32)
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
    repeats: int,
) -> dict[str, float]:
    """Median seconds of a call, of these graphs alone, and of all graphs inside the call."""
    whole, alone, inside = [], [], []
    for _ in range(repeats):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One file immunized, tampered with and verified."""

    immunize_s: float
    verify_s: float
    immunize_peak_mb: float
    verify_peak_mb: float
    verdict: Verdict


def turn(guard: Guard, file: bytes) -> Turn:
    """Immunize a JPEG, mirror a box of it, save it as JPEG 80 and verify that."""
    forget_peak()
    start = time.perf_counter()
    made = guard.immunize(file)
    immunize_s = time.perf_counter() - start
    immunize_peak_mb = peak_mb()
    received = _tampered(made.image)
    forget_peak()
    start = time.perf_counter()
    verdict = guard.verify(received)
    return Turn(
        immunize_s=immunize_s,
        verify_s=time.perf_counter() - start,
        immunize_peak_mb=immunize_peak_mb,
        verify_peak_mb=peak_mb(),
        verdict=verdict,
    )


def _tampered(file: bytes) -> bytes:
    return _jpeg(forged(np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))), quality=80)


def _jpeg(pixels: Pixels, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def large(width: int, height: int, threads: int, repeats: int = 1) -> dict[str, Any]:
    """Immunize and verify one JPEG of this size in this process: seconds and peak memory.

    A size that the product refuses gives `refused`, its sentence.
    """
    be_killed_first()
    file = _jpeg(scene(width, height), quality=95, subsampling=0)
    forget_peak()
    before = peak_mb()
    guard = Guard(_key(), threads=threads)
    size = width * height / 1e6
    try:
        turns = [turn(guard, file) for _ in range(repeats)]
    except ImageError as error:
        return {"megapixels": size, "threads": threads, "refused": str(error)}
    immunize_s = median(one.immunize_s for one in turns)
    verify_s = median(one.verify_s for one in turns)
    peaks = {
        "immunize_peak_gb": max(one.immunize_peak_mb for one in turns) / 1e3,
        "verify_peak_gb": max(one.verify_peak_mb for one in turns) / 1e3,
    }
    verdict = turns[-1].verdict
    return {
        "megapixels": size,
        "threads": threads,
        "repeats": repeats,
        "immunize_s": immunize_s,
        "immunize_s_per_mpx": immunize_s / size,
        "verify_s": verify_s,
        "verify_s_per_mpx": verify_s / size,
        "peak_gb_before": before / 1e3,
        **peaks,
        "peak_gb": max(peaks.values()),
        "verdict": verdict.verdict,
        "tampered_area": verdict.tampered_area,
        "recovered": verdict.recovered is not None,
    }


def large_in_own_process(
    width: int, height: int, *, threads: int, repeats: int = 1
) -> dict[str, Any]:
    """What `large` measures; peak memory is a process's, so every size gets a fresh one.

    Where that process comes to nothing, for want of memory say, there is `failed` and why.
    """
    numbers = [str(number) for number in (width, height, threads, repeats)]
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "imuge.bench.speed.whole_calls", *numbers],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        failed = f"the process ended with status {done.returncode}"
        return {"megapixels": width * height / 1e6, "threads": threads, "failed": failed}
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main(arguments: list[str] | None = None) -> None:
    """Measure one size in this process and print it as JSON."""
    parser = argparse.ArgumentParser(description="Whole calls at one size, for bench.speed.")
    for name in ("width", "height", "threads", "repeats"):
        parser.add_argument(name, type=int)
    options = parser.parse_args(arguments)
    found = large(options.width, options.height, options.threads, options.repeats)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    as_command(main)
