"""Sets the working points of a release: thresholds, minimum areas, and how faint is too faint.

On training pictures only. Untouched pictures go through ordinary processing. How clearly each
reads, the share of beacon signs that agree, sorts them: the share stated as bound may read too
faintly to be judged at all under the worst processing; the others are faint, clear or pristine,
parted by what no picture exceeds after JPEG 50 and after JPEG 85. From the faint to the pristine,
of the points at which at most the bound shows any region, whatever the processing, the one with
the best F1 on tampered pictures is taken.

    imuge calibrate --data ../shared/data/train
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.pictures import Photograph, photographs
from imuge.engine.canvas import to_canvas
from imuge.errors import ConfigError
from imuge.guard import Guard
from imuge.keys import Key
from imuge.protection.locate import Located, label_pieces, locate
from imuge.results import Pixels
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
    "jpeg:90,jpeg:65",
    "webp:85",
    "avif:75",
    "resize-back:0.7",
    "resize-back:1.5",
    "blur:0.8",
    "noise:4",
    "contrast:1.2",
    "saturation:0.5",
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
COMMAND = "imuge calibrate --data ../shared/data/train"


@dataclass(frozen=True, slots=True)
class Reactions:
    """How the localizer reacted to pictures at every threshold and minimum area tried."""

    # (pictures, processing, thresholds), the most pixels that speak for one piece
    largest: NDArray[np.int64]
    agreement: NDArray[np.float64]  # (pictures, processing), of beacon signs
    f1: NDArray[np.float64]  # (tampered pictures, thresholds, areas)
    tampered_agreement: NDArray[np.float64]  # (tampered pictures,)

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        """Those of some pictures alone."""
        tampered = np.repeat(chosen, len(self.tampered_agreement) // len(chosen))
        return type(self)(
            largest=self.largest[chosen],
            agreement=self.agreement[chosen],
            f1=self.f1[tampered],
            tampered_agreement=self.tampered_agreement[tampered],
        )


def react(guard: Guard, image_id: int, received: Pixels) -> Located:
    """What the product says of a copy before any threshold, whether it could read the id or not."""
    canvas = to_canvas(received)
    revealed = guard.engine.reveal(canvas.image)
    return locate(guard.engine, canvas, revealed, guard.keys[0], image_id)


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one picture, as `find_regions` sees them."""

    areas: NDArray[np.int64]  # (pieces,), pixels
    hits: NDArray[np.int64]  # (pieces,), how many of them are truly tampered
    speaking: NDArray[np.int64]  # (thresholds, pieces), how many are above each threshold

    @classmethod
    def of(cls, probability: NDArray[np.float32], true: NDArray[np.bool_] | None = None) -> Self:
        """The pieces of a picture; `true` (H, W) is what was tampered with, None: nothing."""
        labels, count = label_pieces(probability)

        def count_by_piece(pixels: NDArray[np.bool_]) -> NDArray[np.int64]:
            return np.bincount(labels[pixels], minlength=count + 1)[1:]

        everything = np.ones(labels.shape, bool)
        return cls(
            areas=count_by_piece(everything),
            hits=count_by_piece(~everything if true is None else true),
            speaking=np.stack([count_by_piece(probability > t) for t in THRESHOLDS]),
        )

    def largest(self) -> list[int]:
        """At every threshold, the most pixels that speak for one piece."""
        return [int(counts.max(initial=0)) for counts in self.speaking]

    def f1(self, true: int) -> list[list[float]]:
        """At every threshold and minimum area, the F1 where `true` pixels were tampered with."""
        return [
            [self._f1(counts >= max(least, 1), true) for least in AREAS] for counts in self.speaking
        ]

    def _f1(self, kept: NDArray[np.bool_], true: int) -> float:
        return float(2 * self.hits[kept].sum() / (self.areas[kept].sum() + true))


