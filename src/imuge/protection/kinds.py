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

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from imuge.engine.canvas import BLOCK
from imuge.keys import TEMPLATE_CHANNELS
from imuge.protection.content import WINDOWS, Content, outline_field
from imuge.protection.locate import (
    REGION_PROBABILITY,
    Located,
    Regions,
    measured,
    regions_of,
)
from imuge.protection.pieces import (
    Floats,
    Heard,
    Pieces,
    Witness,
    find_pieces,
    log_odds,
    minimum_area,
)
from imuge.results import ContentCheck, RegionKind
from imuge.weights import Calibration

NEAR = 3  # blocks around what the localizer found, in which the content's outline is only coarser
CLEAREST = 0.75  # quantile of a piece's evidence that stands for what changed wholly
# Blocks from where evidence is half way up to the outline. A block of which little changed says as
# much as one that changed all over, which would make it half a block; on training pictures, where
# what changed is not equally clear all over, less is best.
INSIDE = 0.3
COVERED = 0.25  # share of a piece that differs, beyond which it is what the localizer found
THERE = 0.5  # of the way from chance to how the whole copy reads: a template that is still there
# The same for one that somebody revealed and embedded anew, which comes back fainter.
AGAIN = 0.4
CERTAIN = 3.0  # standard deviations from chance, from which signs were embedded anew
DIFFERS = math.log(20)  # evidence of content from which it is said to differ
UNLIKE = 0.25  # of what is usual in a copy, below which the content does not speak against company
COMPANY = 3.0  # natural logarithm, by which the odds of others rise beside a sure change at most
SMALL_AREA = 4000  # pixels of a frame of CALIBRATED_SIDE²; larger ones may gain less
CLEAR = (0.68, 0.72)  # clarity from which a copy begins to be clear, and is; JPEG 75 leaves as much
MOST_ODDS = 20.0  # natural logarithm; neighbouring blocks do not add without end

Array: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = NDArray[np.int32]


def regions_shown(calibration: Calibration, located: Located) -> Regions:
    """The regions of one copy, of all kinds."""
    labels, tiny = find_pieces(located)
    pieces = Pieces.of(located, labels, int(labels.max(initial=0)))
    odds, changed, freed = weighed(calibration, pieces)
    on_pixels = np.append(-np.inf, odds)[labels]
    if located.content is None:
        found = regions_of(located.probability, labels, changed)
        highest = _highest(on_pixels, found.labels)
        regions = zip(found.regions, highest, strict=True)
        shown = replace(found, regions=tuple(replace(one, odds=most) for one, most in regions))
        dropped = ~changed
    else:
        point = calibration.point(located.clarity)
        gone = pieces.template < template_there(located.clarity)
        large = pieces.areas >= minimum_area(point.lost_area, labels.size)
        lost = freed & gone & large
        shown = joined(
            located,
            accused=np.append(False, changed)[labels],
            lost=np.append(False, lost)[labels],
            odds=on_pixels,
            thresholds=point.evidence,
        )
        dropped = ~changed & ~lost
    return replace(shown, small_spots=tiny + int(dropped.sum()))


def _highest(odds: Floats, labels: Labels) -> list[float]:
    """The highest odds in each region."""
    numbers = np.arange(1, labels.max(initial=0) + 1)
    return [min(float(one), MOST_ODDS) for one in ndimage.maximum(odds, labels, numbers)]


def weighed(calibration: Calibration, pieces: Pieces) -> tuple[Floats, Mask, Mask]:
    """What becomes of each piece.

    Returns:
        The natural logarithm of the odds that it is a change, (n,); whether it counts as one; and
        whether it would, if the content did not say that nothing changed there.
    """
    alone = log_odds(calibration.alone, pieces)
    both = log_odds(calibration.both, pieces)
    least = np.where(pieces.known, calibration.both.least, calibration.alone.least)
    gain = gains(pieces)
    beyond = in_company(np.where(pieces.known, both, alone) - least, gain)
    freed = counted(alone - calibration.alone.least, gain) & (beyond < 0)
    return beyond + least, beyond >= 0, freed


def gains(pieces: Pieces) -> Floats:
    """How much of what company lends each piece gains, (n,), from 0 to 1.

    A small piece says little by itself; a large one says much, and where that is no change it is
    none in company either. So in faint copies, where strong compression leaves large pieces, and
    where both witnesses say that nothing changed: the template is there, and the code speaks as
    clearly as elsewhere in the copy.
    """
    faint = float(np.interp(pieces.clarity, CLEAR, (1, 0)))
    small = np.minimum(1, SMALL_AREA / np.maximum(pieces.sizes, 1))
    unlike = ((1 - np.nan_to_num(pieces.relative)) / UNLIKE).clip(0, 1)
    there = (pieces.template - 0.5) / max(template_there(pieces.clarity) - 0.5, 0.01)
    doubtful = np.maximum(faint, np.where(pieces.known, (1 - unlike) * there.clip(0, 1), 0))
    made: Floats = 1 - doubtful * (1 - small)
    return made


