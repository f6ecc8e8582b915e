"""From a received picture to a verdict, one step after another.

    canvas ─► reveal ─► read (each key) ─► localize ─► regions ─► hidden copy ─► recover
                          │                                          │
                          └─ unprotected, degraded                   └─ foreign, degraded

`Guard` gives the pictures in and takes the findings out; the order is that of docs/protocol.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

from imuge.engine import Engine
from imuge.hidden_copy import (
    Comparison,
    HiddenCode,
    code_clues,
    compare,
    erased_blocks,
    find_code,
    render,
)
from imuge.image.padding import BLOCK, SIDE_MULTIPLE, Canvas, to_pixels
from imuge.keys import (
    PRESENCE_THRESHOLD,
    TEMPLATE_CHANNELS,
    Key,
    Reading,
    layout_agreement,
    read,
    template,
)
from imuge.results import Finding, Pixels, Region
from imuge.weights import CALIBRATED_SIDE, WorkingPoint

BEACON_CHANNELS = 2  # the first of the template's
FEWEST_BLOCKS = 64  # untouched ones from which the picture's clarity is judged
REGION_PROBABILITY = 0.5  # above it pixels that touch belong to one piece
RECOVERY_MARGIN = 4  # pixels the recoverer's mask is wider than the reported one
# Where the beacon reads this well, a layout that does not fit cannot be blamed on compression.
CLEAR_BEACON = 0.85

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found out about one picture."""

    finding: Finding
    key: Key | None = None
    reading: Reading
    layout_p: float | None = None
    threshold: float | None = None  # probability; None where nothing was localized
    minimum_area: int | None = None  # pixels above the threshold that a region needed here
    spots: int = 0  # pieces that had fewer, and so are no regions
    comparison: Comparison | None = None
    clarity: float | None = None  # fraction of beacon signs that agree where nothing changed
    hidden: HiddenCode | None = field(default=None, repr=False)  # as the full key finds it
    probability: Array | None = field(default=None, repr=False)
    mask: NDArray[np.bool_] = field(repr=False)
    regions: tuple[Region, ...] = ()
    recovered: Pixels | None = field(default=None, repr=False)
    hidden_copy_image: Pixels | None = field(default=None, repr=False)


def look_for_beacon(
    engine: Engine, canvas: Canvas, keys: Sequence[Key]
) -> tuple[Array, Key, Reading]:
    """Reveal the payload and read it with every key.

    Returns:
        The revealed payload (30, h, w), and the key whose beacon is the strongest with its reading;
        of several as strong, one with a valid tag, then one that can recover: a key and its
        verify-only copy read the same.
    """
    revealed = engine.reveal(canvas.image)
    signs = revealed[-TEMPLATE_CHANNELS:]
    readings = [read(key, signs, valid=canvas.inside, hypotheses=len(keys)) for key in keys]

    def rank(i: int) -> tuple[float, bool, float, bool]:
        reading = readings[i]
        untagged = reading.image_id is None
        return reading.presence_p, untagged, -reading.agreement, not keys[i].can_recover

    best = min(range(len(keys)), key=rank)
    return revealed, keys[best], readings[best]


def verify(
    engine: Engine,
    canvas: Canvas,
    keys: Sequence[Key],
    *,
    recover: bool = True,
    hidden_copy: bool = False,
) -> Found:
    """Find out what happened to one picture.

    Args:
        engine: The networks.
        canvas: The received picture.
        keys: One key or more; the p-values are corrected for their number.
        recover: Whether to reconstruct what was there before.
        hidden_copy: Whether to render the whole hidden copy, beyond the sample that is checked.
    """
    revealed, key, reading = look_for_beacon(engine, canvas, keys)
    blank = np.zeros((canvas.height, canvas.width), bool)
    found = Found(finding="unprotected", reading=reading, mask=blank)
    if not reading.present:
        return found
    found = replace(found, finding="degraded", key=key)
    if reading.image_id is None:
        return found
    options = engine.record.options
    scales = options.template_scales
    expected = template(key, reading.image_id, *canvas.grid, scales=scales)
    code, signs = revealed[:-TEMPLATE_CHANNELS], revealed[-TEMPLATE_CHANNELS:]
    _, p = layout_agreement(key, reading.image_id, signs, canvas.inside, scales=scales)
    hidden = None
    if key.can_recover:
        hidden = find_code(options, key, reading.image_id, code, canvas.inside)
    probability = localize(engine, canvas, revealed, expected, hidden)
    clarity, observed = beacon_agreement(signs, expected, canvas, probability)
    found = replace(found, layout_p=p, clarity=clarity, hidden=hidden)
    if clarity + 1 / math.sqrt(observed) < engine.record.calibration.minimum_agreement:
        return found  # too faint by more than two standard deviations of so many signs
    wanted = {"recover": recover, "hidden_copy": hidden_copy}
    return _examine(engine, canvas, found, probability, **wanted)


