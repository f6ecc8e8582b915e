"""Sets the working points of a release: thresholds, minimum areas, and how faint is too faint.

On training pictures only. Untouched pictures go through ordinary processing. How clearly each
reads, the share of beacon signs that agree, sorts them: the share stated as bound may read too
faintly to be judged at all under the worst processing; the others are faint, clear or pristine,
parted by what no picture exceeds after JPEG 50 and after JPEG 85. From the faint to the pristine,
of the points at which at most the bound shows any region, whatever the processing, the one with
the best F1 on tampered pictures is taken.

    python -m imuge.bench.calibrate --data ../shared/data/train
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy import ndimage

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.pictures import Photograph, photographs
from imuge.bench.published import published_with
from imuge.errors import ConfigError
from imuge.guard import Guard
from imuge.image.padding import to_canvas
from imuge.keys import TEMPLATE_CHANNELS, Key
from imuge.results import Pixels
from imuge.verification import (
    beacon_agreement,
    localize,
    look_for_beacon,
)
from imuge.weights import (
    CALIBRATED_SIDE,
    Calibration,
    WorkingPoint,
    read_record,
    release_folder,
    write_record,
)

PROCESSING = (
    "none",
    "jpeg:85",
    "jpeg:70",
    "jpeg:60",
    "jpeg:50",
    "resize-back:0.7",
    "resize-back:1.5",
    "blur:0.8",
)
TAMPERING = (
    ("splice", 0.004),
    ("splice", 0.02),
    ("splice", 0.2),
    ("copy-move", 0.1),
    ("inpaint", 0.05),
)
CLEARER_THAN = ("jpeg:50", "jpeg:85")
AFTER_TAMPERING = ("none", "jpeg:75", "jpeg:50")
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
AREAS = (32, 64, 128, 192, 256, 384, 512, 640, 768, 1024, 1280, 1536, 2048)
COMMAND = "python -m imuge.bench.calibrate --data ../shared/data/train"


@dataclass(frozen=True, slots=True)
class Reactions:
    """How the localizer reacted to pictures at every threshold and minimum area tried."""

    largest: NDArray[np.int64]  # (pictures, processing, thresholds), pixels of the largest region
    agreement: NDArray[np.float64]  # (pictures, processing), of beacon signs
    f1: NDArray[np.float64]  # (tampered pictures, thresholds, areas)
    tampered_agreement: NDArray[np.float64]  # (tampered pictures,)


def react(guard: Guard, image_id: int, received: Pixels) -> tuple[NDArray[np.float32], float]:
    """Probability of each pixel to be tampered, and how clearly the picture reads."""
    canvas = to_canvas(received)
    revealed, key, _ = look_for_beacon(guard.engine, canvas, guard.keys)
    expected, hidden = published_with(guard.engine, key, image_id, canvas, revealed)
    probability = localize(guard.engine, canvas, revealed, expected, hidden)
    agreement, _ = beacon_agreement(revealed[-TEMPLATE_CHANNELS:], expected, canvas, probability)
    return probability, agreement


def _pieces(
    mask: NDArray[np.bool_], true: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Area of every connected piece, and how much of it is truly tampered, in pixels."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    hits = areas * 0
    if true is not None:
        hits = np.bincount(labels[true], minlength=count + 1)[1:]
    return areas, hits


def _f1(areas: NDArray[np.int64], hits: NDArray[np.int64], least: int, true: int) -> float:
    kept = areas >= max(least, 1)
    return float(2 * hits[kept].sum() / (areas[kept].sum() + true))


def measure(guard: Guard, pictures: list[Photograph], progress: Iterable[int]) -> Reactions:
    """Reactions to untouched and to tampered pictures, each after processing."""
    largest, agreements, scores, tampered_agreements = [], [], [], []
    for i in progress:
        made = guard.immunize(pictures[i].pixels)
        image_id = int(made.image_id, 16)
        for chain in PROCESSING:
            received = resave(made.image, parse_chain(chain))
            probability, agreement = react(guard, image_id, received)
            pieces = [_pieces(probability > threshold, None)[0] for threshold in THRESHOLDS]
            largest.append([areas.max(initial=0) for areas in pieces])
            agreements.append(agreement)
        for number, (kind, area) in enumerate(TAMPERING):
            rng = np.random.default_rng([i, number])
            forged = tamper(made.image, kind, area=area, rng=rng, other=pictures[i - 1].pixels)
            chain = AFTER_TAMPERING[(i + number) % len(AFTER_TAMPERING)]
            probability, agreement = react(
                guard, image_id, resave(forged.picture, parse_chain(chain))
            )
            true = int(forged.mask.sum())
            found = [_pieces(probability > threshold, forged.mask) for threshold in THRESHOLDS]
            scores.append([[_f1(*piece, area, true) for area in AREAS] for piece in found])
            tampered_agreements.append(agreement)
    shape = (len(pictures), len(PROCESSING))
    return Reactions(
        largest=np.array(largest).reshape(*shape, len(THRESHOLDS)),
        agreement=np.array(agreements).reshape(shape),
        f1=np.array(scores),
        tampered_agreement=np.array(tampered_agreements),
    )


def choose(reactions: Reactions, *, bound: float, command: str) -> Calibration:
    """The best working points within the bound.

    Raises:
        ConfigError: no point tried stays within the bound.
    """
    worst = float(np.quantile(reactions.agreement, bound, axis=0).min())
    edges = [reactions.agreement[:, PROCESSING.index(name)].max() for name in CLEARER_THAN]
    lows = [worst, *(float(edge) for edge in edges)]
    points: list[WorkingPoint] = []
    alarms = np.zeros(len(PROCESSING))
    for low, high in zip(lows, [*lows[1:], 1.01], strict=True):
        point, found = _best_point(reactions, low, high, bound - alarms)
        points.insert(0, point)
        alarms += found
    return Calibration(
        points=tuple(points),
        bound=bound,
        reached=float(alarms.max()),
        pictures=len(reactions.agreement),
        command=command,
    )


def _best_point(
    reactions: Reactions, low: float, high: float, room: NDArray[np.float64]
) -> tuple[WorkingPoint, NDArray[np.float64]]:
    """The best point for pictures that read from `low` to below `high`, and its alarms.

    Alarms and the room for them are shares of all pictures, for each processing.
    """
    inside = (reactions.agreement >= low) & (reactions.agreement < high)
    tampered = (reactions.tampered_agreement >= low) & (reactions.tampered_agreement < high)
    best: tuple[float, WorkingPoint, NDArray[np.float64]] | None = None
    for i, threshold in enumerate(THRESHOLDS):
        for j, area in enumerate(AREAS):
            alarms = ((reactions.largest[:, :, i] >= area) & inside).mean(0)
            score = float(reactions.f1[tampered, i, j].mean()) if tampered.any() else 0.0
            if (alarms <= room + 1e-9).all() and (best is None or score > best[0]):
                point = WorkingPoint(
                    minimum_agreement=round(low, 3), threshold=threshold, minimum_area=area
                )
                best = (score, point, alarms)
    if best is None:
        raise ConfigError(f"no working point keeps false alarms within {room.max():.1%}")
    return best[1], best[2]


def main(arguments: list[str] | None = None) -> None:
    """Measure, choose, and write the release's record."""
    parser = argparse.ArgumentParser(description="Set the working points of a release.")
    parser.add_argument("--data", type=Path, required=True, help="folder of training pictures")
    parser.add_argument("--release", type=Path, default=release_folder())
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument(
        "--bound",
        type=float,
        default=0.05,
        help="share of untouched pictures with any region, under the worst processing",
    )
    parser.add_argument("--reactions", type=Path, help="keep what was measured, as .npz")
    options = parser.parse_args(arguments)
    pictures = photographs(options.data, side=CALIBRATED_SIDE, count=options.pictures)
    guard = Guard(Key.from_secret("calibration", bytes(32)), weights=options.release)
    console = Console(stderr=True)
    reactions = measure(guard, pictures, track(range(len(pictures)), "measuring", console=console))
    if options.reactions:
        np.savez(options.reactions, **asdict(reactions))
    command = f"{COMMAND} --pictures {len(pictures)} --bound {options.bound:g}"
    calibration = choose(reactions, bound=options.bound, command=command)
    record = read_record(options.release)
    write_record(record.model_copy(update={"calibration": calibration}), options.release)
    sys.stdout.write(calibration.model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
