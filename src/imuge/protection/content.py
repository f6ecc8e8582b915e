"""Content: what the hidden code says about what is seen, block by block. The second witness.

    revealed code, gathered home ─── c ─┐
    signs of the template ─ reliability ┼─► log-likelihood ratio ─► windows ─► pieces that differ
    received picture ─ encode ───── q ──┘

The code tells what was published; encoding the received picture tells what is seen. For every
number of the code two accounts are weighed against each other: c = g·q + o + noise, what is seen
is what was published; and c = o + something else + noise. Above 0 the content was changed, below
what is seen is what was published. How strong the noise is, and how much of a number survives (the
gain g), depends on the place where it was hidden: compression leaves a code of nearly 0 where the
picture is flat, which says nothing and must not be taken for a contradiction. So places are sorted
by how well the template's signs read there, and gain, offset and noise are estimated for each sort
on the picture itself, robustly: what was tampered with are outliers.

Conventions: float32 on the grid of 8x8 blocks; masks are True where something holds.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imuge.engine.canvas import Canvas
from imuge.keys import DESCRIPTIONS
from imuge.protection.code import HiddenCode, bring_home, descriptions
from imuge.results import HiddenCopyCheck

# Blocks on a side, in which evidence is added up. One block alone proves nothing: in busy,
# saturated pictures JPEG ruins both places of a code here and there.
WINDOWS = (3, 5, 7, 15)
LEAST_KNOWN = 0.5  # of a window
OUTLINES = (3, 5, 7)  # blocks on a side; the smallest in which untouched blocks stay below 0
SURE = 2.3  # standard deviations below 0 at which they do
SORTS = 10  # of places, at most
PLACES = 100  # for each sort, at least
SEEN_AROUND = 3  # blocks on a side whose signs tell how well a place reads
READ_AROUND = 5  # blocks on a side whose signs tell whether the template is there: 150
ROUNDS = 2  # of the robust fit
OUTLIER = 2.5  # standard deviations from which a number is left out of the fit
MOST_SQUARED = 9.0  # squared standard deviations, of either account: one number proves little
LEAST_NOISE = 0.02  # variance, of code that varies by 1
LOCAL = 5  # blocks on a side, of the neighbourhood whose mean is no detail
FEWEST_BLOCKS = 24  # that two pictures are compared in
# Correlation of detail from which code and picture show the same, though little is said for it:
# where much was replaced. What is said is as good as some of it. On training pictures both come to
# .15 and more for own code, to .1 and more for one stranger in 25.
ALIKE_IN_DETAIL = 0.1
WORTH_IN_DETAIL = 0.04  # of all the evidence that a picture's own code brings at the least
ALIKE_ANYWAY = 0.5  # correlation of the numbers from which two plain pictures count as the same

Array: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one copy's code says about what is seen."""

    evidence: Array  # (h, w), natural log of the likelihood ratio; 0 where nothing is known
    numbers: Array  # (24, h, w), what each number of the code adds to it: some tell of colour alone
    known: Mask  # (h, w), True where a description survived
    agreeing: Array  # (h, w), share of the template's signs that agree
    seen: Array  # (24, h, w), the code of the received picture

    def windowed(self, side: int) -> Array:
        """Evidence of every window, shared by all its blocks; -inf where too few are known.

        Blocks of which nothing is known add nothing, nor do those beyond the picture's edge: what
        is said by half a window has to be said twice as loud.
        """
        totals, _ = windowed(self.evidence, self.known, side)
        return totals / np.float32(side * side)

    def means(self, side: int) -> Array:
        """Mean evidence of the known blocks in every window; -inf where too few are known."""
        totals, counts = windowed(self.evidence, self.known, side)
        return (totals / np.maximum(counts, 1)).astype(np.float32)

    def protected(self, least: float) -> Mask:
        """Where the template still is, (h, w): at least this share of the signs around agrees."""
        around = ndimage.uniform_filter(self.agreeing, READ_AROUND, mode="nearest")
        there: Mask = around >= least
        return there

    def strongest(self) -> list[float]:
        """For each of `WINDOWS`, the most that any of them says for a change."""
        return [float(self.windowed(side).max(initial=-np.inf)) for side in WINDOWS]