def in_company(beyond: Floats, gain: Floats) -> Floats:
    """The odds of one copy's pieces beside each other, (n,).

    Who changed one place of a picture may well have changed another: the surer the surest piece,
    the more the others' odds rise. Where no piece counts by itself none does.

    Args:
        beyond: (n,), natural logarithms of their odds, less that of the least odds for a region.
        gain: (n,), how much of the rise each gets, as `gains` says.
    """
    surest = beyond.max(initial=-np.inf)
    return np.where(beyond == surest, beyond, beyond + np.clip(surest, 0, COMPANY) * gain)


def counted(beyond: Floats, gain: Floats) -> Mask:
    """Which pieces of one copy count as changes, (n,), by their odds as `in_company` takes them."""
    return in_company(beyond, gain) >= 0


def joined(
    located: Located, *, accused: Mask, lost: Mask, odds: Floats, thresholds: Sequence[float]
) -> Regions:
    """What the localizer found, and what the content differs in, as regions of their kinds.

    Args:
        located: What the copy says.
        accused: (h, w), the pieces of the localizer that count as changed.
        lost: (h, w), those that lost their protection and show what was published.
        odds: (h, w), of each pixel's piece.
        thresholds: For each of `WINDOWS`, the evidence above which content is a region.
    """
    assert located.content is not None
    witness = Witness.of(located.content)
    score, differing, sure = differing_pieces(witness.content, thresholds, accused.shape)
    again = _beyond(accused, differing, sure)
    changed, lost = _touched(accused | again, lost)
    labels, counting = _numbered(changed, lost)
    shares = ndimage.mean(again, labels, np.arange(1, labels.max(initial=0) + 1))
    facts = zip(
        measured(labels, located.probability),
        shares,
        _highest(odds, labels),
        witness.pieces(labels, len(shares)),
        strict=True,
    )
    regions = [
        replace(
            region,
            kind=_kind(number <= counting, heard, located.clarity),
            content="agrees" if number > counting else _checked(heard),
            template_agreement=heard.template,
            content_agreement=heard.agreeing,
            odds=max(most, min(heard.total, MOST_ODDS)) if share > 0 else most,
        )
        for number, (region, share, most, heard) in enumerate(facts, 1)
    ]
    surest = np.maximum(score, located.probability)
    return Regions(
        probability=np.where(again, surest, located.probability),
        mask=changed,
        labels=labels,
        regions=tuple(regions),
    )


def _checked(heard: Heard) -> ContentCheck:
    """Whether the content differs, or that cannot be told."""
    return "differs" if heard.total >= DIFFERS else "not checked"


def template_there(clarity: float, way: float = THERE) -> float:
    """Share of signs that agree, from which the template of a region is still there."""
    return 0.5 + way * (clarity - 0.5)


def _kind(counts: bool, heard: Heard, clarity: float) -> RegionKind:
    if not counts:
        return "protection lost"
    deviation = 0.5 / math.sqrt(TEMPLATE_CHANNELS * max(heard.blocks, 1))  # of so many fair signs
    again = heard.template >= max(template_there(clarity, AGAIN), 0.5 + CERTAIN * deviation)
    return "protected again" if again and heard.total >= DIFFERS else "changed"


def differing_pieces(
    content: Content, thresholds: Sequence[float], size: tuple[int, ...]
) -> tuple[Array, Labels, Mask]:
    """Where the code contradicts what is seen.

    Args:
        content: Of the copy.
        thresholds: For each of `WINDOWS`, the evidence above which it speaks for a change.
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
    field, side = outline_field(content)
    usual = min(float(np.median(field[np.isfinite(field)])), 0.0)
    fine = _on_pixels(np.where(np.isfinite(field), field, usual), size)
    labels, _ = ndimage.label(fine > 0, np.ones((3, 3)))
    speaks = np.kron(sure, np.ones((BLOCK, BLOCK), bool))[: size[0], : size[1]] & (labels > 0)
    score = np.zeros(size, np.float32)
    for number in np.unique(labels[speaks]):
        piece = labels == number
        rise = float(np.quantile(fine[piece], CLEAREST)) - usual
        # Over windows evidence rises linearly, from the first block that changed at all.
        level = max(usual + (0.5 + INSIDE / side) * rise, 0.0)
        score[piece] = special.expit((fine[piece] - level) / (max(rise, 1.0) / 8))
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
    covered = ndimage.mean(accused, differing, numbers) > COVERED
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