def measure(guard: Guard, pictures: list[Photograph], progress: Iterable[int]) -> Reactions:
    """Reactions to untouched and to tampered pictures, each after processing."""
    largest, agreements, scores, tampered_agreements = [], [], [], []
    for i in progress:
        made = guard.immunize(pictures[i].pixels)
        image_id = int(made.image_id, 16)
        for chain in PROCESSING:
            received = resave(made.image, parse_chain(chain))
            located = react(guard, image_id, received)
            largest.append(Pieces.of(located.probability).largest())
            agreements.append(located.clarity)
        for number, (kind, area) in enumerate(TAMPERING):
            rng = np.random.default_rng([i, number])
            forged = tamper(made.image, kind, area=area, rng=rng, other=pictures[i - 1].pixels)
            chain = AFTER_TAMPERING[(i + number) % len(AFTER_TAMPERING)]
            located = react(guard, image_id, resave(forged.picture, parse_chain(chain)))
            pieces = Pieces.of(located.probability, forged.mask)
            scores.append(pieces.f1(int(forged.mask.sum())))
            tampered_agreements.append(located.clarity)
    shape = (len(pictures), len(PROCESSING))
    return Reactions(
        largest=np.array(largest).reshape(*shape, len(THRESHOLDS)),
        agreement=np.array(agreements).reshape(shape),
        f1=np.array(scores),
        tampered_agreement=np.array(tampered_agreements),
    )


def choose(reactions: Reactions, *, bound: float, command: str) -> Calibration:
    """The best working points within the bound.

    What they reach on the pictures that they were chosen on flatters them. So points are also
    chosen on each half of the pictures and tried on the other.

    Raises:
        ConfigError: no point tried stays within the bound.
    """
    points = _best_points(reactions, bound)
    half = np.arange(len(reactions.agreement)) % 2 == 0
    others = [
        alarms(reactions.of(~chosen), _best_points(reactions.of(chosen), bound))
        for chosen in (half, ~half)
    ]
    return Calibration(
        points=points,
        bound=bound,
        reached=float(alarms(reactions, points).max()),
        held_out=float(np.mean(others, axis=0).max()),
        pictures=len(reactions.agreement),
        command=command,
    )


def alarms(reactions: Reactions, points: Sequence[WorkingPoint]) -> NDArray[np.float64]:
    """The share of untouched pictures that show any region, for each processing.

    Args:
        reactions: Of these pictures.
        points: For the clearest pictures first; what reads less clearly than the last is `degraded`
            and shows none.
    """
    shows = np.zeros(reactions.agreement.shape, bool)
    unjudged = np.ones(reactions.agreement.shape, bool)
    for point in points:
        now = unjudged & (reactions.agreement >= point.minimum_agreement)
        largest = reactions.largest[:, :, THRESHOLDS.index(point.threshold)]
        shows |= now & (largest >= max(point.minimum_area, 1))
        unjudged &= ~now
    shares: NDArray[np.float64] = shows.mean(0)
    return shares


def _best_points(reactions: Reactions, bound: float) -> tuple[WorkingPoint, ...]:
    """The best point for each clarity, the clearest first."""
    worst = float(np.quantile(reactions.agreement, bound, axis=0).min())
    edges = [reactions.agreement[:, PROCESSING.index(name)].max() for name in CLEARER_THAN]
    lows = [worst, *(float(edge) for edge in edges)]
    points: list[WorkingPoint] = []
    spent = np.zeros(len(PROCESSING))
    for low, high in zip(lows, [*lows[1:], 1.01], strict=True):
        point, found = _best_point(reactions, low, high, bound - spent)
        points.insert(0, point)
        spent += found
    return tuple(points)


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


def calibrate(
    data: Path,
    release: Path | None = None,
    *,
    pictures: int,
    bound: float,
    reactions: Path | None = None,
) -> Calibration:
    """Measure, choose, and write the release's record.

    Args:
        data: Folder of training pictures.
        release: Folder of the release; None is the shipped one.
        pictures: How many to measure.
        bound: Share of untouched pictures with any region, under the worst processing.
        reactions: Keep what was measured in this .npz file.

    Raises:
        ConfigError: there are too few pictures, or no point tried stays within the bound.
        WeightsError: the release cannot be used.
    """
    folder = release_folder() if release is None else release
    chosen = photographs(data, side=CALIBRATED_SIDE, count=pictures)
    guard = Guard(Key.from_secret("calibration", bytes(32)), weights=folder)
    console = Console(stderr=True)
    measured = measure(guard, chosen, track(range(len(chosen)), "measuring", console=console))
    if reactions is not None:
        np.savez(reactions, **asdict(measured))
    command = f"{COMMAND} --pictures {len(chosen)} --bound {bound:g}"
    calibration = choose(measured, bound=bound, command=command)
    record = read_record(folder)
    write_record(record.model_copy(update={"calibration": calibration}), folder)
    return calibration
