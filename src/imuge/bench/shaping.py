"""What the curve of the residual's gain costs and wins: the trade behind `Shaping`'s defaults.

On training pictures, since the curve is chosen from it.

    python scripts/fetch_photographs.py --out DIR --whole 1200
    python -m imuge.bench.shaping --data DIR/whole --pictures 12 --out docs/scores

For every curve: fidelity at the picture's own size and where it is fitted to a screen, how much
flat areas change, and what is found and recovered in copies. What was measured already is kept in
OUT/shaping.json, so that a stopped run goes on.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.command import as_command
from imuge.bench.scores import f1, psnr_db, ssim
from imuge.engine import Engine
from imuge.errors import ImageError
from imuge.files import make_folder
from imuge.image import from_array, load
from imuge.keys import Key
from imuge.protection.embed import Host, prepare, publish
from imuge.protection.frame import to_frame
from imuge.protection.shaping import Shaping, local_deviation, luminance
from imuge.protection.verify import probability_of, verify
from imuge.results import Pixels

CURVES = {
    "as the networks give it": Shaping(flat=1.0, busy=1.0, chrominance=1.0),
    "colour halved": Shaping(flat=1.0, busy=1.0, chrominance=0.5),
    "flat 0.7 from level 6": Shaping(flat=0.7, busy=1.0, level=6.0, chrominance=0.5),
    "flat 0.7 from level 12": Shaping(flat=0.7, busy=1.0, level=12.0, chrominance=0.5),
    "flat 0.6 from level 12": Shaping(flat=0.6, busy=1.0, level=12.0, chrominance=0.5),
}
COPIES = ("long-edge:1600,jpeg:70", "long-edge:1080,jpeg:75", "long-edge:1080,jpeg:50")
AREA = 0.1
FLAT = 2.0  # grey levels of local deviation on the frame
SCREEN = 900  # pixels of the longer side, fitted to a screen
PLAIN = 0.5


def measure(
    engine: Engine, key: Key, host: Pixels, other: Pixels, curve: Shaping, seed: int
) -> Any:  # noqa: ANN401
    """One picture under one curve."""
    prepared = prepare(engine, host)
    published = publish(engine, host, prepared, key, seed + 1, shaping=curve).astype(np.uint8)
    row: dict[str, Any] = {
        "psnr_db": psnr_db(host, published),
        "ssim": ssim(host, published),
        "ssim_screen": ssim(_fitted(host, SCREEN), _fitted(published, SCREEN)),
        "flat": _flat_change(host, published, prepared),
    }
    rng = np.random.default_rng(seed)
    forged = tamper(published, "splice", area=AREA, rng=rng, other=other)
    for chain in COPIES:
        copy = resave(forged.picture, parse_chain(chain), seed=seed)
        found = verify(engine, from_array(copy), [key])
        size = (copy.shape[1], copy.shape[0])
        true = np.asarray(Image.fromarray(forged.mask).resize(size, Image.Resampling.NEAREST))
        clean = np.asarray(Image.fromarray(host).resize(size, Image.Resampling.LANCZOS))
        probability = probability_of(found)
        marked = np.zeros_like(true) if probability is None else probability > PLAIN
        recovered = copy if found.recovered is None else found.recovered
        row[chain] = {
            "f1": f1(marked, true),
            "recovered_db": psnr_db(recovered, clean, true),
            "read": found.image_id == f"{seed + 1:012x}",
        }
    return row


def _flat_change(host: Pixels, published: Pixels, prepared: Host) -> float | None:
    """Deviation of the change on the frame where the picture is flat; None where it is nowhere."""
    frame = prepared.frame
    scaled = to_frame(host, frame)
    flat = local_deviation(luminance(scaled)) < FLAT
    if flat.mean() < 0.005:  # too few pixels to say anything
        return None
    change = luminance(to_frame(published, frame) - scaled)
    return float(change[flat].std())


def _fitted(pixels: Pixels, side: int) -> Pixels:
    scale = side / max(pixels.shape[:2])
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over pictures."""
    flats = [row["flat"] for row in rows if row["flat"] is not None]
    mean: dict[str, Any] = {
        name: float(np.mean([row[name] for row in rows]))
        for name in ("psnr_db", "ssim", "ssim_screen")
    }
    mean["flat"] = float(np.mean(flats)) if flats else None
    for chain in COPIES:
        mean[chain] = {
            name: float(np.mean([row[chain][name] for row in rows]))
            for name in ("f1", "recovered_db", "read")
        }
    return mean


def to_markdown(result: dict[str, Any]) -> str:
    """The table, a line a curve."""
    lines = [
        "| curve | PSNR | SSIM | SSIM at 900 | flat areas change by | " + " | ".join(COPIES) + " |",
        "|---" * (5 + len(COPIES)) + "|",
    ]
    for name, rows in result["curves"].items():
        mean = summary(list(rows.values()))
        cells = [f"{mean[c]['f1']:.3f} / {mean[c]['recovered_db']:.1f} dB" for c in COPIES]
        flat = "–" if mean["flat"] is None else f"{mean['flat']:.2f}"
        lines.append(
            f"| {name} | {mean['psnr_db']:.2f} | {mean['ssim']:.4f} | {mean['ssim_screen']:.4f} "
            f"| {flat} | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of training pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, default=12, help="how many, evenly spread")
    options = parser.parse_args(arguments)
    make_folder(options.out)
    path = options.out / "shaping.json"
    result: dict[str, Any] = {"command": "python -m imuge.bench.shaping", "curves": {}}
    if path.exists():
        result = json.loads(path.read_text())
    engine, key = Engine(), Key.from_secret("bench", bytes(range(32)))
    names = sorted(p for p in options.data.iterdir() if p.is_file())
    step = max(1, len(names) // options.pictures)
    pictures = []
    for name in names[::step][: options.pictures]:
        try:
            pictures.append((name.name, load(name).pixels))
        except ImageError as error:
            sys.stderr.write(f"left out: {error}\n")
    result["pictures"] = [name for name, _ in pictures]
    units = [(curve, i) for i in range(len(pictures)) for curve in CURVES]
    for curve, i in track(units, "shaping", console=Console(stderr=True)):
        rows = result["curves"].setdefault(curve, {})
        name, host = pictures[i]
        if name in rows:
            continue
        rows[name] = measure(engine, key, host, pictures[i - 1][1], CURVES[curve], seed=i)
        result["settings"] = {name: asdict(curve) for name, curve in CURVES.items()}
        path.write_text(json.dumps(result, indent=1) + "\n")
    (options.out / "shaping.md").write_text(to_markdown(result))
    sys.stdout.write(to_markdown(result))


if __name__ == "__main__":
    as_command(main)
