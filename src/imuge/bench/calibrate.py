"""Sets what a release takes for a change: how pieces are weighed, and how faint is too faint.

On pictures that nothing is reported of, and that no network was trained on: their own training
pictures networks misjudge less often than others. Small squares and whole photographs take turns,
on the frames of all three details.
Their copies are untouched, framed (the protection of a place removed, and what it shows left), or
changed, and go through ordinary processing. A logistic regression learns to tell the pieces that
the localizer finds in the first two from those in the last; a second one does without the content,
for verify-only keys. Regressions that were fitted on three quarters of the pictures judge the last
quarter. The odds from which a piece is a region are the lowest at which, under every processing, at
most the bound of the untouched copies show any; processing that would take odds beyond
`HIGHEST_ODDS` is named in the record, with the share that does show a region.

What the content alone must say for a region is set before (half of the bound at most may be spent
on it), for copies that read faintly, clearly and like new, parted by the median of how clearly they
read after JPEG 50 and after JPEG 85. The share stated as bound may read too faintly to be judged
under the worst processing.

    imuge calibrate --data DIR/calibration/squares --whole DIR/calibration/whole

Every copy is revealed and localized once; what it showed is kept in a journal, so that a run that
was stopped goes on, and a longer one begins with what a shorter one measured.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain, pairwise, zip_longest
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imuge.attacks.masks import draw_mask
from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import Tampered, tamper
from imuge.bench.framing import FRAMED_AREA, FRAMINGS, framed
from imuge.bench.grid.entrants import bench_key
from imuge.bench.lines import resumed
from imuge.bench.pictures import Photograph, covering, sampled
from imuge.bench.processes import Worker, shared_out
from imuge.bench.told import Told, examine_told, mask_on_frame
from imuge.engine import Engine, available_threads
from imuge.engine.canvas import BLOCK
from imuge.errors import ConfigError
from imuge.image import from_array
from imuge.keys import Key, Message
from imuge.protection.content import WINDOWS, likeness
from imuge.protection.embed import prepare, publish
from imuge.protection.frame import Detail, geometry_of, to_frame
from imuge.protection.kinds import counted, gains, template_there, weighed
from imuge.protection.locate import Located
from imuge.protection.pieces import (
    BY_BOTH,
    BY_TEMPLATE,
    SURE,
    Pieces,
    find_pieces,
    log_odds,
    products,
)
from imuge.results import Pixels
from imuge.weights import (
    Calibration,
    Weighing,
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
VISIBLE = 8.0  # grey levels, the root mean square of a block's difference that is a change
LOST_SHARE = 0.05  # of untouched copies, that may show a region of lost protection
LEAST_EVIDENCE = 1.0  # mean of a window's blocks; less is what a true change lends its surroundings
CONTENT_SHARE = 0.5  # of the bound, that false regions by content may take
LEAST_SAID = -0.01  # mean evidence that own code brings at the least, however little copies had
NEVER = 10**6  # a threshold where nothing was measured
MOSTLY = 0.5  # of a piece, that changed, for an example of a change
LEAST_WEIGHT = 0.05  # of a piece that changed
SHOWING = 0.25  # of it, where that can be seen
FOLDS = 4  # parts of the pictures, each judged by regressions of the others
FEWEST = 2 * FOLDS  # pictures; squares and whole photographs take turns, and each part has both
STRENGTH = 10.0  # inverse of the regressions' ridge
HIGHEST_ODDS = 2.0  # natural logarithm, that may be asked of a piece for one processing's sake
# The turn in which squares and whole photographs are published on the three details' frames.
SQUARES: tuple[Detail, ...] = ("normal", "fine")
WHOLES: tuple[Detail, ...] = ("normal", "robust", "normal", "fine")
COMMAND = "imuge calibrate --data DIR/calibration/squares --whole DIR/calibration/whole"
JOURNAL = "calibration.journal.jsonl"
OTHER = "another release or other processing"


Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

NAMES = tuple(f"{scale:g}x, {saved}" for scale, saved in PROCESSING)
TAMPERED_NAMES = tuple(f"{kind} of {area:.0%}" for kind, area in TAMPERING)
FRAMED_NAMES = tuple(f"framed: {kind}" for kind in FRAMINGS)


def column(chain_text: str) -> int:
    """The number of a processing at own size."""
    return PROCESSING.index((1.0, chain_text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy: what is known of its pieces, and what is true."""

    pieces: Pieces
    hits: NDArray[np.int64]  # (pieces,), pixels of it that were truly changed
    seen: NDArray[np.int64]  # (pieces,), and of these, where that shows
    true: int = 0  # pixels that were truly changed
    seen_in_all: int = 0  # and of these, where that shows

    @classmethod
    def of(cls, located: Located, true: Mask | None = None, visible: Mask | None = None) -> Self:
        """A copy on its frame.

        Args:
            located: What it says.
            true: (h, w), what was changed; None: nothing.
            visible: (h, w), where that shows; None: nowhere.
        """
        labels, _ = find_pieces(located)
        count = int(labels.max(initial=0))
        nothing = np.zeros(labels.shape, bool)
        truth, shows = (nothing if mask is None else mask for mask in (true, visible))
        return cls(
            pieces=Pieces.of(located, labels, count),
            hits=np.bincount(labels[truth], minlength=count + 1)[1:],
            seen=np.bincount(labels[shows], minlength=count + 1)[1:],
            true=int(truth.sum()),
            seen_in_all=int(shows.sum()),
        )

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Self:
        """As `to_line` wrote it."""
        pieces: dict[str, Any] = {
            k: np.array(v) if isinstance(v, list) else v for k, v in line["pieces"].items()
        }
        # Of no pieces numpy cannot tell the shape.
        pieces["sure"] = pieces["sure"].reshape(len(SURE), -1)
        rest: dict[str, Any] = {
            k: np.array(v, np.int64) if isinstance(v, list) else v for k, v in line.items()
        }
        return cls(**rest | {"pieces": Pieces(**pieces)})

    def to_line(self) -> dict[str, Any]:
        """Lists of numbers for the journal."""
        line: dict[str, Any] = json.loads(json.dumps(asdict(self), default=np.ndarray.tolist))
        return line

    def changed(self) -> Mask:
        """(pieces,), which are examples of a change."""
        areas = self.pieces.areas
        return (self.hits > MOSTLY * areas) & (self.seen > SHOWING * areas)

    def f1(self, kept: Mask) -> float:
        """Of the pieces kept, True in (pieces,), as the mask."""
        return float(2 * self.hits[kept].sum() / (self.pieces.areas[kept].sum() + self.true))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactions:
    """How localizer and content reacted to copies; each first index is a picture."""

    untouched: list[list[Copy]]  # for each processing
    tampered: list[list[Copy]]
    framed: list[list[Copy]]
    evidence: Floats  # (pictures, processing, windows), the strongest of each side
    alike: Floats  # (pictures, processing), mean evidence of the content

    @classmethod
    def together(cls, lines: Sequence[Mapping[str, Any]]) -> Self:
        """Of the journal's lines, a picture each."""
        untouched, tampered, framed = (
            [[Copy.from_line(one) for one in line[case]] for line in lines]
            for case in ("untouched", "tampered", "framed")
        )
        return cls(
            untouched=untouched,
            tampered=tampered,
            framed=framed,
            evidence=np.array([line["evidence"] for line in lines], np.float64),
            alike=np.array([line["alike"] for line in lines], np.float64),
        )

    @property
    def clarity(self) -> Floats:
        """(pictures, processing), of the untouched copies."""
        return np.array([[copy.pieces.clarity for copy in row] for row in self.untouched])


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Pieces to learn from."""

    features: Floats  # (n, features)
    change: Mask  # (n,)
    weight: Floats  # (n,), beside others of its sort
    picture: NDArray[np.int64]  # (n,)

    @classmethod
    def of(cls, reactions: Reactions, names: Sequence[str]) -> Self:
        """All of some pictures' copies, for a regression with these features."""
        features, change, weight, picture = [], [], [], []
        for number in range(len(reactions.untouched)):
            honest = reactions.untouched[number] + reactions.framed[number]
            sorts = ((honest, False), (reactions.tampered[number], True))
            for copy, changed in ((copy, sort) for copies, sort in sorts for copy in copies):
                kept = weighs(copy, names)
                if changed:
                    kept = kept & copy.changed()
                features.append(copy.pieces.features(names)[kept])
                change.append(np.full(kept.sum(), changed))
                # Of a change, what it takes of all that can be seen; small ones count, too.
                shares = np.maximum(copy.seen / max(copy.seen_in_all, 1), LEAST_WEIGHT)
                weight.append(shares[kept] if changed else np.ones(kept.sum()))
                picture.append(np.full(kept.sum(), number))
        return cls(
            features=np.concatenate(features),
            change=np.concatenate(change),
            weight=np.concatenate(weight),
            picture=np.concatenate(picture),
        )

    def of_pictures(self, chosen: Mask) -> Self:
        """Those of some pictures alone, True in (pictures,)."""
        kept = chosen[self.picture]
        parts = {item.name: getattr(self, item.name)[kept] for item in fields(self)}
        return type(self)(**parts)

    def fit(self, names: Sequence[str]) -> Weighing:
        """The regression that tells them apart, without a least."""
        from sklearn.linear_model import LogisticRegression

        low, high = self.features.min(0), self.features.max(0)
        given = products(self.features, low, high)
        # Both sorts together weigh the same: before anything is known the odds are even.
        share = np.where(self.change, self.weight @ self.change, self.weight @ ~self.change)
        model = LogisticRegression(C=STRENGTH, max_iter=10_000)
        model.fit(given, self.change, sample_weight=len(share) / 2 * self.weight / share)
        return Weighing(
            features=tuple(names),
            low=tuple(low.tolist()),
            high=tuple(high.tolist()),
            weights=tuple(model.coef_[0].round(6).tolist()),
            constant=round(float(model.intercept_[0]), 6),
            least=0.0,
            false={},
            f1={},
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
    """Reactions to one picture, untouched, tampered with and framed, after processing: a line."""
    samples = from_array(unit.picture.pixels).samples
    host = prepare(engine, samples, unit.detail)
    message = Message(unit.number, geometry_of(host.frame))
    published = np.asarray(publish(engine, samples, host, key, unit.number), np.uint8)
    plain = to_frame(published, host.frame)
    height, width = published.shape[:2]
    other = covering(unit.donor.pixels, (height, width))

    def received(pixels: Pixels, processing: tuple[float, str]) -> Told:
        return examine_told(engine, _copy(pixels, host.frame.side, processing), key, message)

    def changed(made: Tampered, number: int) -> dict[str, Any]:
        told = received(
            made.picture, AFTER_TAMPERING[(unit.number + number) % len(AFTER_TAMPERING)]
        )
        there = mask_on_frame(made.mask, told.placement_of(width, height), host.frame.size)
        visible = there & differing_blocks(plain, to_frame(made.picture, host.frame))
        return Copy.of(told.located, there, visible).to_line()

    def seeded(number: int) -> np.random.Generator:
        return np.random.default_rng([unit.number, number])

    forged = (
        tamper(published, kind, area=area, rng=seeded(i), other=other)
        for i, (kind, area) in enumerate(TAMPERING)
    )
    places = (
        draw_mask("blob", height, width, FRAMED_AREA, seeded(len(TAMPERING) + i))
        for i in range(len(FRAMINGS))
    )
    framings = (
        Tampered(framed(published, place, kind), place)
        for kind, place in zip(FRAMINGS, places, strict=True)
    )
    untouched, evidence, alike = [], [], []
    for processing in PROCESSING:
        told = received(published, processing)
        code, content = told.located.code, told.located.content
        assert code is not None, "the bench's key is a full one"
        assert content is not None
        untouched.append(Copy.of(told.located).to_line())
        evidence.append(content.strongest())
        alike.append(likeness(code, content, ~told.canvas.inside).evidence)
    return {
        "picture": unit.picture.name,
        "sha256": unit.picture.sha256,
        "detail": unit.detail,
        "side": host.frame.side,
        "untouched": untouched,
        "evidence": evidence,
        "alike": alike,
        "tampered": [changed(made, number) for number, made in enumerate(forged)],
        "framed": [changed(made, number) for number, made in enumerate(framings)],
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


def _work(unit: Unit) -> dict[str, Any]:
    return measure(Worker.engine, bench_key(), unit)


def measured(wanted: Sequence[Unit], release: Path, journal: Path, *, jobs: int) -> list[Any]:
    """The journal's lines of these pictures; what it lacks is measured and added.

    Raises:
        ConfigError: the journal is of another release or of other processing.
    """
    header = {
        "sha256": load_release(release).sha256,
        "processing": [list(one) for one in PROCESSING],
        "tampering": [list(one) for one in TAMPERING],
        "framing": list(FRAMINGS),
        "sure": list(SURE),
        "windows": list(WINDOWS),
    }
    done = {_name(line): line for line in resumed(journal, header, other=OTHER)}
    missing = {
        name: (_work, (unit,))
        for unit in wanted
        if (name := (unit.picture.sha256, unit.detail)) not in done
    }
    for name, line in shared_out(missing, total=len(wanted), jobs=jobs, release=release):
        done[name] = line
        with journal.open("a") as file:
            file.write(json.dumps(line) + "\n")
    return [done[unit.picture.sha256, unit.detail] for unit in wanted]


def _name(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["sha256"], line["detail"]


def choose(
    reactions: Reactions, *, bound: float, command: str, frames: Mapping[str, int]
) -> Calibration:
    """What keeps to the bound.

    Args:
        reactions: Of all pictures.
        bound: Share of untouched pictures with any region, under any processing.
        command: That makes it again.
        frames: How many pictures were published on frames of each side.
    """
    points, heard = choose_points(reactions, bound)
    by_template = odds_by_others(reactions, BY_TEMPLATE)
    alone = choose_weighing(reactions, BY_TEMPLATE, by_template, np.zeros_like(heard), bound)
    # Where the code is lost, the localizer is heard alone.
    unknown = np.array(
        [
            [
                _highest(odds[~copy.pieces.known]) >= alone.least
                for odds, copy in zip(*one, strict=True)
            ]
            for one in zip(by_template.untouched, reactions.untouched, strict=True)
        ]
    )
    by_both = odds_by_others(reactions, BY_BOTH)
    calibration = Calibration(
        points=points,
        strangers=strangers(reactions),
        both=choose_weighing(reactions, BY_BOTH, by_both, heard | unknown, bound),
        alone=alone,
        bound=bound,
        pictures=len(reactions.untouched),
        frames=dict(frames),
        command=command,
    )
    return calibration.model_copy(update={"points": with_lost_areas(reactions, calibration)})


def choose_points(reactions: Reactions, bound: float) -> tuple[tuple[WorkingPoint, ...], Mask]:
    """What the content must say for a region, the clearest copies first.

    For each size of window the same rank among the strongest of all copies is the threshold: the
    first if there is no room, lower ones as far as the room goes.

    Returns:
        The points, without areas of lost protection; and the copies in which content alone finds
        a region at them, (pictures, processing).
    """
    clarity = reactions.clarity
    lows = [float(np.quantile(clarity, bound, axis=0).min())]
    lows += [float(np.median(clarity[:, column(name)])) for name in CLEARER_THAN]
    # As the record keeps them: a copy must not be calibrated in one band and judged in another.
    lows = [math.floor(low * 1000) / 1000 for low in lows]
    points: list[WorkingPoint] = []
    heard = np.zeros(clarity.shape, bool)
    for low, high in pairwise([*lows, 1.01]):
        inside = (clarity >= low) & (clarity < high)
        evidence: tuple[float, ...] = (NEVER,) * len(WINDOWS)
        if inside.any():
            thresholds, found = _loudest(reactions, inside, heard, bound * CONTENT_SHARE)
            heard |= found
            evidence = tuple(math.ceil(value * 100) / 100 for value in thresholds)
        points.insert(0, WorkingPoint(minimum_agreement=low, evidence=evidence, lost_area=NEVER))
    return tuple(points), heard


def strangers(reactions: Reactions) -> tuple[tuple[float, float], ...]:
    """The evidence above which code and picture are strangers, the clearest copies first.

    It is half of the least that the code of any untouched copy here says for what is seen, if the
    copy reads as clearly or more so.

    Returns:
        Clarity, and the mean evidence from there on.
    """
    told = np.isfinite(reactions.alike)  # where any code was left to compare
    clarity, alike = np.floor(reactions.clarity[told] * 100) / 100, reactions.alike[told]
    found: list[tuple[float, float]] = []
    for low in np.unique(clarity).tolist():
        most = min(round(float(alike[clarity >= low].max()) / 2, 3), LEAST_SAID)
        if not found or most < found[0][1]:
            found.insert(0, (low, most))
    return tuple(found)


def _loudest(reactions: Reactions, inside: Mask, heard: Mask, share: float) -> tuple[Floats, Mask]:
    """The lowest thresholds of evidence at which at most this share of the pictures is heard.

    Args:
        reactions: Of the pictures.
        inside: (pictures, processing), the copies that these thresholds are for.
        heard: (pictures, processing), those of other thresholds in which a region was found.
        share: Of the pictures, for each processing.

    Returns:
        The thresholds, one for each of `WINDOWS`, and the copies in which they find a region.
    """
    ranked = np.sort(reactions.evidence[inside], axis=0)[::-1].clip(LEAST_EVIDENCE)
    best = ranked[0]
    for thresholds in ranked:
        found = (reactions.evidence > thresholds).any(2) & inside
        if ((found | heard).mean(0) > np.maximum(share, heard.mean(0)) + 1e-9).any():
            break
        best = thresholds
    return best, (reactions.evidence > best).any(2) & inside


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """The odds of every piece of every copy, as `Reactions` has them."""

    untouched: list[list[Floats]]
    tampered: list[list[Floats]]
    framed: list[list[Floats]]


def odds_by_others(reactions: Reactions, names: Sequence[str]) -> Odds:
    """Every picture judged by a regression that was fitted on others."""
    examples = Examples.of(reactions, names)
    parts = np.arange(len(reactions.untouched)) // 2 % FOLDS
    fitted = [examples.of_pictures(parts != part).fit(names) for part in range(FOLDS)]

    def judged(rows: list[list[Copy]]) -> list[list[Floats]]:
        return [
            [log_odds(fitted[part], copy.pieces) for copy in row]
            for row, part in zip(rows, parts, strict=True)
        ]

    return Odds(
        untouched=judged(reactions.untouched),
        tampered=judged(reactions.tampered),
        framed=judged(reactions.framed),
    )


def choose_weighing(
    reactions: Reactions, names: Sequence[str], odds: Odds, heard: Mask, bound: float
) -> Weighing:
    """The regression of all pictures, and the odds from which its pieces are regions.

    Args:
        reactions: Of all pictures.
        names: Of its features.
        odds: By regressions of others.
        heard: (pictures, processing), untouched copies in which something else finds a region.
        bound: Share of the untouched pictures with any region.
    """

    def loudest(copies: list[list[Copy]], judged: list[list[Floats]]) -> Floats:
        return np.array(
            [
                [_highest(one[weighs(copy, names)]) for copy, one in zip(*row, strict=True)]
                for row in zip(copies, judged, strict=True)
            ]
        )

    untouched = loudest(reactions.untouched, odds.untouched)
    least = least_odds(untouched, heard, bound)
    shares = ((untouched >= least) | heard).mean(0)
    framed = (loudest(reactions.framed, odds.framed) >= least).mean(0)
    f1 = np.array(
        [
            [
                copy.f1(counted(one - least, gains(copy.pieces)))
                for copy, one in zip(*row, strict=True)
            ]
            for row in zip(reactions.tampered, odds.tampered, strict=True)
        ]
    )
    fitted = Examples.of(reactions, names).fit(names)
    return fitted.model_copy(
        update={
            "least": least,
            "false": _named(NAMES, shares) | _named(FRAMED_NAMES, framed),
            "f1": _named(TAMPERED_NAMES, f1.mean(0)),
        }
    )


def weighs(copy: Copy, names: Sequence[str]) -> Mask:
    """(pieces,), which of them a regression with these features is for."""
    everything = np.ones(len(copy.hits), bool)
    return copy.pieces.known if tuple(names) == BY_BOTH else everything


def least_odds(loudest: Floats, heard: Mask, bound: float) -> float:
    """The lowest odds from even ones on that keep to the bound, as far as `HIGHEST_ODDS` allow.

    Args:
        loudest: (pictures, processing), the highest odds of any piece of an untouched copy.
        heard: (pictures, processing), copies in which a region was found anyway.
        bound: Share of the pictures.
    """
    wanted = [0.0]
    for odds, found in zip(loudest.T, heard.T, strict=True):
        room = math.floor(bound * len(odds) + 1e-9) - int(found.sum())
        left = np.sort(odds[~found])[::-1]
        if 0 <= room < len(left) and left[room] > 0:
            wanted.append(math.floor(left[room] * 100) / 100 + 0.01)
    return max(one for one in wanted if one <= HIGHEST_ODDS)


def _highest(odds: Floats) -> float:
    return float(odds.max(initial=-np.inf))


def _named(names: Sequence[str], values: Floats) -> dict[str, float]:
    return dict(zip(names, values.round(4).tolist(), strict=True))


def with_lost_areas(reactions: Reactions, calibration: Calibration) -> tuple[WorkingPoint, ...]:
    """The points with the areas from which lost protection is shown.

    At most `LOST_SHARE` of the untouched copies have more, under any processing.
    """
    clarity = reactions.clarity
    largest = np.array(
        [[_lost(calibration, copy.pieces) for copy in row] for row in reactions.untouched]
    )
    points: list[WorkingPoint] = []
    below = np.inf
    for point in calibration.points:
        inside = (clarity >= point.minimum_agreement) & (clarity < below)
        below = point.minimum_agreement
        areas = np.unique(np.append(largest[inside], 0))
        few = [(((largest > area) & inside).mean(0) <= LOST_SHARE).all() for area in areas]
        area = int(areas[few.index(True)]) + 1
        points.append(point.model_copy(update={"lost_area": area}))
    return tuple(points)


def _lost(calibration: Calibration, pieces: Pieces) -> float:
    """Pixels, on a frame of CALIBRATED_SIDE², of the largest piece that lost its protection."""
    _, _, freed = weighed(calibration, pieces)
    gone = freed & (pieces.template < template_there(pieces.clarity))
    return float(pieces.areas[gone].max(initial=0)) / pieces.unit


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
        data: Folder of pictures that no network was trained on.
        release: Folder of the release; None is the shipped one.
        pictures: How many to measure.
        bound: Share of untouched pictures with any region, under the worst processing.
        whole: Folder of large ones, for half of the measurements.
        journal: Where what was measured is kept, and looked for.
        jobs: Processes of one thread; None means one a core.

    Raises:
        ConfigError: there are too few pictures, or no point tried stays within the bound.
        WeightsError: the release cannot be used.
    """
    folder = release_folder() if release is None else release
    half = pictures if whole is None else -(-pictures // 2)
    wanted = units(sampled(data, half), [] if whole is None else sampled(whole, pictures - half))
    if len(wanted) < FEWEST:
        raise ConfigError(
            f"expected at least {FEWEST} pictures, so that each can be judged by what "
            f"others taught; got {len(wanted)}: add pictures, or raise --pictures"
        )
    lines = measured(wanted, folder, journal, jobs=jobs or available_threads())
    sides = Counter(str(line["side"]) for line in lines)
    calibration = choose(
        Reactions.together(lines),
        bound=bound,
        command=f"{COMMAND} --pictures {len(wanted)} --bound {bound:g}",
        frames={side: sides[side] for side in sorted(sides, key=int)},
    )
    record = read_record(folder)
    write_record(record.model_copy(update={"calibration": calibration}), folder)
    return calibration
