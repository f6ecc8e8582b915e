"""Where the reference grid's thresholds lie: honest copies below, edits and other pictures above.

    python -m imuge.bench.trust calibrate --data ../shared/data/train --out docs/scores

Each training picture is published, and its copies are brought to their frame as verifying does;
so what alignment leaves is in the numbers. Edits are pasted after publication and saved as JPEG 75.
Protection that is embedded again changes the grid less than JPEG does, so it is left out here;
`imuge.bench.trust.reembedded` has all of it.
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.command import write_result
from imuge.bench.pictures import SIDE, photographs
from imuge.engine import Engine
from imuge.keys import Key
from imuge.protection.embed import prepare, publish
from imuge.protection.receive import receive
from imuge.protection.verify import OnFrame, framed
from imuge.registry import GridComparison, reference_grid
from imuge.results import Pixels
from imuge.trust.reference import DIFFERENCE, NEARLY_EVERYWHERE, compare_reference
from imuge.weights import load_release

PICTURES = 12
HONEST = (
    "none",
    "jpeg:75",
    "jpeg:30",
    "webp:60",
    "resize:0.8,jpeg:75",
    "crop:0.7,jpeg:75",
    "contrast:1.1,brightness:1.02,jpeg:75",
    "brightness:1.15,jpeg:75",
    "brightness:1.3,jpeg:75",
    "contrast:1.3,jpeg:75",
    "gamma:1.2,jpeg:75",
    "gamma:0.8,jpeg:75",
    "saturation:1.3,jpeg:75",
    "sharpen:1,jpeg:75",
    "blur:1,jpeg:75",
)
EDITS = (("splice", 0.01), ("splice", 0.03), ("inpaint", 0.01), ("inpaint", 0.03), ("text", 0.03))
AFTER_EDIT = "jpeg:75"
KEY = Key.from_secret("bench", bytes(range(32)))


def main(folder: Path, out: Path, count: int | None) -> None:
    """Measure and write reference.json and reference.md."""
    pool = photographs(folder, side=SIDE, count=count or PICTURES)
    engine = Engine(load_release())
    honest: dict[str, list[float]] = {chain: [] for chain in HONEST}
    edited: dict[str, list[float]] = {f"{kind} {area:.0%}": [] for kind, area in EDITS}
    unread = 0
    frames: list[OnFrame] = []
    for number, photograph in enumerate(track(pool, console=Console(stderr=True))):
        host = prepare(engine, photograph.pixels)
        published = publish(engine, photograph.pixels, host, KEY, number).astype(np.uint8)
        reference = _frame(engine, published)
        if reference is None:
            unread += 1
            continue
        frames.append(reference)
        for chain in HONEST:
            copy = resave(published, parse_chain(chain), seed=number)
            unread += _note(honest[chain], reference, _frame(engine, copy))
        other = pool[(number + 1) % len(pool)].pixels
        for kind, area in EDITS:
            rng = np.random.default_rng(number)
            forged = tamper(
                published, kind, area=area, rng=rng, other=other if kind == "splice" else None
            )
            copy = resave(forged.picture, parse_chain(AFTER_EDIT), seed=number)
            unread += _note(edited[f"{kind} {area:.0%}"], reference, _frame(engine, copy))
    shares = [_compare(one, two).share_above(DIFFERENCE) for one, two in pairwise(frames)]
    result = {
        "command": f"python -m imuge.bench.trust calibrate --data DIR --pictures {len(pool)}",
        "imuge": __version__,
        "model": engine.record.name,
        "pictures": len(pool),
        "unread": unread,
        "difference": DIFFERENCE,
        "nearly_everywhere": NEARLY_EVERYWHERE,
        "honest": {chain: _facts(values) for chain, values in honest.items()},
        "edited": {edit: _facts(values) for edit, values in edited.items()},
        "another_picture_share": _facts(shares),
    }
    markdown = to_markdown(result)
    write_result(out, "reference", result, markdown)
    sys.stdout.write(markdown)


def _frame(engine: Engine, pixels: Pixels) -> OnFrame | None:
    """A copy on its frame; None where its message cannot be read."""
    received = receive(engine, pixels, [KEY])
    if received is None or received.reading.message is None:
        return None
    return framed(received)


def _compare(reference: OnFrame, copy: OnFrame) -> GridComparison:
    found = compare_reference(reference_grid(reference.pixels).tobytes(), copy)
    assert found is not None, "these copies show most of their frame"
    return found.comparison


def _note(values: list[float], reference: OnFrame, copy: OnFrame | None) -> int:
    """Keep a copy's largest difference; 1 where it could not be read."""
    if copy is None:
        return 1
    values.append(_compare(reference, copy).maximum)
    return 0


def _facts(values: list[float]) -> dict[str, Any]:
    quantiles = np.quantile(values, (0, 0.05, 0.5, 0.95, 1)).tolist() if values else [None] * 5
    names = ("least", "p05", "p50", "p95", "most")
    above = int(sum(value > DIFFERENCE for value in values))
    return {"copies": len(values), "above": above} | dict(zip(names, quantiles, strict=True))


def to_markdown(result: dict[str, Any]) -> str:
    """The tables as text."""
    lines = [
        f"`{result['command']}`: {result['pictures']} training pictures, release "
        f"{result['model']}. Largest difference of a 3x3 mean of cells, in grey levels; the "
        f"threshold is {result['difference']:g}.",
        "",
        "| copy | least | 5 % | middle | 95 % | most | above the threshold |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in ("honest", "edited"):
        for name, facts in result[kind].items():
            parts = [facts[part] for part in ("least", "p05", "p50", "p95", "most")]
            cells = " | ".join("not read" if part is None else f"{part:.1f}" for part in parts)
            lines.append(f"| {name} | {cells} | {facts['above']} of {facts['copies']} |")
    shares = result["another_picture_share"]
    lines += [
        "",
        f"Another picture differs in {shares['least']:.0%} to {shares['most']:.0%} of the cells "
        f"(middle {shares['p50']:.0%}, 5 % {shares['p05']:.0%}); from "
        f"{result['nearly_everywhere']:.0%} it is called foreign. Copies that could not be read: "
        f"{result['unread']}.",
    ]
    return "\n".join(lines) + "\n"
