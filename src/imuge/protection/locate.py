"""Locating: where a copy differs from what was published under its key and id.

    revealed ─┬─► signs ─ template ───► localize ─► probability ─► clarity ─► pieces
              └─► code, gathered home ─► content ─► evidence

The product, calibration and the bench call these steps, so that what is calibrated and measured is
what is shipped.

Conventions: probabilities (H, W) in [0, 1] of having been tampered with; masks are True there.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from imuge.engine import Engine
from imuge.engine.canvas import Canvas
from imuge.keys import TEMPLATE_CHANNELS, Key, Message, template
from imuge.keys.template import BEACON_CHANNELS
from imuge.protection.code import HiddenCode, code_clues, erased_blocks, find_code
from imuge.protection.content import Content, weigh
from imuge.protection.recover import widen
from imuge.protection.warp import filled
from imuge.results import Region
from imuge.weights import Calibration

FEWEST_BLOCKS = 64  # untouched ones from which the picture's clarity is judged
RIM = 8  # frame pixels inside a cut in which nothing is judged
SPEAKING = 16  # frame pixels from a cut from which on what is found can make a region
OVER = 2  # frame pixels by which it goes on beyond what a copy shows
REGION_PROBABILITY = 0.5  # above it pixels that touch belong to one piece

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What one copy says of every pixel, before any threshold."""

    probability: Array  # (H, W), to be tampered
    clarity: float  # fraction of beacon signs that agree where nothing changed
    signs_read: int  # how many the fraction is of
    code: HiddenCode | None  # as the full key finds it; None for a verify-only key
    content: Content | None = None  # what that code says about what is seen; None with it
    counted: Mask | None = None  # (H, W), pixels that may speak for a region; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """What is shown of a probability."""

    probability: Array  # (H, W), above one half in every region
    mask: Mask  # (H, W), of the regions that count
    labels: NDArray[np.int32]  # (H, W), number of each pixel's region, from 1; 0 outside
    regions: tuple[Region, ...]  # the pieces kept, largest first; those that do not count last
    small_spots: int = 0  # how many pieces were dropped


def locate(engine: Engine, canvas: Canvas, revealed: Array, key: Key, message: Message) -> Located:
    """Compare a copy with what was published.

    Args:
        engine: The networks; their release says how template and code are keyed.
        canvas: The received picture.
        revealed: (30, h, w), its payload, from `engine.reveal(canvas.image)`.
        key: The key it was immunized with, full or verify-only.
        message: Its message.
    """
    options = engine.record.options
    expected = template(key, message, *canvas.grid, scales=options.template_scales)
    signs = revealed[-TEMPLATE_CHANNELS:]
    code = content = clues = None
    if key.can_recover:
        hidden = revealed[:-TEMPLATE_CHANNELS]
        code = find_code(options, key, message.image_id, hidden, canvas.inside)
        seen = engine.encode(canvas.image)
        content = weigh(code, seen, signs * expected, canvas)
        if options.code_evidence:
            clues = code_clues(code.codes, seen)
    probability = localize(engine, canvas, revealed, expected, clues)
    clarity, signs_read = beacon_agreement(signs, expected, canvas, probability)
    return Located(
        probability=probability,
        clarity=clarity,
        signs_read=signs_read,
        code=code,
        content=content,
        counted=None if canvas.shown is None else judged(canvas.shown, SPEAKING),
    )


def localize(
    engine: Engine,
    canvas: Canvas,
    revealed: Array,
    expected: Array,
    clues: Array | None = None,
) -> Array:
    """Probability of each pixel to be tampered, (H, W) in [0, 1].

    Args:
        engine: The networks.
        canvas: The received picture.
        revealed: (30, h, w), its payload.
        expected: (6, h, w), the template it should carry.
        clues: (48, h, w), how its code and what is seen disagree, for a release with
            `code_evidence`; None, as for a verify-only key, leaves the networks without these
            clues: they get zeros, which they know from training.
    """
    # Blocks that reach beyond the picture are no evidence. There all is taken to read as it does
    # beside them: a template read perfectly would make all that is read worse look changed.
    received = revealed.copy()
    agreeing = _beside(received[-TEMPLATE_CHANNELS:] * expected, canvas)
    received[-TEMPLATE_CHANNELS:] = agreeing * expected
    if clues is not None:
        clues = _beside(clues, canvas)
    blocks = canvas.window_blocks
    logits = engine.localize(
        canvas.window_image,
        received[:, *blocks],
        expected[:, *blocks],
        None if clues is None else clues[:, *blocks],
    )
    whole = np.zeros(canvas.image.shape[1:], np.float32)
    whole[canvas.window] = special.expit(logits[0])
    probability: Array = whole[: canvas.height, : canvas.width]
    if canvas.shown is not None:
        probability = carried_on(probability, canvas.shown)
    return probability