def _examine(
    engine: Engine,
    canvas: Canvas,
    found: Found,
    probability: Array,
    *,
    recover: bool,
    hidden_copy: bool,
) -> Found:
    """Judge a picture whose protection reads clearly: regions, hidden copy, reconstruction."""
    assert found.clarity is not None
    point = engine.record.calibration.point(found.clarity)
    least = minimum_area(point, probability.size)
    mask, regions, spots = find_regions(probability, threshold=point.threshold, minimum_area=least)
    found = replace(found, threshold=point.threshold, minimum_area=least, spots=spots)
    wide = widen(canvas, mask)
    codes = None
    if found.hidden is not None:
        codes = found.hidden.without(erased_blocks(wide))
        found = replace(found, comparison=compare(engine, canvas.image, wide, codes))
        if hidden_copy:
            copy = _crop(canvas, render(engine, canvas.image, codes))
            found = replace(found, hidden_copy_image=copy)
    if _is_foreign(found):
        return replace(found, finding="foreign")
    found = replace(found, finding="intact", probability=probability, mask=mask)
    if not regions:
        return found
    if recover and codes is not None:
        found = replace(found, recovered=reconstruct(engine, canvas, mask, wide, codes))
    return replace(found, finding="tampered", regions=regions)


def _is_foreign(found: Found) -> bool:
    """Whether the protection belongs to another picture."""
    assert found.layout_p is not None
    assert found.clarity is not None
    misplaced = found.layout_p > PRESENCE_THRESHOLD and found.clarity > CLEAR_BEACON
    return misplaced or (found.comparison is not None and found.comparison.check == "disagrees")


def localize(
    engine: Engine,
    canvas: Canvas,
    revealed: Array,
    expected: Array,
    hidden: HiddenCode | None = None,
) -> Array:
    """Probability of each pixel to be tampered, (H, W) in [0, 1].

    Args:
        engine: The networks.
        canvas: The received picture.
        revealed: (30, h, w), its payload.
        expected: (6, h, w), the template it should carry.
        hidden: Its code as the full key finds it. A release with `code_evidence` compares it with
            the picture; None, as for a verify-only key, leaves the networks without these clues:
            they get zeros, which they know from training. Other releases do not look at it.
    """
    # Blocks that reach beyond the picture were never published whole: they are no evidence.
    received = revealed.copy()
    received[-TEMPLATE_CHANNELS:] = np.where(canvas.inside, received[-TEMPLATE_CHANNELS:], expected)
    clues = None
    if hidden is not None and engine.record.options.code_evidence:
        clues = code_clues(hidden.codes, engine.encode(canvas.image))
    logits = engine.localize(canvas.image, received, expected, clues)
    probability: Array = special.expit(logits[0, : canvas.height, : canvas.width])
    # Nobody sees what changed there; and codecs bleed it into what is seen beside it.
    unseen = ~canvas.judged
    probability[ndimage.maximum_filter(unseen, 2 * BLOCK + 1, mode="constant")] = 0
    return probability


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
    probability: Array, *, threshold: float, minimum_area: int
) -> tuple[NDArray[np.bool_], tuple[Region, ...], int]:
    """Connected pieces of what is likely tampered, without those that are hardly sure anywhere.

    A piece counts by its pixels above the threshold, and has all of its pixels above one half: a
    strict threshold drops what is doubtful and does not cut the rims off what is certain
    (hysteresis; Canny 1986).

    Args:
        probability: (H, W) in [0, 1].
        threshold: Above it a pixel speaks for its piece; from 0.5 to 1.
        minimum_area: So many pixels must speak for a piece.

    Returns:
        The mask of the pieces kept, (H, W) bool; the pieces, largest first; and how many were
        dropped.
    """
    labels, count = label_pieces(probability)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    speaking = np.bincount(labels[probability > threshold], minlength=count + 1)
    areas[0] = speaking[0] = 0
    kept = np.flatnonzero(speaking >= max(minimum_area, 1))
    boxes = ndimage.find_objects(labels)
    regions = []
    for label in kept[np.argsort(-areas[kept], kind="stable")]:
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
    belongs = np.zeros(len(areas), bool)
    belongs[kept] = True
    return belongs[labels], tuple(regions), count - len(kept)


def widen(canvas: Canvas, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask for the recoverer, (H16, W16): a margin more, and all that lies outside."""
    wide = np.ones(canvas.image.shape[1:], bool)
    side = 2 * RECOVERY_MARGIN + 1
    wide[: canvas.height, : canvas.width] = ndimage.maximum_filter(mask, side, mode="constant")
    return wide


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
    agreeing = (signs[:BEACON_CHANNELS] * expected[:BEACON_CHANNELS] > 0)[:, blocks]
    return float(agreeing.mean()), agreeing.size


def reconstruct(
    engine: Engine,
    canvas: Canvas,
    mask: NDArray[np.bool_],
    wide: NDArray[np.bool_],
    codes: Array,
) -> Pixels:
    """The received picture with the reconstruction in place of every tampered pixel."""
    rows = np.flatnonzero(mask.any(1))
    first = int(rows[0]) // SIDE_MULTIPLE * SIDE_MULTIPLE
    last = -(-int(rows[-1] + 1) // SIDE_MULTIPLE) * SIDE_MULTIPLE
    masked = wide[None].astype(np.float32)
    rendered = engine.recover(canvas.image, masked, codes, rows=(first, last))
    recovered = _crop(canvas, canvas.image)
    last = min(last, canvas.height)
    patch = to_pixels(rendered[:, : last - first, : canvas.width])
    recovered[first:last][mask[first:last]] = patch[mask[first:last]]
    return recovered


def _crop(canvas: Canvas, image: Array) -> Pixels:
    return to_pixels(image[:, : canvas.height, : canvas.width])
