"""How well each simulator of JPEG imitates a real encoder: pixels, gradients and time.

    photograph ─┬─ Pillow, 4:2:0 ─► what a file shows ─┐
                └─ each simulator ─► what it shows ────┴─► PSNR

How gradients are held against the encoder: `jpeg_gradients`.

    python -m imuge.bench.jpeg --data ../shared/data/validation \
        --weights run/student.safetensors --out docs/scores --plot docs/images/jpeg-simulators.svg
"""

import argparse
import hashlib
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from imuge import __version__
from imuge.bench.command import as_command
from imuge.bench.jpeg.gradients import NOTHING, encoded, gradients, to_batch, to_quality
from imuge.bench.pictures import Photograph, photographs
from imuge.files import make_folder, write_atomically
from imuge.results import Pixels
from imuge.train.attacks.jpeg import DISTILLED, SIMULATORS, JpegSimulator
from imuge.train.attacks.jpeg.distilled import Distilled, load_student
from imuge.train.attacks.jpeg.student import Student

COMMAND = "python -m imuge.bench.jpeg --data ../shared/data/validation"
QUALITIES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)
SIDE = 256
REPEATS = 15  # of each timing

Way = Callable[[Tensor, Tensor], Tensor]  # picture and quality to what 4:2:0 leaves of it


def ways(student: Student | None) -> tuple[dict[str, JpegSimulator], dict[str, Way]]:
    """The simulators as training meets them, and what each makes of a picture by itself.

    The value of `distilled` in training is that of `exact`; by itself it is its network's, as an
    8-bit file would hold it.
    """
    simulators = dict(SIMULATORS)
    if student is not None:
        simulators[DISTILLED] = Distilled(student)
    return simulators, {name: _alone(one) for name, one in simulators.items()}


def _alone(simulator: JpegSimulator) -> Way:
    if isinstance(simulator, Distilled):
        network = simulator
        return lambda picture, quality: (
            (network.simulate(picture, quality, subsampled=True).clamp(0, 1) * 255).round() / 255
        )
    return lambda picture, quality: simulator(picture, quality, subsampled=True)


def fidelity(own: dict[str, Way], pictures: Iterable[Pixels]) -> dict[str, Any]:
    """PSNR to the real encoder: {name: {quality: {median, worst}}}, decibels."""
    found: dict[str, dict[str, list[float]]] = {
        name: {str(quality): [] for quality in QUALITIES} for name in (NOTHING, *own)
    }
    with torch.no_grad():
        for pixels in pictures:
            picture = to_batch(pixels)
            for quality in QUALITIES:
                real = to_batch(encoded(pixels, quality))
                made = {
                    NOTHING: picture,
                    **{name: way(picture, to_quality(quality)) for name, way in own.items()},
                }
                for name, shown in made.items():
                    found[name][str(quality)].append(_psnr_db(shown, real))
    return {
        name: {
            quality: {"median": median(values), "worst": min(values)}
            for quality, values in rows.items()
        }
        for name, rows in found.items()
    }


def speed(simulators: dict[str, JpegSimulator], pixels: Pixels) -> dict[str, dict[str, float]]:
    """Milliseconds of one picture, and ratios to `exact`; in turn, so that all meet the same."""
    names = list(simulators)
    forward: dict[str, list[float]] = {name: [] for name in names}
    both: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(REPEATS + 1):  # the first makes constants
        for name in names:
            picture = to_batch(pixels).requires_grad_()
            start = time.perf_counter()
            shown = simulators[name](picture, to_quality(75), subsampled=True)
            middle = time.perf_counter()
            shown.sum().backward()  # type: ignore[no-untyped-call]
            if repeat:
                forward[name].append(1000 * (middle - start))
                both[name].append(1000 * (time.perf_counter() - start))
    return {
        name: {
            "forward_ms": median(forward[name]),
            "both_ms": median(both[name]),
            "forward_ratio": _ratio(forward[name], forward["exact"]),
            "both_ratio": _ratio(both[name], both["exact"]),
        }
        for name in names
    }


def _ratio(mine: list[float], its: list[float]) -> float:
    return median(a / b for a, b in zip(mine, its, strict=True))


def _psnr_db(a: Tensor, b: Tensor) -> float:
    return float(-10 * torch.log10((a - b).square().mean().clamp_min(1e-10)))