def _beside(channels: Array, canvas: Canvas) -> Array:
    """(C, h, w), in blocks that are not wholly there as it is in those at their side, reflected."""
    return np.moveaxis(filled(np.moveaxis(channels, 0, -1), canvas.inside), -1, 0)


def carried_on(probability: Array, shown: Mask) -> Array:
    """Let what was found beside the rim of a cut reach the cut; 0 where there is no picture.

    A region that a cut goes through ends at the cut, not short of it. Pixels of the rim speak for
    none: they only go along.
    """
    inner = judged(shown)
    if not inner.any():
        return np.zeros_like(probability)
    nearest = ndimage.distance_transform_edt(~inner, return_distances=False, return_indices=True)
    # A little further, so that an outline that is drawn between pixels does not stop short.
    near = ndimage.binary_dilation(shown, np.ones((3, 3)), OVER)
    reached: Array = np.where(near, probability[tuple(nearest)], np.float32(0))
    return reached


def judged(shown: Mask, rim: int = RIM) -> Mask:
    """Where a part of a picture can be judged: it is there, and not at the rim of a cut.

    Blocks that a cut goes through are lost, and the networks look further than a block: what they
    find within `SPEAKING` pixels of a cut belongs to a region that reaches further in, or to none.
    """
    inner: Mask = ndimage.binary_erosion(shown, np.ones((3, 3)), rim, border_value=1)
    return inner


def beacon_agreement(
    signs: Array, expected: Array, canvas: Canvas, probability: Array
) -> tuple[float, int]:
    """How clearly the picture speaks: the fraction of beacon signs that agree in untouched blocks.

    Args:
        signs: (6, h, w), revealed.
        expected: (6, h, w), ±1.
        canvas: The received picture.
        probability: (H, W) to be tampered; above one half a pixel's block is left out.

    Returns:
        The fraction, and the number of signs looked at.
    """
    touched = erased_blocks(widen(canvas, probability > REGION_PROBABILITY))[0] > 0
    untouched = canvas.inside & ~touched
    blocks = untouched if untouched.sum() >= FEWEST_BLOCKS else canvas.inside
    beacon = list(BEACON_CHANNELS)
    agreeing = (signs[beacon] * expected[beacon] > 0)[:, blocks]
    return float(agreeing.mean()), agreeing.size


def is_too_faint(calibration: Calibration, located: Located) -> bool:
    """Whether a copy reads less clearly than anything that was calibrated.

    That is: by more than two standard deviations of so many signs.
    """
    doubt = 1 / math.sqrt(located.signs_read)
    return located.clarity + doubt < calibration.minimum_agreement


def label_pieces(probability: Array) -> tuple[NDArray[np.int32], int]:
    """Connected pieces of what is more likely tampered than not.

    Returns:
        The number of each pixel's piece, (H, W), from 1, and 0 outside; and how many pieces there
        are. Pieces touch at sides and corners.
    """
    labels, count = ndimage.label(probability > REGION_PROBABILITY, structure=np.ones((3, 3)))
    return labels, count


def regions_of(probability: Array, labels: NDArray[np.int32], kept: NDArray[np.bool_]) -> Regions:
    """The pieces kept of those numbered, the largest first.

    A piece has all of its pixels above one half: what drops the doubtful pieces does not cut the
    rims off those that are certain (hysteresis; Canny 1986).

    Args:
        probability: (H, W) in [0, 1].
        labels: (H, W), the number of each pixel's piece, from 1; 0 outside.
        kept: (pieces,), which of them are regions.
    """
    areas = np.bincount(labels.ravel(), minlength=len(kept) + 1)[1:]
    order = np.flatnonzero(kept)
    order = order[np.argsort(-areas[order], kind="stable")]
    numbers = np.zeros(len(kept) + 1, np.int32)
    numbers[order + 1] = np.arange(1, len(order) + 1)
    numbered = numbers[labels]
    return Regions(
        probability=probability,
        mask=numbered > 0,
        labels=numbered,
        regions=measured(numbered, probability),
    )


def plain_regions(probability: Array) -> Regions:
    """Every piece of what is more likely tampered than not: where nothing was calibrated."""
    labels, count = label_pieces(probability)
    return regions_of(probability, labels, np.ones(count, bool))


def measured(labels: NDArray[np.int32], probability: Array) -> tuple[Region, ...]:
    """Every numbered piece (h, w) as a region: where it is, how large, and how sure."""
    regions = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[rows, columns] == number
        area = int(inside.sum())
        regions.append(
            Region(
                box=(columns.start, rows.start, columns.stop, rows.stop),
                area_pixels=area,
                area=area / labels.size,
                mean_probability=float(probability[rows, columns][inside].mean(dtype=np.float64)),
            )
        )
    return tuple(regions)
