"""Whether presence p-values mean what they say: many keys on pictures that were never protected.

There they must be uniform on [0, 1]. Given a picture, keys are drawn independently, so the values
are independent and the test of Kolmogorov and Smirnov holds. Larger values than uniform ones err on
the safe side; smaller ones would be false alarms.

    python -m imuge.bench.presence --data ../shared/data/validation --out out/presence
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.attacks.resave import parse_chain, resave
from imuge.bench.command import as_command
from imuge.bench.pictures import SIDE, photographs
from imuge.bench.presence.uniformity import (
    BAND,
    LEVELS,
    band,
    ecdf,
    quantiles,
    small_excess_p,
    uniformity,
)
from imuge.engine import Engine
from imuge.engine.canvas import to_canvas
from imuge.errors import to_install
from imuge.files import make_folder, write_atomically
from imuge.keys import TEMPLATE_CHANNELS, Key, read
from imuge.protection.frame import published_frame, to_frame
from imuge.results import Pixels

COMMAND = "python -m imuge.bench.presence --data ../shared/data/validation --out DIR"
CHAINS = ("none", "jpeg:70")
SIDES = (SIDE, 128)  # few blocks a bit are where the approximation is coarsest
KEYS = 200
SMALL = LEVELS[1:]  # levels from which on a value counts as small
SIGNIFICANT = 0.01  # of a test; below it the table speaks up
DRAWN = np.linspace(0, 1, 101)  # levels of the plot

Values = NDArray[np.float64]


def resampled_keys(count: int = KEYS) -> list[Key]:
    """Keys that protect nothing here; the same ones every time."""
    return [Key.from_secret("resampled", number.to_bytes(32, "big")) for number in range(count)]


def presence_values(engine: Engine, picture: Pixels, keys: Sequence[Key]) -> Values:
    """The presence p-value of one picture under each key, (keys,), uncorrected for their number.

    On the frame that the picture would be published on.
    """
    height, width = picture.shape[:2]
    canvas = to_canvas(to_frame(picture, published_frame(width, height)))
    signs = engine.reveal(canvas.image)[-TEMPLATE_CHANNELS:]
    return np.array([read(key, signs, valid=canvas.inside).presence_p for key in keys])


def presence_samples(
    engine: Engine, pictures: Sequence[Pixels], keys: Sequence[Key], steps: Iterable[int]
) -> dict[str, Values]:
    """All p-values by size and processing, `512x512, jpeg:70`; each (pictures · keys,).

    Args:
        engine: The networks.
        pictures: Never protected, 512x512 or more.
        keys: Any.
        steps: Numbers of the pictures.
    """
    found: dict[str, list[Values]] = {}
    for i in steps:
        for side in SIDES:
            cut = np.ascontiguousarray(pictures[i][:side, :side])
            for chain in CHAINS:
                received = resave(cut, parse_chain(chain))
                values = presence_values(engine, received, keys)
                found.setdefault(f"{side}x{side}, {chain}", []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def summary(values: Values) -> dict[str, Any]:
    """Tests of a sample, its shares at the usual levels, and the points of the plots."""
    expected, sorted_values = quantiles(values)
    return {
        **asdict(uniformity(values)),
        "small_excess_p": small_excess_p(values, SMALL),
        "band": band(len(values)),
        "shares": {f"{level:g}": float(ecdf(values, np.array([level]))[0]) for level in LEVELS},
        "ecdf": {"levels": DRAWN.tolist(), "shares": ecdf(values, DRAWN).tolist()},
        "quantiles": {"expected": expected.tolist(), "found": sorted_values.tolist()},
    }


def verdict(row: dict[str, Any]) -> str:
    """One sample in words."""
    if row["small_excess_p"] < SIGNIFICANT:
        return "too many small values"
    if row["ks_p"] < SIGNIFICANT:
        return "not uniform, but not too many small values"
    return "uniform, as far as this sample tells"


def to_markdown(result: dict[str, Any]) -> str:
    """The samples as a table."""
    lines = [
        f"`{result['command']}`: {result['model']}, {len(result['pictures'])} pictures never "
        f"protected, {result['keys']} keys. KS: the test of Kolmogorov and Smirnov against the "
        "uniform distribution, and its p-value; *too many small*: the chance of so many values at "
        f"or below {', '.join(f'{level:g}' for level in SMALL)}.",
        "",
        "| pictures | values | least | "
        + " | ".join(f"≤ {level:g}" for level in LEVELS)
        + " | KS | p | too many small, p | |",
        "|---|---|---|" + "---|" * len(LEVELS) + "---|---|---|---|",
    ]
    for name, row in result["samples"].items():
        shares = " | ".join(f"{share:.4f}" for share in row["shares"].values())
        lines.append(
            f"| {name} | {row['count']} | {row['least']:.1e} | {shares} | {row['ks']:.4f} "
            f"| {row['ks_p']:.2g} | {row['small_excess_p']:.2g} | {verdict(row)} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure and write presence.json, presence.md and, where matplotlib is, presence.svg."""
    parser = argparse.ArgumentParser(description="Presence p-values without any protection.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="only so many, for a quick look")
    parser.add_argument("--keys", type=int, default=KEYS)
    options = parser.parse_args(arguments)
    if options.keys < 1:
        parser.error(f"expected one key or more, got {options.keys}")
    make_folder(options.out)
    pictures = photographs(options.data, side=SIDE, count=options.pictures)
    engine = Engine()
    steps = track(range(len(pictures)), "reading", console=Console(stderr=True))
    keys = resampled_keys(options.keys)
    samples = presence_samples(engine, [picture.pixels for picture in pictures], keys, steps)
    result = {
        "command": f"{COMMAND} --pictures {len(pictures)} --keys {len(keys)}",
        "imuge": __version__,
        "model": engine.record.name,
        "model_sha256": engine.sha256,
        "keys": len(keys),
        "confidence": BAND,
        "pictures": {picture.name: picture.sha256 for picture in pictures},
        "samples": {name: summary(values) for name, values in samples.items()},
    }
    files = {"json": json.dumps(result, indent=1) + "\n", "md": to_markdown(result)}
    try:
        # Imported here: an extra.
        from imuge.bench.presence.plot import presence_svg

        files["svg"] = presence_svg(result)
    except ModuleNotFoundError:
        sys.stderr.write(f"no plot: matplotlib is not installed: {to_install('bench')}\n")
    for suffix, text in files.items():
        write_atomically(options.out / f"presence.{suffix}", text.encode(), overwrite=True)
    sys.stdout.write(files["md"])


if __name__ == "__main__":
    as_command(main)