def to_markdown(result: dict[str, Any]) -> str:
    """The tables as text."""
    rows = result["fidelity"]
    lines = [
        f"`{result['command']}`: {len(result['pictures'])} pictures of {SIDE}x{SIDE}, "
        f"{result['threads']} thread{'s' if result['threads'] != 1 else ''}."
        + _network(result.get("network")),
        "",
        "PSNR to the file of a real encoder (Pillow, 4:2:0), decibels: median, in brackets the "
        "worst picture.",
        "",
        "| quality | " + " | ".join(rows) + " |",
        "|---|" + "---|" * len(rows),
    ]
    for quality in next(iter(rows.values())):
        cells = [_cell(row[quality]) for row in rows.values()]
        lines.append(f"| {quality} | " + " | ".join(cells) + " |")
    qualities = list(next(iter(result["gradients"].values()))["cosine"])
    lines += [
        "",
        "Gradients: cosine between the change that the simulator's derivative foretells and that "
        "of real files (median), in brackets how long the foretold one is beside the real one.",
        "",
        "| | " + " | ".join(f"quality {quality}" for quality in qualities) + " | finite | zeros |",
        "|---|" + "---|" * (len(qualities) + 2),
    ]
    for name, row in result["gradients"].items():
        cells = [f"{row['cosine'][q]:.2f} ({row['length'][q]:.1f})" for q in qualities]
        sane = ["yes" if row["finite"] else "no", f"{row['zeros']:.2%}"] if "zeros" in row else []
        cells += sane or ["", ""]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        f"Time of one {SIDE}x{SIDE} picture, as training meets it (ratio: to `exact`, in one run).",
        "",
        "| | forward, ms | ratio | forward and backward, ms | ratio |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {row['forward_ms']:.1f} | {row['forward_ratio']:.2f} | {row['both_ms']:.1f} "
        f"| {row['both_ratio']:.2f} |"
        for name, row in result["speed"].items()
    ]
    return "\n".join(lines) + "\n"


def _cell(one: dict[str, float]) -> str:
    return f"{one['median']:.1f} ({one['worst']:.1f})"


def _network(network: dict[str, Any] | None) -> str:
    if network is None:
        return ""
    return (
        f" The network of `distilled` has {network['parameters']:,} weights "
        f"(widths {', '.join(str(width) for width in network['config']['widths'])}; SHA-256 "
        f"{network['sha256'][:16]}…)."
    )


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw the medians over quality into an SVG file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from imuge.bench.svg import svg_of

    with mpl.rc_context({"svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name, row in result["fidelity"].items():
            qualities = [int(quality) for quality in row]
            medians = [one["median"] for one in row.values()]
            axes.plot(qualities, medians, "--" if name == NOTHING else "o-", label=name)
        axes.set_xlabel("JPEG quality")
        axes.set_ylabel("median PSNR to a real encoder, dB")
        axes.grid(alpha=0.3)
        axes.legend()
        make_folder(path.parent)
        write_atomically(path, svg_of(figure).encode(), overwrite=True)


def measure(
    pictures: list[Photograph], weights: Path | None, *, console: Console
) -> dict[str, Any]:
    """All numbers.

    Raises:
        WeightsError: the weights cannot be read.
    """
    student = None if weights is None else load_student(weights)
    simulators, own = ways(student)
    pixels = [picture.pixels for picture in pictures]
    result = {
        "imuge": __version__,
        "torch": torch.__version__,
        "machine": platform.platform(),
        "threads": torch.get_num_threads(),
        "pictures": {picture.name: picture.sha256 for picture in pictures},
        "fidelity": fidelity(own, track(pixels, "pixels", console=console)),
        "gradients": gradients(simulators, track(pixels, "gradients", console=console)),
        "speed": speed(simulators, pixels[0]),
    }
    if weights is not None and student is not None:
        result["network"] = {
            "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "parameters": sum(weight.numel() for weight in student.parameters()),
            "config": asdict(student.config),
        }
    return result


def main(arguments: list[str] | None = None) -> None:
    """Measure; write jpeg_simulators.json and, if asked for, a plot."""
    parser = argparse.ArgumentParser(description="Simulators of JPEG beside a real encoder.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--weights", type=Path, help="of `distilled`; without, it is left out")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--plot", type=Path, help="SVG file for a plot; needs matplotlib")
    parser.add_argument("--pictures", type=int, help="how many (default: all)")
    options = parser.parse_args(arguments)
    pictures = photographs(options.data, side=SIDE, count=options.pictures)
    make_folder(options.out)
    result = measure(pictures, options.weights, console=Console(stderr=True))
    with_weights = "" if options.weights is None else " --weights student.safetensors"
    result["command"] = f"{COMMAND}{with_weights} --pictures {len(pictures)} --out DIR"
    (options.out / "jpeg_simulators.json").write_text(json.dumps(result, indent=1) + "\n")
    if options.plot:
        plot(result, options.plot)
    sys.stdout.write(to_markdown(result))


if __name__ == "__main__":
    as_command(main)
