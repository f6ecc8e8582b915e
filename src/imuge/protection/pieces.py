"""Pieces: what both witnesses say about each connected piece that the localizer found.

    probability ─► pieces above one half ─┬─ how large, how sure ──────────┐
    content ──────────────────────────────┴─ does it differ there? ────────┴─► log-odds of a change

How sure the localizer is, how large a piece is and what the content says there are weighed against
each other by a logistic regression, which calibration fits on training pictures: pieces of copies
that nobody changed against pieces of changed ones. What speaks for a change in a clear copy may
mean nothing in a faint one, so products of any two features count, too. Of a piece whose code is
lost, or for a verify-only key, the localizer is heard alone, by a regression of its own.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.engine.canvas import BLOCK
from imuge.protection.content import Content, windowed
from imuge.protection.locate import Located, label_pieces
from imuge.weights import CALIBRATED_SIDE, Weighing

SURE = (0.9, 0.99)  # probabilities; the shares of a piece above them tell how sure the localizer is
SMALLEST_AREA = 32  # pixels of a frame of CALIBRATED_SIDE²; no smaller piece is a region
CERTAIN = (0.95, 0.85)  # those shares of a piece that truly changed, in a copy that reads well
AREAS = tuple(round(SMALLEST_AREA * 2 ** (step / 4)) for step in range(57))  # to all of a frame
HARDLY_ANY = -1.0  # evidence of a block; copies in which less is usual say too little to agree
WITHIN = (3, 5, 7)  # blocks on a side of the windows that may contradict the rest of a piece
MOST_RELATIVE = 5.0

Array: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the content says about one piece."""

    blocks: int  # of which anything is known
    total: float  # their evidence
    strongest: float  # the most evidence that any window in it has, of all its blocks together
    doubt: float  # the evidence of that number of the code that speaks most for a change
    relative: float  # their mean, as a share of what is usual in this copy; 1 where nothing changed
    agreeing: float | None  # share of them around which what is seen is what was published
    template: float  # share of the template's signs that agree; one half by chance


@dataclass(frozen=True, slots=True)
class Witness:
    """The content of one copy, with its windows added up once."""

    content: Content
    windows: tuple[Array, ...]  # of WITHIN, evidence of all known blocks in each together
    usual: float  # evidence of a block in this copy, below 0

    @classmethod
    def of(cls, content: Content) -> Self:
        """Add it up."""
        known = content.known
        sums = [windowed(content.evidence, known, side) for side in WITHIN]
        totals, counts = sums[0]
        usual = float(np.median(totals[known] / counts[known])) if known.any() else 0.0
        return cls(content, tuple(total for total, _ in sums), min(usual, HARDLY_ANY))

    def hear(self, cover: Mask, rows: slice, columns: slice) -> Heard:
        """What it says about some blocks, True in `cover`, of a part of the grid."""
        content = self.content
        known = content.known[rows, columns] & cover
        evidence = content.evidence[rows, columns][known]
        windows = [window[rows, columns][known] for window in self.windows]
        total = float(evidence.sum(dtype=np.float64))
        return Heard(
            blocks=evidence.size,
            total=total,
            doubt=float(content.numbers[:, rows, columns][:, known].sum(1).max()),
            relative=total / max(evidence.size, 1) / self.usual,
            strongest=float(max(window.max(initial=-np.inf) for window in windows)),
            agreeing=float((windows[0] < 0).mean()) if evidence.size else None,
            template=float(content.agreeing[rows, columns][cover].mean(dtype=np.float64)),
        )

    def pieces(self, labels: Labels, count: int) -> Iterator[Heard]:
        """What it says about each of so many pieces of pixels, (h, w) on the frame."""
        boxes = ndimage.find_objects(labels, count)
        for number, (rows, columns) in enumerate(boxes, 1):
            down, across = _blocks(rows), _blocks(columns)
            top, left = down.start * BLOCK, across.start * BLOCK
            part = labels[top : down.stop * BLOCK, left : across.stop * BLOCK] == number
            yield self.hear(_covered(part), down, across)