def weigh(code: HiddenCode, seen: Array, read: Array, canvas: Canvas) -> Content:
    """Weigh a copy's code against what is seen.

    Args:
        code: As the full key finds it.
        seen: (24, h, w), the code of the received picture.
        read: (6, h, w), the revealed signs times the expected ones.
        canvas: The received picture.
    """
    inside = _judged_blocks(canvas)
    numbers = []
    known = np.zeros(inside.shape, bool)
    reliability = place_reliability(read)
    parts = zip(descriptions(code.codes), descriptions(seen), code.permutations, strict=True)
    for gathered, there, permutation in parts:
        survived = (gathered[-1] > 0) & inside
        sorts = _sorted_places(bring_home(reliability[None], permutation)[0], survived)
        numbers.append(log_likelihood_ratio(gathered[:-1], there, sorts))
        known |= survived
    agreeing = (read > 0).mean(0, dtype=np.float32)
    together = np.concatenate(numbers)
    return Content(
        evidence=together.sum(0), numbers=together, known=known, agreeing=agreeing, seen=seen
    )


def place_reliability(read: Array) -> Array:
    """How well each place reads, (h, w): about 1 as embedded, about 0 where nothing is left.

    Args:
        read: (6, h, w), the revealed signs times the expected ones.
    """
    mean = read.clip(-2, 2).mean(0, dtype=np.float32)
    around = ndimage.uniform_filter(mean, SEEN_AROUND, mode="nearest")
    half: Array = (mean + around) / 2
    return half


def log_likelihood_ratio(code: Array, seen: Array, sorts: NDArray[np.int64]) -> Array:
    """Evidence of a change in every block, (c, h, w), by each number of one description.

    Args:
        code: (c, h, w), gathered home.
        seen: (c, h, w), of the received picture.
        sorts: (h, w), the sort of place where the block's code was hidden; -1 where it is lost.
    """
    evidence = np.zeros(code.shape, np.float32)
    for sort in range(sorts.max(initial=-1) + 1):
        here = sorts == sort
        if not here.any():
            continue
        c, q = code[:, here], seen[:, here]
        gain, offset, noise = _fitted(c, q)
        same = np.minimum((c - offset - gain * q) ** 2 / noise, MOST_SQUARED)
        spread = gain**2 + noise
        other = np.minimum((c - offset) ** 2 / spread, MOST_SQUARED)
        evidence[:, here] = 0.5 * (same - other - np.log(spread / noise))
    return evidence


def _fitted(c: Array, q: Array) -> tuple[Array, Array, Array]:
    """Gain, offset and noise variance of each number, (c, 1), over the places of one sort."""
    weight = np.ones_like(c)
    gain = offset = np.zeros((len(c), 1), np.float32)
    noise = np.ones((len(c), 1), np.float32)
    for _ in range(ROUNDS):
        total = weight.sum(1, keepdims=True)
        mean_c = (weight * c).sum(1, keepdims=True) / total
        mean_q = (weight * q).sum(1, keepdims=True) / total
        varied = (weight * (q - mean_q) ** 2).sum(1, keepdims=True) + np.float32(1e-6)
        gain = (weight * (c - mean_c) * (q - mean_q)).sum(1, keepdims=True) / varied
        gain = gain.clip(0, 1.2)  # noise in q makes it less than it is; no code is made larger
        offset = mean_c - gain * mean_q
        left = c - offset - gain * q
        spread = np.median(np.abs(left), 1, keepdims=True) / np.float32(0.6745)
        noise = np.maximum(spread**2, LEAST_NOISE)
        weight = (left**2 < OUTLIER**2 * noise).astype(np.float32)
        weight[:, 0] += np.float32(1e-6)  # never all of them
    return gain, offset, noise


