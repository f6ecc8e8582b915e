"""How well a mask or a probability tells what was tampered, as plain functions.

Beside `scores.f1`; regions have `imuge.bench.region_scores`. Masks are bool (H, W), True where
tampered. Where neither mask has a pixel, they agree: 1. Where only one of them has any, 0.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imuge.bench.scores import Mask


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
