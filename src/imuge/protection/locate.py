"""Locating: where a copy differs from what was published under its key and id.

    revealed ─┬─► code, gathered home ─┐
              │                        ├─► localize ─► probability ─► clarity ─► regions
              └─► signs ─ template ────┘

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
from imuge.engine.canvas import BLOCK, Canvas
from imuge.keys import TEMPLATE_CHANNELS, Key, Message, template
from imuge.keys.template import BEACON_CHANNELS
from imuge.protection.code import HiddenCode, code_clues, erased_blocks, find_code
from imuge.protection.recover import widen
from imuge.results import Region
from imuge.weights import CALIBRATED_SIDE, Calibration, WorkingPoint

FEWEST_BLOCKS = 64  # untouched ones from which the picture's clarity is judged
RIM = 8  # frame pixels inside a cut in which nothing is judged
SPEAKING = 20  # frame pixels from a cut from which on what is found can make a region
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
    counted: Mask | None = None  # (H, W), pixels that may speak for a region; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions:
    """What is shown of a probability at one working point."""

    threshold: float  # probability above which a pixel speaks for its piece
    minimum_area: int  # such pixels that a piece needs
    mask: Mask  # (H, W), of the pieces kept
    labels: NDArray[np.int32]  # (H, W), number of each pixel's region, from 1; 0 outside
    regions: tuple[Region, ...]  # the pieces kept, largest first
    small_spots: int  # how many pieces were dropped


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
    code = None
    if key.can_recover:
        hidden = revealed[:-TEMPLATE_CHANNELS]
        code = find_code(options, key, message.image_id, hidden, canvas.inside)
    probability = localize(engine, canvas, revealed, expected, code)
    signs = revealed[-TEMPLATE_CHANNELS:]
    clarity, signs_read = beacon_agreement(signs, expected, canvas, probability)
    return Located(
        probability=probability,
        clarity=clarity,
        signs_read=signs_read,
        code=code,
        counted=None if canvas.shown is None else judged(canvas.shown, SPEAKING),
    )


def localize(
    engine: Engine,
    canvas: Canvas,
    revealed: Array,
    expected: Array,
    code: HiddenCode | None = None,
) -> Array:
    """Probability of each pixel to be tampered, (H, W) in [0, 1].

    Args:
        engine: The networks.
        canvas: The received picture.
        revealed: (30, h, w), its payload.
        expected: (6, h, w), the template it should carry.
        code: Its code as the full key finds it. A release with `code_evidence` compares it with
            the picture; None, as for a verify-only key, leaves the networks without these clues:
            they get zeros, which they know from training. Other releases do not look at it.
    """
    # Blocks that reach beyond the picture were never published whole: they are no evidence.
    received = revealed.copy()
    received[-TEMPLATE_CHANNELS:] = np.where(canvas.inside, received[-TEMPLATE_CHANNELS:], expected)
    rows, columns = canvas.window
    image = np.ascontiguousarray(canvas.image[:, rows, columns])
    blocks = tuple(slice(side.start // BLOCK, side.stop // BLOCK) for side in (rows, columns))
    clues = None
    if code is not None and engine.record.options.code_evidence:
        clues = code_clues(code.codes[:, *blocks], engine.encode(image))
    logits = engine.localize(image, received[:, *blocks], expected[:, *blocks], clues)
    whole = np.zeros(canvas.image.shape[1:], np.float32)
    whole[rows, columns] = special.expit(logits[0])
    probability: Array = whole[: canvas.height, : canvas.width]
    if canvas.shown is not None:
        probability = carried_on(probability, canvas.shown)
    return probability


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


def regions_shown(calibration: Calibration, located: Located) -> Regions:
    """The regions at the working point for a copy that reads so clearly."""
    point = calibration.point(located.clarity)
    least = minimum_area(point, located.probability.size)
    return find_regions(
        located.probability,
        threshold=point.threshold,
        minimum_area=least,
        counted=located.counted,
    )


def minimum_area(point: WorkingPoint, pixels: int) -> int:
    """Pixels a region needs in a picture of so many pixels.

    It grows with the side of the picture: on training pictures the number of false regions falls
    about with the square of their area, so that this keeps the share of pictures with any.
    """
    return round(point.minimum_area * math.sqrt(pixels) / CALIBRATED_SIDE)


def label_pieces(probability: Array) -> tuple[NDArray[np.int32], int]:
    """Connected pieces of what is more likely tampered than not.

    Returns:
        The number of each pixel's piece, (H, W), from 1, and 0 outside; and how many pieces there
        are. Pieces touch at sides and corners.
    """
    labels, count = ndimage.label(probability > REGION_PROBABILITY, structure=np.ones((3, 3)))
    return labels, count


def find_regions(
    probability: Array, *, threshold: float, minimum_area: int, counted: Mask | None = None
) -> Regions:
    """Connected pieces of what is likely tampered, without those that are hardly sure anywhere.

    A piece counts by its pixels above the threshold, and has all of its pixels above one half: a
    strict threshold drops what is doubtful and does not cut the rims off what is certain
    (hysteresis; Canny 1986).

    Args:
        probability: (H, W) in [0, 1].
        threshold: Above it a pixel speaks for its piece; from 0.5 to 1.
        minimum_area: So many pixels must speak for a piece.
        counted: (H, W), pixels that may speak; None: all.
    """
    labels, count = label_pieces(probability)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    loud = probability > threshold if counted is None else (probability > threshold) & counted
    speaking = np.bincount(labels[loud], minlength=count + 1)
    areas[0] = speaking[0] = 0
    kept = np.flatnonzero(speaking >= max(minimum_area, 1))
    boxes = ndimage.find_objects(labels)
    regions = []
    order = kept[np.argsort(-areas[kept], kind="stable")]
    for label in order:
        rows, columns = boxes[label - 1]
        inside = labels[rows, columns] == label
        regions.append(
            Region(
                box=(columns.start, rows.start, columns.stop, rows.stop),
                area_pixels=int(areas[label]),
                area=float(areas[label]) / probability.size,
                mean_probability=float(probability[rows, columns][inside].mean(dtype=np.float64)),
            )
        )
    numbers = np.zeros(len(areas), np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    numbered = numbers[labels]
    return Regions(
        threshold=threshold,
        minimum_area=minimum_area,
        mask=numbered > 0,
        labels=numbered,
        regions=tuple(regions),
        small_spots=count - len(kept),
    )
