"""The kinds of region: what the template says, joined with what the content says.

    | template | content         | kind              | counts as tampered |
    | gone     | differs         | changed           | yes                |
    | there    | differs         | protected again   | yes                |
    | gone     | agrees          | protection lost   | no                 |
    | gone     | cannot be told  | changed           | yes                |

A piece whose protection is gone is acquitted where the code says clearly that the published content
is still seen, all over it: it was blurred, denoised or compressed. Where the code contradicts what
is seen though the template is there, somebody with a clean copy embedded the protection again, or
changed the picture in a way that keeps it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from imuge.engine.canvas import BLOCK
from imuge.protection.content import WINDOWS, Content, outline_field
from imuge.protection.locate import (
    REGION_PROBABILITY,
    Located,
    Regions,
    find_regions,
    measured,
    minimum_area,
)
from imuge.results import ContentCheck, RegionKind
from imuge.weights import Acquittal, Calibration, WorkingPoint

NEAR = 3  # blocks around what the localizer found, in which the content's outline is only coarser
CLEAREST = 0.75  # quantile of a piece's evidence that stands for what changed wholly
MOSTLY = 0.5  # share of a piece that differs, beyond which it is what the localizer found
THERE = 0.5  # of the way from chance to how the whole copy reads: a template that is still there
HARDLY_ANY = -1.0  # evidence of a block; copies in which less is usual say too little to acquit
ACQUITTED_SIDES = (3, 5, 7)  # blocks on a side of the windows that may contradict an acquittal

Array: TypeAlias = NDArray[np.float32]
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

    def verdict(self, needed: Acquittal) -> ContentCheck:
        """Whether the content differs there, or that cannot be told."""
        return "differs" if self.total >= needed.total else "not checked"

    def acquits(self, needed: Acquittal) -> bool:
        """Whether what is seen there is clearly what was published, all over it."""
        clear = self.total <= -needed.total and self.relative >= needed.relative
        contradicted = self.strongest > needed.strongest or self.doubt > needed.doubt
        return self.blocks > 0 and clear and not contradicted


@dataclass(frozen=True, slots=True)
class Witness:
    """The content of one copy, with its windows averaged once."""

    content: Content
    windows: tuple[Array, ...]  # of ACQUITTED_SIDES, evidence of all known blocks in each
    usual: float  # evidence of a block in this copy, below 0

    @classmethod
    def of(cls, content: Content) -> "Witness":
        """Average it."""
        means = [content.windowed(side) for side in ACQUITTED_SIDES]
        usual = float(np.median(means[0][content.known])) if content.known.any() else 0.0
        sums = zip(means, ACQUITTED_SIDES, strict=True)
        return cls(
            content,
            tuple(mean * np.float32(side * side) for mean, side in sums),
            min(usual, HARDLY_ANY),
        )

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


def regions_shown(calibration: Calibration, located: Located) -> Regions:
    """The regions at the working point for a copy that reads so clearly, of all kinds."""
    point = calibration.point(located.clarity)
    least = minimum_area(point.minimum_area, located.probability.size)
    found = find_regions(
        located.probability,
        threshold=point.threshold,
        minimum_area=least,
        counted=located.counted,
    )
    if located.content is None:
        return found
    least_lost = minimum_area(point.lost_area, located.probability.size)
    return joined(found, located, point, calibration.acquittal, least_lost)


def joined(
    found: Regions, located: Located, point: WorkingPoint, needed: Acquittal, least_lost: int
) -> Regions:
    """What the localizer found, and what the content differs in, as regions of their kinds.

    Args:
        found: By the localizer alone.
        located: What the copy says.
        point: The working point.
        needed: For an acquittal.
        least_lost: Pixels of a piece that lost its protection, from which it is shown.
    """
    assert located.content is not None
    witness = Witness.of(located.content)
    there = template_there(located.clarity)
    lost: list[int] = []
    hidden: list[int] = []
    for number, heard in enumerate(witness.pieces(found.labels, len(found.regions)), 1):
        if heard.acquits(needed):
            gone = heard.template < there
            large = found.regions[number - 1].area_pixels >= least_lost
            (lost if gone and large else hidden).append(number)
    accused = (found.labels > 0) & ~np.isin(found.labels, lost + hidden)
    score, differing, sure = differing_pieces(witness.content, point.evidence, accused.shape)
    again = _beyond(accused, differing, sure)
    changed, lost_mask = _touched(accused | again, np.isin(found.labels, lost))
    labels, counting = _numbered(changed, lost_mask)
    probability = np.where(again, np.maximum(score, found.probability), found.probability)
    shares = ndimage.mean(again, labels, np.arange(1, labels.max() + 1))
    regions = [
        replace(
            region,
            kind=_kind(number <= counting, share > MOSTLY and heard.template >= there),
            content="agrees" if number > counting else heard.verdict(needed),
            template_agreement=heard.template,
            content_agreement=heard.agreeing,
        )
        for number, (region, share, heard) in enumerate(
            zip(
                measured(labels, found.probability),
                shares,
                witness.pieces(labels, int(labels.max())),
                strict=True,
            ),
            1,
        )
    ]
    return replace(
        found, probability=probability, mask=changed, labels=labels, regions=tuple(regions)
    )


def template_there(clarity: float) -> float:
    """Share of signs that agree, from which the template of a region is still there."""
    return 0.5 + THERE * (clarity - 0.5)


def _kind(counts: bool, again: bool) -> RegionKind:
    if not counts:
        return "protection lost"
    return "protected again" if again else "changed"


def differing_pieces(
    content: Content, thresholds: Sequence[float], size: tuple[int, ...]
) -> tuple[Array, Labels, Mask]:
    """Where the code contradicts what is seen.

    Args:
        content: Of the copy.
        thresholds: For each of `WINDOWS`, the mean evidence above which it speaks for a change.
        size: Height and width of the frame.

    Returns:
        How surely each pixel changed, (h, w) in [0, 1], by content alone; the pieces around what
        speaks for a change, (h, w), numbers of their own and 0 outside; and what does, (h, w).
    """
    sure = np.zeros(content.evidence.shape, bool)
    for side, threshold in zip(WINDOWS, thresholds, strict=True):
        sure |= content.windowed(side) > threshold
    if not sure.any():
        return np.zeros(size, np.float32), np.zeros(size, np.int32), np.zeros(size, bool)
    field = outline_field(content)
    usual = min(float(np.median(field[np.isfinite(field)])), 0.0)
    fine = _on_pixels(np.where(np.isfinite(field), field, usual), size)
    labels, _ = ndimage.label(fine > 0, np.ones((3, 3)))
    speaks = np.kron(sure, np.ones((BLOCK, BLOCK), bool))[: size[0], : size[1]] & (labels > 0)
    score = np.zeros(size, np.float32)
    for number in np.unique(labels[speaks]):
        piece = labels == number
        clearest = float(np.quantile(fine[piece], CLEAREST))
        # A block of which little changed says much: half way up is where it changed by half.
        level, scale = max((usual + clearest) / 2, 0.0), max(clearest - usual, 1.0) / 8
        score[piece] = special.expit((fine[piece] - level) / scale)
    labels, _ = ndimage.label(score > REGION_PROBABILITY, np.ones((3, 3)))
    kept = np.unique(labels[speaks & (labels > 0)])
    pieces = np.where(np.isin(labels, kept), labels, 0).astype(np.int32)
    return score, pieces, speaks & (pieces > 0)


def _on_pixels(field: Array, size: tuple[int, ...]) -> Array:
    """Numbers of blocks (h, w) at the frame's pixels, linearly between the blocks' middles."""
    fine: Array = ndimage.zoom(field, BLOCK, order=1, mode="nearest", grid_mode=True)
    return fine[: size[0], : size[1]]


def _beyond(accused: Mask, differing: Labels, sure: Mask) -> Mask:
    """What differs beyond what the localizer found; its own outlines are the finer ones.

    Args:
        accused: (h, w), what the localizer found.
        differing: (h, w), the pieces that differ.
        sure: (h, w), what in them speaks for it.
    """
    numbers = np.unique(differing[differing > 0])
    if not numbers.size:
        return np.zeros(accused.shape, bool)
    covered = ndimage.mean(accused, differing, numbers) > MOSTLY
    beyond: Mask = np.isin(differing, numbers[~covered])
    if covered.any():
        near = ndimage.maximum_filter(accused, 2 * NEAR * BLOCK + 1)
        rest, _ = ndimage.label(np.isin(differing, numbers[covered]) & ~near, np.ones((3, 3)))
        beyond |= np.isin(rest, np.unique(rest[sure & (rest > 0)])) & (rest > 0)
    return beyond


def _touched(changed: Mask, lost: Mask) -> tuple[Mask, Mask]:
    """What lost its protection beside a change counts as changed."""
    if not lost.any():
        return changed, lost
    labels, _ = ndimage.label(lost, np.ones((3, 3)))
    near = ndimage.maximum_filter(changed, 2 * (BLOCK + 1) + 1)
    touching = np.isin(labels, np.unique(labels[near & lost])) & lost
    return changed | touching, lost & ~touching


def _numbered(changed: Mask, lost: Mask) -> tuple[Labels, int]:
    """Numbers of the regions, (h, w), the largest change first and what does not count last.

    Returns:
        The numbers, and how many count.
    """
    total = np.zeros(changed.shape, np.int32)
    counts: list[int] = []
    for mask in (changed, lost):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        numbers = np.zeros(count + 1, np.int32)
        numbers[np.argsort(-areas, kind="stable") + 1] = np.arange(1, count + 1) + sum(counts)
        total = np.where(mask, numbers[labels], total)
        counts.append(count)
    return total, counts[0]
