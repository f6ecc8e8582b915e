"""Sets the working points of a release: thresholds, minimum areas, and how faint is too faint.

On training pictures only, small squares and whole photographs, on the frames of all three details.
Untouched copies go through ordinary processing. How clearly each reads, the share of beacon signs
that agree, sorts them: the share stated as bound, or more where nothing else keeps to it, may read
too faintly to be judged at all under the worst processing; the others are faint, clear or pristine,
parted by the median after JPEG 50 and after JPEG 85. From the faint to the pristine, of the points
at which at most the bound shows any region, whatever the processing, the one with the best F1 on
tampered pictures is taken. Processing under which no point keeps to the bound is named in the
record, with the share that does show a region.

The content's thresholds come first: what acquits a piece (so strict that hardly any true change is
acquitted), how strong evidence has to be to be a region of its own (half of the bound at most may
be spent on it), and how alike a picture and its own code are at least.

    imuge calibrate --data ../shared/data/train --whole DIR

Every copy is revealed and localized once; what it showed is kept in a journal, so that a run that
was stopped goes on, and a longer one begins with what a shorter one measured.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields
from itertools import chain, product, zip_longest
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.grid.entrants import bench_key
from imuge.bench.grid.work import end_with_parent
from imuge.bench.lines import resumed
from imuge.bench.pictures import Photograph, covering, sampled
from imuge.bench.told import examine_told, mask_on_frame
from imuge.engine import Engine, available_threads
from imuge.engine.canvas import BLOCK
from imuge.errors import ConfigError
from imuge.image import from_array
from imuge.keys import Key, Message
from imuge.protection.content import WINDOWS, likeness
from imuge.protection.embed import prepare, publish
from imuge.protection.frame import Detail, geometry_of, to_frame
from imuge.protection.kinds import Witness, template_there
from imuge.protection.locate import Located, label_pieces, minimum_area
from imuge.results import Pixels
from imuge.weights import (
    Acquittal,
    Calibration,
    WorkingPoint,
    load_release,
    read_record,
    release_folder,
    write_record,
)

# Scale of the copy, and what it is saved as. No copy is smaller than 1.1 times its frame: what
# lies below is read as far as it can be, and nothing is promised of it.
PROCESSING = (
    (1.0, "none"),
    (1.0, "jpeg:85"),
    (1.0, "jpeg:70"),
    (1.0, "jpeg:50"),
    (1.0, "jpeg:40"),
    (1.0, "jpeg:90,jpeg:65"),
    (1.0, "webp:80"),
    (1.0, "webp:60"),
    (1.0, "avif:75"),
    (1.0, "avif:50"),
    (1.0, "noise:4"),
    (1.0, "contrast:1.2"),
    (1.0, "saturation:0.5"),
    (0.75, "jpeg:70"),
    (0.5, "jpeg:50"),
    (0.5, "webp:80"),
    (0.5, "avif:60"),
)
TAMPERING = (
    ("splice", 0.01),
    ("splice", 0.02),
    ("splice", 0.2),
    ("copy-move", 0.1),
    ("inpaint", 0.05),
    ("colour", 0.05),
)
CLEARER_THAN = ("jpeg:50", "jpeg:85")
AFTER_TAMPERING = ((1.0, "none"), (1.0, "jpeg:75"), (0.5, "jpeg:50"))
LEAST_OVERSAMPLING = 1.1
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
AREAS = (32, 64, 128, 192, 256, 384, 512, 640, 768, 1024, 1280, 1536, 2048)
FAINTNESS_STEP = 0.005  # of the least clarity that is tried
# Limits for an acquittal that are tried, the strictest of the first two last.
TOTALS = (2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0)
RELATIVES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
STRONGEST = (-20.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0)
DOUBTS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
VISIBLE = 8.0  # grey levels, the root mean square of a block's difference that is a change
# Share of what truly changed that may be acquitted, over all kinds of tampering. Nearly all of it
# are smooth fills of smooth places and new colours, of which the code tells little; the strictest
# limits tried still acquit 0.011, and at 0.02 two thirds of the false regions after AVIF 50 stay.
MOST_WRONG = 0.065
LOST_SHARE = 0.1  # of untouched copies, that may show a region of lost protection
LEAST_EVIDENCE = 1.0  # mean of a window's blocks; less is what a true change lends its surroundings
CONTENT_SHARE = 0.5  # of the bound, that false regions by content may take
NEVER = 10**6  # a threshold where nothing was measured
SMALLEST_PIECE = 8  # pixels above one half; smaller ones are below every minimum area
# The turn in which squares and whole photographs are published on the three details' frames.
SQUARES: tuple[Detail, ...] = ("normal", "fine")
WHOLES: tuple[Detail, ...] = ("normal", "robust", "normal", "fine")
COMMAND = "imuge calibrate --data ../shared/data/train --whole DIR"
JOURNAL = "calibration.journal.jsonl"
OTHER = "another release or other processing"


Limits: TypeAlias = tuple[float, float, float, float]

NAMES = tuple(f"{scale:g}x, {saved}" for scale, saved in PROCESSING)


def column(chain_text: str) -> int:
    """The number of a processing at own size."""
    return PROCESSING.index((1.0, chain_text))


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one copy on its frame, as `find_regions` and the content see them."""

    areas: NDArray[np.int64]  # (pieces,), pixels
    hits: NDArray[np.int64]  # (pieces,), how many of them are truly tampered
    seen: NDArray[np.int64]  # (pieces,), and of these, where that shows
    speaking: NDArray[np.int64]  # (thresholds, pieces), how many are above each threshold
    total: NDArray[np.float64]  # (pieces,), evidence of content; nan where nothing is known
    relative: NDArray[np.float64]  # (pieces,), its mean, as a share of what is usual in the copy
    strongest: NDArray[np.float64]  # (pieces,), of any window in them
    doubt: NDArray[np.float64]  # (pieces,), of the number of the code that speaks most for a change
    template: NDArray[np.float64]  # (pieces,), share of the template's signs that agree

    @classmethod
    def of(
        cls,
        located: Located,
        true: NDArray[np.bool_] | None = None,
        visible: NDArray[np.bool_] | None = None,
    ) -> Self:
        """The pieces of a copy.

        Args:
            located: What the copy says.
            true: (h, w) on the frame, what was tampered with; None: nothing.
            visible: (h, w), where that shows; None: nowhere.
        """
        probability = located.probability
        labels, count = label_pieces(probability)
        areas = np.bincount(labels.ravel(), minlength=count + 1)
        numbers = np.zeros(count + 1, np.int32)
        kept = np.flatnonzero(areas[1:] >= SMALLEST_PIECE) + 1
        numbers[kept] = np.arange(1, len(kept) + 1)
        labels, count = numbers[labels], len(kept)

        def count_by_piece(pixels: NDArray[np.bool_]) -> NDArray[np.int64]:
            return np.bincount(labels[pixels], minlength=count + 1)[1:]

        everything = np.ones(labels.shape, bool)
        nothing = ~everything
        assert located.content is not None, "a full key was told"
        heard = list(Witness.of(located.content).pieces(labels, count))
        return cls(
            areas=count_by_piece(everything),
            hits=count_by_piece(nothing if true is None else true),
            seen=count_by_piece(nothing if visible is None else visible),
            speaking=np.stack([count_by_piece(probability > t) for t in THRESHOLDS]),
            total=np.array([one.total if one.blocks else np.nan for one in heard]),
            relative=np.array([one.relative for one in heard]),
            strongest=np.array([one.strongest for one in heard]),
            doubt=np.array([one.doubt for one in heard]),
            template=np.array([one.template for one in heard]),
        )

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Self:
        """As `to_line` wrote them."""
        return cls(*(np.array(line[item.name]) for item in fields(cls)))

    def to_line(self) -> dict[str, Any]:
        """Lists of numbers for the journal."""
        return {item.name: getattr(self, item.name).tolist() for item in fields(self)}

    def of_content(self) -> NDArray[np.float64]:
        """(4, pieces): what acquits them or does not."""
        return np.stack([self.total, self.relative, self.strongest, self.doubt])

    def acquitted(self, needed: Acquittal) -> NDArray[np.bool_]:
        """Those of which the content says that they show what was published."""
        # Comparisons with nan are False.
        return (
            (self.total <= -needed.total)
            & (self.relative >= needed.relative)
            & (self.strongest <= needed.strongest)
            & (self.doubt <= needed.doubt)
        )

    def largest(self, left: NDArray[np.bool_]) -> list[int]:
        """At every threshold, the most pixels that speak for one of the pieces left."""
        return [int(counts[left].max(initial=0)) for counts in self.speaking]

    def lost(self, acquitted: NDArray[np.bool_], clarity: float) -> int:
        """Pixels of the largest piece acquitted of which the template is gone."""
        gone = acquitted & (self.template < template_there(clarity))
        return int(self.areas[gone].max(initial=0))

    def f1(self, true: int, least: Sequence[int], left: NDArray[np.bool_]) -> list[list[float]]:
        """At every threshold and minimum area, the F1 where `true` pixels were tampered with."""
        return [
            [self._f1((counts >= max(n, 1)) & left, true) for n in least]
            for counts in self.speaking
        ]

    def _f1(self, kept: NDArray[np.bool_], true: int) -> float:
        return float(2 * self.hits[kept].sum() / (self.areas[kept].sum() + true))