def _sorted_places(reliability: Array, survived: Mask) -> NDArray[np.int64]:
    """The sort of every place, (h, w), from the worst on; -1 where the code did not survive."""
    count = int(survived.sum())
    sorts = np.full(survived.shape, -1, np.int64)
    if count:
        number = min(SORTS, max(1, count // PLACES))
        edges = np.quantile(reliability[survived], np.linspace(0, 1, number + 1)[1:-1])
        sorts[survived] = np.digitize(reliability[survived], edges)
    return sorts


def _judged_blocks(canvas: Canvas) -> Mask:
    """Blocks that are wholly there and do not touch the rim of a cut, where q sees what is not."""
    inside = canvas.inside
    if canvas.shown is None:
        return inside
    # The frame's own edge is no cut.
    inner: Mask = ndimage.binary_erosion(inside, np.ones((3, 3)), border_value=1)
    return inner


def windowed(evidence: Array, known: Mask, side: int) -> tuple[Array, Array]:
    """The known blocks of the window around each: all their evidence, and how many they are.

    Args:
        evidence: (h, w), of the blocks.
        known: (h, w), True where it says anything.
        side: Of the windows, in blocks; odd.

    Returns:
        Their sum, (h, w), and their number. The sum is -inf around blocks that are not known, and
        where fewer than half of a window's blocks are, of those within the picture.
    """

    def added(blocks: Array | Mask) -> Array:
        means = ndimage.uniform_filter(blocks.astype(np.float32), side, mode="constant")
        sums: Array = means * np.float32(side * side)
        return sums

    counts = added(known).round()
    enough = known & (counts >= LEAST_KNOWN * added(np.ones_like(known)).round())
    totals: Array = np.where(enough, added(np.where(known, evidence, 0)), -np.inf)
    return totals.astype(np.float32), counts


def outline_field(content: Content) -> tuple[Array, int]:
    """The evidence of which the outlines are drawn, (h, w): above 0 is changed.

    It is averaged in the smallest windows in which untouched blocks stay below 0; so its outlines
    are as fine as the noise allows.

    Returns:
        The evidence, and how many blocks wide the windows are.
    """
    field, side = np.zeros_like(content.evidence), OUTLINES[0]
    for side in OUTLINES:
        field = content.means(side)
        values = field[np.isfinite(field)]
        if not values.size:
            break
        low, middle = np.quantile(values, (0.16, 0.5))
        if middle < 0 and -middle >= SURE * (middle - low):
            break
    return field, side


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How far code and picture agree where nothing was changed; None where too little is left.

    Of two unrelated pictures the code says next to nothing about what is seen, however well it
    reads: neither account fits better. Where both are plain there is nothing to be said, and the
    numbers as they are agree.
    """

    # Mean of the blocks, as if all descriptions of each were there: of a part many are not.
    evidence: float | None
    detail: float | None  # correlation less the local mean, -1..1: 0 however alike their skies are
    plain: float | None  # of the numbers as they are

    def check(self, strangers: float) -> HiddenCopyCheck:
        """Whether they show the same thing, or different things nearly everywhere.

        Args:
            strangers: Mean evidence above which no picture's own code comes; below 0.
        """
        if self.evidence is None or self.detail is None or self.plain is None:
            return "not checked"
        said = self.evidence / strangers  # 1 and more of own code
        detail = self.detail + WORTH_IN_DETAIL * max(said, 0.0)
        alike = said >= 1 or detail >= ALIKE_IN_DETAIL or self.plain >= ALIKE_ANYWAY
        return "agrees" if alike else "disagrees"


def likeness(code: HiddenCode, content: Content, left_out: Mask) -> Likeness:
    """Compare code and picture outside of what changed.

    Args:
        code: As the full key finds it.
        content: What it says about the received picture.
        left_out: (h, w), True for blocks that changed or are not there.
    """
    details, plain = np.zeros(3), np.zeros(3)
    blocks = heard = 0
    codes = code.without(left_out[None].astype(np.float32))
    for gathered, there in zip(descriptions(codes), descriptions(content.seen), strict=True):
        kept = (gathered[-1] > 0) & ~left_out
        blocks += int(kept.sum())
        heard += int((kept & content.known).sum())
        plain += _products(gathered[:-1] * kept, there * kept)
        details += _products(_detail(gathered[:-1], kept), _detail(there, kept))
    if blocks < FEWEST_BLOCKS * DESCRIPTIONS or not heard:
        return Likeness(evidence=None, detail=None, plain=None)
    said = float(content.evidence[content.known & ~left_out].sum())
    return Likeness(
        evidence=said * DESCRIPTIONS / heard,
        detail=_correlation(details),
        plain=_correlation(plain),
    )


def _detail(numbers: Array, kept: Mask) -> Array:
    """Numbers (c, h, w) less the mean of what is kept around them; 0 where not kept."""
    total = ndimage.uniform_filter(numbers * kept, (0, LOCAL, LOCAL), mode="constant")
    share = ndimage.uniform_filter(kept.astype(np.float32), LOCAL, mode="constant")
    less: Array = (numbers - total / np.maximum(share, 1e-6)) * kept
    return less


def _products(a: Array, b: Array) -> NDArray[np.float64]:
    return np.array([(a * b).sum(), (a * a).sum(), (b * b).sum()], np.float64)


def _correlation(products: NDArray[np.float64]) -> float:
    both, first, second = products
    return float(both / np.sqrt(first * second)) if first > 0 and second > 0 else 0.0
