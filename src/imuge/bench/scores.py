"""Scores as plain functions: of pictures, of masks, and of regions.

Masks are bool (H, W), True where tampered; pictures are uint8 (H, W, 3). Where neither of two masks
has a pixel, they agree: 1. Where only one of them has any: 0.

A region is a set of pixels of a mask that touch at a side or a corner, as the product has it
(`imuge.protection.locate.label_pieces`). Two rules say when a found region is right:

    overlap  more than `share` of it is tampered; a true region is caught when more than `share` of
             it was marked, in however many pieces. After the area precision and recall of Wolf and
             Jolion 2006, which let a region be found in parts, or together with its neighbour.
    iou      one found and one true region share more than `share` of what either covers. From one
             half on no region can have two such partners, so nothing has to be assigned (Kirillov
             et al. 2019, Panoptic Segmentation; the bound of PASCAL VOC, Everingham et al. 2010).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from imuge.results import Pixels

Mask = NDArray[np.bool_]
Rule = Literal["overlap", "iou"]
SHARE = 0.5
SIGNIFICANT = 0.001  # of a picture; more of it falsely marked is counted
SSIM_WINDOW = 7
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # fine to coarse, Wang et al. 2003
GAUSS_RADIUS, GAUSS_SIGMA = 5, 1.5  # an 11x11 window
GAUSS_SIDE = 2 * GAUSS_RADIUS + 1
STABLE = (0.01**2, 0.03**2)  # C1 and C2 for pixels in [0, 1]


def psnr_db(a: Pixels, b: Pixels, where: Mask | None = None) -> float:
    """Peak signal-to-noise ratio over all channels, decibels; 100 for equal pictures.

    Args:
        a: (H, W, 3).
        b: (H, W, 3).
        where: (H, W), only these pixels; None means all.
    """
    if where is not None:
        a, b = a[where], b[where]
    mean = ((a.astype(np.float64) - b.astype(np.float64)) ** 2).mean()
    return float(min(100.0, 10 * np.log10(255**2 / max(mean, 1e-12))))


def ssim(a: Pixels, b: Pixels) -> float:
    """Structural similarity with a uniform 7x7 window, averaged over pixels and channels.

    After Wang et al. 2004, with biased variances, as model.md's figures have it.
    """
    x, y = a.astype(np.float64) / 255, b.astype(np.float64) / 255

    def local(z: NDArray[np.float64]) -> NDArray[np.float64]:
        inner = slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2))
        blurred: NDArray[np.float64] = ndimage.uniform_filter(z, (SSIM_WINDOW, SSIM_WINDOW, 0))
        return blurred[inner, inner]

    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    c1, c2 = STABLE
    index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(index.mean())


def ms_ssim(a: Pixels, b: Pixels) -> float:
    """Structural similarity over up to five scales, averaged over channels; in [0, 1].

    After Wang, Simoncelli and Bovik 2003: contrast and structure at every scale, luminance at the
    coarsest, each to the power of its weight; Gaussian window of 11x11 pixels and sigma 1.5, where
    it lies wholly inside; halved by averaging 2x2 pixels, an odd last row or column left out. A
    negative term counts as 0. The window must fit into the coarsest scale, so five need 176 pixels
    on the shorter side; below that there are as many as fit, their weights raised to the same sum.

    Args:
        a: (H, W, 3).
        b: (H, W, 3).

    Raises:
        ValueError: the shapes differ, or a side is shorter than the window's 11 pixels.
    """
    if a.shape != b.shape or min(a.shape[:2]) < GAUSS_SIDE:
        raise ValueError(
            f"expected two pictures of one size, {GAUSS_SIDE} pixels or more, "
            f"got {a.shape} and {b.shape}"
        )
    x, y = a.astype(np.float64) / 255, b.astype(np.float64) / 255
    scales = min(len(SCALE_WEIGHTS), (min(a.shape[:2]) // GAUSS_SIDE).bit_length())
    kept = SCALE_WEIGHTS[:scales]
    weights = np.array(kept) * (sum(SCALE_WEIGHTS) / sum(kept))
    product = np.ones(a.shape[2])
    for scale, weight in enumerate(weights):
        if scale:
            x, y = _halved(x), _halved(y)
        luminance, structure = _gaussian_terms(x, y)
        term = luminance * structure if scale == scales - 1 else structure
        product *= term.mean((0, 1)).clip(min=0) ** weight
    return float(product.mean())


def _gaussian_terms(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Luminance, and contrast times structure, of every window: both (H - 10, W - 10, 3)."""
    offsets = np.arange(-GAUSS_RADIUS, GAUSS_RADIUS + 1)
    window = np.exp(-(offsets**2) / (2 * GAUSS_SIGMA**2))
    window /= window.sum()
    inner = slice(GAUSS_RADIUS, -GAUSS_RADIUS)

    def local(z: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = ndimage.correlate1d(z, window, axis=0)[inner]
        both: NDArray[np.float64] = ndimage.correlate1d(rows, window, axis=1)[:, inner]
        return both

    mx, my = local(x), local(y)
    vx, vy, cov = local(x * x) - mx**2, local(y * y) - my**2, local(x * y) - mx * my
    c1, c2 = STABLE
    return (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)


def _halved(z: NDArray[np.float64]) -> NDArray[np.float64]:
    height, width = z.shape[0] // 2, z.shape[1] // 2
    blocks = z[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1)
    halved: NDArray[np.float64] = blocks.mean((1, 3))
    return halved


def f1(predicted: Mask, true: Mask) -> float:
    """Harmonic mean of precision and recall of tampered pixels; 1 where both are empty."""
    total = int(predicted.sum()) + int(true.sum())
    return 1.0 if total == 0 else float(2 * (predicted & true).sum() / total)


def iou(predicted: Mask, true: Mask) -> float:
    """Pixels in both masks as a share of those in either, 0..1."""
    return _share(predicted & true, predicted | true, both_empty=True)


def precision(predicted: Mask, true: Mask) -> float:
    """How much of what was found is tampered, 0..1."""
    return _share(predicted & true, predicted, both_empty=not true.any())


def recall(predicted: Mask, true: Mask) -> float:
    """How much of what is tampered was found, 0..1."""
    return _share(predicted & true, true, both_empty=not predicted.any())


def false_alarm_area(predicted: Mask, true: Mask) -> float:
    """How much of what is not tampered was marked, 0..1; 0 where all of it is tampered.

    On an untouched picture, whose true mask is empty, it is the share of the picture.
    """
    return _share(predicted & ~true, ~true, both_empty=False)


def auc(probability: NDArray[np.float32], true: Mask) -> float:
    """Area under the receiver operating characteristic, 0..1; 0.5 is guessing.

    It is the chance that a tampered pixel is thought more likely tampered than one that is not,
    ties counted as one half: the rank sum of Mann and Whitney 1947. No threshold enters.

    Args:
        probability: (H, W), any range.
        true: (H, W).

    Raises:
        ValueError: all pixels are tampered, or none: there is nothing to tell apart.
    """
    positive = int(true.sum())
    negative = true.size - positive
    if positive == 0 or negative == 0:
        raise ValueError(
            f"expected tampered and untouched pixels, got {positive} tampered of {true.size}"
        )
    rank_sum = float(stats.rankdata(probability.ravel())[true.ravel()].sum())
    return (rank_sum - positive * (positive + 1) / 2) / (positive * negative)


def _share(part: Mask, whole: Mask, *, both_empty: bool) -> float:
    size = int(whole.sum())
    return float(both_empty) if size == 0 else int(part.sum()) / size


@dataclass(frozen=True, slots=True)
class RegionScores:
    """Counts of regions in one picture; add them up over pictures with `+`."""

    found: int
    right: int  # of the found ones
    true: int
    caught: int  # of the true ones

    @property
    def precision(self) -> float:
        """Right ones as a share of those found, 0..1; without any found: 1 if none was there."""
        return self.right / self.found if self.found else float(self.true == 0)

    @property
    def recall(self) -> float:
        """Caught ones as a share of those there, 0..1; without any there: 1 if none was found."""
        return self.caught / self.true if self.true else float(self.found == 0)

    def __add__(self, other: "RegionScores") -> "RegionScores":
        return RegionScores(
            self.found + other.found,
            self.right + other.right,
            self.true + other.true,
            self.caught + other.caught,
        )


def region_scores(
    predicted: Mask, true: Mask, *, rule: Rule = "overlap", share: float = SHARE
) -> RegionScores:
    """Count right and caught regions.

    Args:
        predicted: (H, W).
        true: (H, W).
        rule: See the module.
        share: What must be exceeded; in [0, 1), and for "iou" one half or more.

    Raises:
        ValueError: the masks differ in shape, or `share` is out of range.
    """
    if predicted.shape != true.shape:
        raise ValueError(f"expected masks of one shape, got {predicted.shape} and {true.shape}")
    least = 0.5 if rule == "iou" else 0.0
    if not least <= share < 1:
        raise ValueError(f"expected a share from {least} to below 1 for {rule}, got {share}")
    common = _common(predicted, true)
    found_sizes, true_sizes = common[1:].sum(1), common[:, 1:].sum(0)
    both = common[1:, 1:]
    if rule == "iou":
        either = found_sizes[:, None] + true_sizes[None] - both
        pairs = int((both > share * either).sum())
        right = caught = pairs
    else:
        right = int((both.sum(1) > share * found_sizes).sum())
        caught = int((both.sum(0) > share * true_sizes).sum())
    return RegionScores(len(found_sizes), right, len(true_sizes), caught)


def _common(predicted: Mask, true: Mask) -> NDArray[np.int64]:
    """How many pixels each found and each true region have in common; number 0 is no region."""
    touching = np.ones((3, 3))
    found, found_count = ndimage.label(predicted, structure=touching)
    there, true_count = ndimage.label(true, structure=touching)
    pairs = found.astype(np.int64) * (true_count + 1) + there
    counts = np.bincount(pairs.ravel(), minlength=(found_count + 1) * (true_count + 1))
    table: NDArray[np.int64] = counts.reshape(found_count + 1, true_count + 1)
    return table