def _blocks(pixels: slice) -> slice:
    return slice(pixels.start // BLOCK, -(-pixels.stop // BLOCK))


def _covered(part: Mask) -> Mask:
    """Blocks of which half is in a piece; where no block is, those that have most of it."""
    below, right = -part.shape[0] % BLOCK, -part.shape[1] % BLOCK
    padded = np.pad(part, ((0, below), (0, right)))
    height, width = padded.shape
    counts = padded.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).sum((1, 3))
    most: Mask = counts >= min(BLOCK * BLOCK // 2, counts.max())
    return most


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The pieces of one copy; every array has an entry for each."""

    clarity: float  # of the copy
    frame_pixels: int
    areas: NDArray[np.int64]  # pixels
    sure: Floats  # (len(SURE), n), the share of those that may speak above each of SURE
    # By content; nan where nothing is known.
    total: Floats
    relative: Floats
    strongest: Floats
    doubt: Floats
    template: Floats  # share of the template's signs that agree; nan for a verify-only key

    @classmethod
    def of(cls, located: Located, labels: Labels, count: int) -> Self:
        """What both witnesses say about so many pieces, numbered from 1 in `labels`, (h, w)."""
        speaking = labels if located.counted is None else np.where(located.counted, labels, 0)
        voices = np.bincount(speaking.ravel(), minlength=count + 1)[1:]
        above = [
            np.bincount(speaking[located.probability > level], minlength=count + 1)[1:]
            for level in SURE
        ]
        heard: list[Heard | None] = [None] * count
        if located.content is not None:
            heard[:] = Witness.of(located.content).pieces(labels, count)

        def said(what: Callable[[Heard], float]) -> Floats:
            return np.array([what(h) if h and h.blocks else np.nan for h in heard], np.float64)

        return cls(
            clarity=located.clarity,
            frame_pixels=labels.size,
            areas=np.bincount(labels.ravel(), minlength=count + 1)[1:],
            sure=np.array(above, np.float64) / np.maximum(voices, 1),
            total=said(lambda h: h.total),
            relative=said(lambda h: h.relative),
            strongest=said(lambda h: h.strongest),
            doubt=said(lambda h: h.doubt),
            template=np.array([np.nan if h is None else h.template for h in heard], np.float64),
        )

    @property
    def known(self) -> Mask:
        """(n,), where the content says anything."""
        found: Mask = np.isfinite(self.total)
        return found

    @property
    def unit(self) -> float:
        """Pixels of this frame that stand for one of a frame of CALIBRATED_SIDE²."""
        return minimum_area(1000, self.frame_pixels) / 1000

    @property
    def sizes(self) -> Floats:
        """(n,), the areas, as pixels of a frame of CALIBRATED_SIDE²."""
        made: Floats = self.areas / self.unit
        return made

    def features(self, names: Sequence[str]) -> Floats:
        """(n, names), what a regression is given."""
        columns = [FEATURES[name](self) for name in names]
        return np.stack(columns, 1) if columns else np.zeros((len(self.areas), 0))


FEATURES: dict[str, Callable[[Pieces], Floats]] = {
    "area": lambda p: np.log(p.sizes),
    "clarity": lambda p: np.full(len(p.areas), p.clarity),
    "share_90": lambda p: p.sure[0],
    "share_99": lambda p: p.sure[1],
    "total": lambda p: _mild(p.total),
    "relative": lambda p: np.nan_to_num(p.relative).clip(-MOST_RELATIVE, MOST_RELATIVE),
    "strongest": lambda p: _mild(p.strongest),
    "doubt": lambda p: _mild(p.doubt),
}
BY_TEMPLATE = ("area", "clarity", "share_90", "share_99")
BY_BOTH = tuple(FEATURES)


def _mild(evidence: Floats) -> Floats:
    """Evidence whose large values count less; 0 where nothing is known."""
    finite = np.nan_to_num(evidence, nan=0.0, posinf=0.0, neginf=0.0)
    mild: Floats = np.sign(finite) * np.log1p(np.abs(finite))
    return mild


def minimum_area(area: int, pixels: int) -> int:
    """Pixels that stand for an area of a frame of CALIBRATED_SIDE² on one of so many pixels.

    What a region needs grows with the side of the picture: on training pictures the number of
    false regions falls about with the square of their area, so that this keeps the share of
    pictures with any.
    """
    return round(area * math.sqrt(pixels) / CALIBRATED_SIDE)


def products(features: Floats, low: Sequence[float], high: Sequence[float]) -> Floats:
    """What a regression is linear in: (n, k) features as [-1, 1], and products of any two of them.

    Args:
        features: (n, k).
        low: Of each; values beyond what was met in calibration count like the last that was.
        high: Of each.
    """
    bottom, top = np.array(low), np.array(high)
    scaled = 2 * (features.clip(bottom, top) - bottom) / (top - bottom) - 1
    first, second = np.triu_indices(scaled.shape[1])
    return np.concatenate([scaled, scaled[:, first] * scaled[:, second]], 1)


def log_odds(weighing: Weighing, pieces: Pieces) -> Floats:
    """(n,), natural logarithms of the odds that a piece is a change."""
    if not len(pieces.areas):
        return np.zeros(0)
    given = products(pieces.features(weighing.features), weighing.low, weighing.high)
    odds: Floats = given @ np.array(weighing.weights) + weighing.constant
    return odds


def find_pieces(located: Located) -> tuple[Labels, int]:
    """The pieces that may be regions, numbered (h, w), and how many there are besides.

    Pieces that are too small are left out, and those that have no pixel which may speak.
    """
    labels, count = label_pieces(located.probability)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    kept = areas >= max(minimum_area(SMALLEST_AREA, labels.size), 1)
    if located.counted is not None:
        kept &= np.bincount(labels[located.counted], minlength=count + 1) > 0
    kept[0] = False
    numbers = np.zeros(count + 1, np.int32)
    numbers[kept] = np.arange(1, kept.sum() + 1)
    return numbers[labels], count - int(kept.sum())


def least_area(weighing: Weighing, clarity: float, pixels: int) -> int:
    """The fewest pixels of a frame at which a piece is a region that the localizer is certain of.

    The content is taken to say nothing. Where not even all of a frame would be one, that is the
    answer.

    Args:
        weighing: How pieces are weighed.
        clarity: Of the copy.
        pixels: Of its frame.
    """
    areas = np.array([minimum_area(area, pixels) for area in AREAS])
    unknown = np.full(len(areas), np.nan)
    pieces = Pieces(
        clarity=clarity,
        frame_pixels=pixels,
        areas=areas,
        sure=np.repeat(np.array(CERTAIN)[:, None], len(areas), 1),
        total=unknown,
        relative=unknown,
        strongest=unknown,
        doubt=unknown,
        template=unknown,
    )
    above = areas[log_odds(weighing, pieces) >= weighing.least]
    return int(min(above.min(initial=pixels), pixels))