@dataclass(frozen=True, slots=True)
class Reactions:
    """How localizer and content reacted to copies, at every threshold and minimum area tried."""

    # (pictures, processing, thresholds), the most pixels that speak for one piece that is not
    # acquitted; as of a frame of CALIBRATED_SIDE²
    largest: NDArray[np.float64]
    agreement: NDArray[np.float64]  # (pictures, processing), of beacon signs
    f1: NDArray[np.float64]  # (pictures · tampering, thresholds, areas)
    tampered_agreement: NDArray[np.float64]  # (pictures · tampering,)
    evidence: NDArray[np.float64]  # (pictures, processing, windows), the strongest of each side
    lost: NDArray[np.float64]  # (pictures, processing), pixels, as `largest`
    likeness: NDArray[np.float64]  # (pictures, processing), of code and picture

    @classmethod
    def together(cls, lines: Sequence[Mapping[str, Any]], needed: Acquittal) -> Self:
        """Of the journal's lines, a picture each."""
        largest, lost, f1, tampered = [], [], [], []
        for line in lines:
            # The least areas in this frame's own pixels, as the product scales them.
            least = [minimum_area(area, line["pixels"]) for area in AREAS]
            unit = minimum_area(1000, line["pixels"]) / 1000
            copies = [Pieces.from_line(one) for one in line["untouched"]]
            acquitted = [pieces.acquitted(needed) for pieces in copies]
            pairs = list(zip(copies, acquitted, strict=True))
            largest.append(np.array([pieces.largest(~free) for pieces, free in pairs]) / unit)
            clear = zip(pairs, line["agreement"], strict=True)
            lost.append([pieces.lost(free, clarity) / unit for (pieces, free), clarity in clear])
            for one in line["tampered"]:
                pieces = Pieces.from_line(one)
                f1.append(pieces.f1(one["true"], least, ~pieces.acquitted(needed)))
                tampered.append(one["agreement"])
        return cls(
            np.array(largest),
            np.array([line["agreement"] for line in lines]),
            np.array(f1),
            np.array(tampered),
            np.array([line["evidence"] for line in lines]),
            np.array(lost),
            np.array([line["likeness"] for line in lines]),
        )

    def of(self, chosen: NDArray[np.bool_]) -> Self:
        """Those of some pictures alone."""
        tampered = np.repeat(chosen, len(self.tampered_agreement) // len(chosen))
        return type(self)(
            largest=self.largest[chosen],
            agreement=self.agreement[chosen],
            f1=self.f1[tampered],
            tampered_agreement=self.tampered_agreement[tampered],
            evidence=self.evidence[chosen],
            lost=self.lost[chosen],
            likeness=self.likeness[chosen],
        )


def choose_acquittal(lines: Sequence[Mapping[str, Any]]) -> Acquittal:
    """What frees most untouched copies of all false pieces, and hardly any true change of guilt.

    Of true changes, as far as they can be seen, the share of their area counts that is acquitted,
    averaged over the copies: a smooth sky that was filled with a smooth sky shows the same. Of the
    untouched copies it counts how many have no piece of any size left that is not acquitted.

    Args:
        lines: The journal's, a picture each.
    """
    changed = [
        (Pieces.from_line(one), one["seen_in_all"]) for line in lines for one in line["tampered"]
    ]
    pairs = [(pieces.of_content(), pieces.seen / max(total, 1)) for pieces, total in changed]
    true, shares = (np.concatenate(part, -1) for part in zip(*pairs, strict=True))
    untouched, copies = [], []
    for number, one in enumerate(one for line in lines for one in line["untouched"]):
        pieces = Pieces.from_line(one)
        large = pieces.speaking[0] >= AREAS[0]
        untouched.append(pieces.of_content()[:, large])
        copies.append(np.full(int(large.sum()), number))
    false, copy = np.concatenate(untouched, 1), np.concatenate(copies)

    def acquitted(ones: NDArray[np.float64], limits: Limits) -> NDArray[np.bool_]:
        total, relative, strongest, doubt = limits
        free: NDArray[np.bool_] = (
            (ones[0] <= -total)
            & (ones[1] >= relative)
            & (ones[2] <= strongest)
            & (ones[3] <= doubt)
        )
        return free

    def wrong(limits: Limits) -> float:
        return float(shares[acquitted(true, limits)].sum()) / len(changed)

    def accused(limits: Limits) -> tuple[int, int]:
        left = copy[~acquitted(false, limits)]
        return len(np.unique(left)), len(left)

    strictest = (TOTALS[-1], RELATIVES[-1], STRONGEST[0], DOUBTS[0])
    tried = product(TOTALS, RELATIVES, STRONGEST, DOUBTS)
    allowed = [one for one in tried if wrong(one) <= MOST_WRONG]
    best = min([strictest, *allowed], key=accused)
    total, relative, strongest, doubt = best
    return Acquittal(
        total=total, relative=relative, strongest=strongest, doubt=doubt, wrong=wrong(best)
    )


@dataclass(frozen=True, slots=True)
class Unit:
    """One picture on the frame of one detail, and where to paste from."""

    number: int
    picture: Photograph
    donor: Photograph
    detail: Detail


def units(squares: Sequence[Photograph], wholes: Sequence[Photograph]) -> list[Unit]:
    """Every picture once, squares and whole ones by turns, so that any first part is balanced."""
    sets = [
        [
            (
                picture,
                pictures[i - 1 if i else min(1, len(pictures) - 1)],
                details[i % len(details)],
            )
            for i, picture in enumerate(pictures)
        ]
        for pictures, details in ((squares, SQUARES), (wholes, WHOLES))
    ]
    mixed = [one for one in chain.from_iterable(zip_longest(*sets)) if one is not None]
    return [Unit(number, *one) for number, one in enumerate(mixed)]


def measure(engine: Engine, key: Key, unit: Unit) -> dict[str, Any]:
    """Reactions to one picture, untouched and tampered with, each after processing: a line."""
    samples = from_array(unit.picture.pixels).samples
    host = prepare(engine, samples, unit.detail)
    message = Message(unit.number, geometry_of(host.frame))
    published = np.asarray(publish(engine, samples, host, key, unit.number), np.uint8)
    height, width = published.shape[:2]
    untouched, agreement, evidence, alike, tampered = [], [], [], [], []
    for processing in PROCESSING:
        told = examine_told(engine, _copy(published, host.frame.side, processing), key, message)
        code, content = told.located.code, told.located.content
        assert code is not None, "the bench's key is a full one"
        assert content is not None
        untouched.append(Pieces.of(told.located).to_line())
        agreement.append(told.located.clarity)
        evidence.append(content.strongest())
        alike.append(likeness(code, content.seen, ~told.canvas.inside).detail)
    other = covering(unit.donor.pixels, (height, width))
    plain = to_frame(published, host.frame)
    for number, (kind, area) in enumerate(TAMPERING):
        rng = np.random.default_rng([unit.number, number])
        forged = tamper(published, kind, area=area, rng=rng, other=other)
        processing = AFTER_TAMPERING[(unit.number + number) % len(AFTER_TAMPERING)]
        received = _copy(forged.picture, host.frame.side, processing)
        told = examine_told(engine, received, key, message)
        there = mask_on_frame(forged.mask, told.placement_of(width, height), host.frame.size)
        visible = there & differing_blocks(plain, to_frame(forged.picture, host.frame))
        pieces = Pieces.of(told.located, there, visible)
        facts = {
            "true": int(there.sum()),
            "seen_in_all": int(visible.sum()),
            "agreement": told.located.clarity,
        }
        tampered.append(facts | pieces.to_line())
    return {
        "picture": unit.picture.name,
        "sha256": unit.picture.sha256,
        "detail": unit.detail,
        "side": host.frame.side,
        "pixels": host.frame.width * host.frame.height,
        "untouched": untouched,
        "agreement": agreement,
        "evidence": evidence,
        "likeness": alike,
        "tampered": tampered,
    }


def differing_blocks(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels of the blocks in which two frames (h, w, 3) can be told apart, (h, w)."""
    height, width = one.shape[:2]
    padding = ((0, -height % BLOCK), (0, -width % BLOCK))
    squared = np.pad(((one - other) ** 2).mean(2), padding)
    rows, columns = squared.shape[0] // BLOCK, squared.shape[1] // BLOCK
    blocks = squared.reshape(rows, BLOCK, columns, BLOCK).mean((1, 3)) > VISIBLE**2
    return np.kron(blocks, np.ones((BLOCK, BLOCK), bool))[:height, :width]


def _copy(published: Pixels, side: int, processing: tuple[float, str]) -> Pixels:
    """A copy of a picture that was published on a frame of this side."""
    scale, saved = processing
    longer = max(published.shape[:2])
    edge = round(max(scale * longer, LEAST_OVERSAMPLING * side))
    steps = saved if edge >= longer else f"long-edge:{edge},{saved}"
    return resave(published, parse_chain(steps))


class _Process:
    """What a process keeps between two pictures."""

    engine: Engine


def _start(release: Path) -> None:
    end_with_parent()
    _Process.engine = Engine(load_release(release), threads=1)


def _work(unit: Unit) -> dict[str, Any]:
    return measure(_Process.engine, bench_key(), unit)


def measured(wanted: Sequence[Unit], release: Path, journal: Path, *, jobs: int) -> list[Any]:
    """The journal's lines of these pictures; what it lacks is measured and added.

    Raises:
        ConfigError: the journal is of another release or of other processing.
    """
    header = {
        "sha256": load_release(release).sha256,
        "processing": [list(one) for one in PROCESSING],
        "tampering": [list(one) for one in TAMPERING],
        "thresholds": list(THRESHOLDS),
        "windows": list(WINDOWS),
    }
    done = {_name(line): line for line in resumed(journal, header, other=OTHER)}
    missing = [unit for unit in wanted if (unit.picture.sha256, unit.detail) not in done]
    with (
        Progress(console=Console(stderr=True)) as bars,
        ProcessPoolExecutor(
            jobs, get_context("spawn"), initializer=_start, initargs=(release,)
        ) as pool,
        journal.open("a") as file,
    ):
        bar = bars.add_task("measuring", total=len(wanted), completed=len(wanted) - len(missing))
        futures = [pool.submit(_work, unit) for unit in missing]
        for future in as_completed(futures):
            if future.exception() is not None:
                pool.shutdown(wait=False, cancel_futures=True)
            line = future.result()
            done[_name(line)] = line
            file.write(json.dumps(line) + "\n")
            file.flush()
            bars.advance(bar)
    return [done[unit.picture.sha256, unit.detail] for unit in wanted]


def _name(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["sha256"], line["detail"]


def choose(
    reactions: Reactions,
    needed: Acquittal,
    *,
    bound: float,
    command: str,
    frames: Mapping[str, int],
) -> Calibration:
    """The best working points within the bound.

    What they reach on the pictures that they were chosen on flatters them. So points are also
    chosen on each half of the pictures and tried on the other.

    Args:
        reactions: Of all pictures.
        needed: For an acquittal.
        bound: Share of untouched pictures with any region, under the worst processing.
        command: That makes it again.
        frames: How many pictures were published on frames of each side.

    Raises:
        ConfigError: no point tried stays within the bound.
    """
    kept = _within_reach(reactions, bound)
    points = _best_points(reactions, bound, kept)
    half = np.arange(len(reactions.agreement)) % 2 == 0
    others = [
        alarms(reactions.of(~chosen), _best_points(reactions.of(chosen), bound, kept))[kept]
        for chosen in (half, ~half)
    ]
    found = dict(zip(NAMES, alarms(reactions, points).tolist(), strict=True))
    return Calibration(
        points=points,
        acquittal=needed,
        bound=bound,
        reached=max(found[NAMES[i]] for i in kept),
        held_out=float(np.mean(others, axis=0).max()),
        pictures=len(reactions.agreement),
        frames=dict(frames),
        kept={NAMES[i]: found[NAMES[i]] for i in kept},
        beyond={name: found[name] for i, name in enumerate(NAMES) if i not in kept},
        command=command,
    )


def _within_reach(reactions: Reactions, bound: float) -> list[int]:
    """The processing under which points can keep to the bound on all pictures and on both halves.

    Raises:
        ConfigError: there is none.
    """
    half = np.arange(len(reactions.agreement)) % 2 == 0
    parts = (reactions, reactions.of(half), reactions.of(~half))
    # What the strictest point tried lets through, whatever it costs.
    strictest = (reactions.largest[:, :, -1] >= AREAS[-1]).mean(0)
    kept = list(range(len(PROCESSING)))
    while True:
        try:
            for part in parts:
                _best_points(part, bound, kept)
        except ConfigError:
            worst = max(kept, key=lambda i: float(strictest[i]))
            if strictest[worst] == 0 or len(kept) == 1:
                raise
            kept.remove(worst)
        else:
            return kept


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
        shows |= now & (reactions.evidence > np.array(point.evidence)).any(2)
        unjudged &= ~now
    shares: NDArray[np.float64] = shows.mean(0)
    return shares


def _best_points(
    reactions: Reactions, bound: float, kept: Sequence[int]
) -> tuple[WorkingPoint, ...]:
    """The best point for each clarity, the clearest first, that keeps to the bound.

    Copies that read more faintly than the share stated as bound are too faint under the worst
    processing; so are more, where no point would keep to the bound otherwise.

    Args:
        reactions: Of these pictures.
        bound: Share of them that may show any region.
        kept: Numbers of the processing that must keep to it.

    Raises:
        ConfigError: no point does, however faint a copy may be called too faint.
    """
    edges = [float(np.median(reactions.agreement[:, column(name)])) for name in CLEARER_THAN]
    low = float(np.quantile(reactions.agreement[:, kept], bound, axis=0).min())
    while True:
        try:
            return _points_from([low, *edges], reactions, bound, kept)
        except ConfigError:
            low += FAINTNESS_STEP
            if low >= edges[0]:
                raise


def _points_from(
    lows: Sequence[float], reactions: Reactions, bound: float, kept: Sequence[int]
) -> tuple[WorkingPoint, ...]:
    """The best point for each clarity from these on, the clearest first."""
    # As the record keeps them: a copy must not be calibrated in one band and judged in another.
    lows = [math.floor(low * 1000) / 1000 for low in lows]
    points: list[WorkingPoint] = []
    spent = np.zeros(len(kept))
    for low, high in zip(lows, [*lows[1:], 1.01], strict=True):
        room = bound - spent
        heard, alarmed = _heard(reactions, (low, high), room * CONTENT_SHARE, kept)
        point, found = _best_point(reactions, (low, high), room - alarmed, kept, heard)
        found += alarmed
        points.insert(0, point)
        spent += found
    return tuple(points)


def _heard(
    reactions: Reactions,
    between: tuple[float, float],
    room: NDArray[np.float64],
    kept: Sequence[int],
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """The content's part of the point for copies that read so clearly, and its alarms.

    For each size of window the same rank among the strongest of all copies is the threshold: the
    first if there is no room, lower ones as far as the room goes. Lost protection is shown from the
    area on that at most `LOST_SHARE` of the copies have. A picture and its own code are taken for
    strangers where they are less than half as alike as any here.
    """
    low, high = between
    agreement = reactions.agreement[:, kept]
    inside = (agreement >= low) & (agreement < high)
    if not inside.any():
        never = (float(NEVER),) * reactions.evidence.shape[2]
        return {"evidence": never, "lost_area": NEVER, "likeness": -1.0}, np.zeros(len(kept))
    evidence, lost = reactions.evidence[:, kept], reactions.lost[:, kept]
    ranked = np.sort(evidence[inside], axis=0)[::-1]
    ranked = np.maximum(ranked, LEAST_EVIDENCE)
    best, alarmed = ranked[0], np.zeros(len(kept))
    for thresholds in ranked:
        found = ((evidence > thresholds).any(2) & inside).mean(0)
        if (found > room + 1e-9).any():
            break
        best, alarmed = thresholds, found
    areas = np.unique(lost[inside])
    area = next(a for a in areas if (((lost > a) & inside).mean(0) <= LOST_SHARE).all())
    return {
        "evidence": tuple(math.ceil(value * 100) / 100 for value in best),
        "lost_area": int(area) + 1,
        "likeness": round(float(reactions.likeness[:, kept][inside].min()) / 2, 3),
    }, alarmed


def _best_point(
    reactions: Reactions,
    between: tuple[float, float],
    room: NDArray[np.float64],
    kept: Sequence[int],
    heard: Mapping[str, Any],
) -> tuple[WorkingPoint, NDArray[np.float64]]:
    """The best point for copies that read so clearly, and its alarms.

    Alarms and the room for them are shares of all pictures, for each processing that is kept;
    `heard` is the content's part of the point.
    """
    low, high = between
    agreement, largest = reactions.agreement[:, kept], reactions.largest[:, kept]
    inside = (agreement >= low) & (agreement < high)
    tampered = (reactions.tampered_agreement >= low) & (reactions.tampered_agreement < high)
    best: tuple[float, WorkingPoint, NDArray[np.float64]] | None = None
    for i, threshold in enumerate(THRESHOLDS):
        for j, area in enumerate(AREAS):
            found = ((largest[:, :, i] >= area) & inside).mean(0)
            score = float(reactions.f1[tampered, i, j].mean()) if tampered.any() else 0.0
            if (found <= room + 1e-9).all() and (best is None or score > best[0]):
                point = WorkingPoint(
                    minimum_agreement=low,
                    threshold=threshold,
                    minimum_area=area,
                    **heard,
                )
                best = (score, point, found)
    if best is None:
        raise ConfigError(f"no working point keeps false alarms within {room.max():.1%}")
    return best[1], best[2]


def calibrate(
    data: Path,
    release: Path | None = None,
    *,
    pictures: int,
    bound: float,
    whole: Path | None = None,
    journal: Path = Path(JOURNAL),
    jobs: int | None = None,
) -> Calibration:
    """Measure, choose, and write the release's record.

    Args:
        data: Folder of training pictures.
        release: Folder of the release; None is the shipped one.
        pictures: How many to measure.
        bound: Share of untouched pictures with any region, under the worst processing.
        whole: Folder of large training pictures, for half of the measurements.
        journal: Where what was measured is kept, and looked for.
        jobs: Processes of one thread; None means one a core.

    Raises:
        ConfigError: there are too few pictures, or no point tried stays within the bound.
        WeightsError: the release cannot be used.
    """
    folder = release_folder() if release is None else release
    half = pictures if whole is None else -(-pictures // 2)
    wanted = units(sampled(data, half), [] if whole is None else sampled(whole, pictures - half))
    lines = measured(wanted, folder, journal, jobs=jobs or available_threads())
    sides = Counter(str(line["side"]) for line in lines)
    needed = choose_acquittal(lines)
    calibration = choose(
        Reactions.together(lines, needed),
        needed,
        bound=bound,
        command=f"{COMMAND} --pictures {len(wanted)} --bound {bound:g}",
        frames={side: sides[side] for side in sorted(sides, key=int)},
    )
    record = read_record(folder)
    write_record(record.model_copy(update={"calibration": calibration}), folder)
    return calibration
