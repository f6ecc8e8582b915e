"""Oracle: our metrics of masks against scipy and against slow loops."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from imuge.bench.metrics import auc, iou, precision, recall

RNG = np.random.default_rng(0)
EMPTY, FULL = np.zeros((12, 9), bool), np.ones((12, 9), bool)


def counts(predicted, true):
    """True positives, false positives and false negatives, pixel by pixel."""
    pairs = list(zip(predicted.ravel().tolist(), true.ravel().tolist(), strict=True))
    return [pairs.count(kind) for kind in ((True, True), (True, False), (False, True))]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_shares_of_random_masks(share):
    predicted, true = RNG.random((12, 9)) < share, RNG.random((12, 9)) < 0.4
    hits, false, missed = counts(predicted, true)
    assert precision(predicted, true) == pytest.approx(hits / (hits + false))
    assert recall(predicted, true) == pytest.approx(hits / (hits + missed))
    jaccard = distance.jaccard(predicted.ravel(), true.ravel())
    assert iou(predicted, true) == pytest.approx(1 - jaccard)


@pytest.mark.parametrize("metric", [iou, precision, recall])
def test_empty_masks_agree_with_each_other_and_with_nothing_else(metric):
    assert metric(EMPTY, EMPTY) == 1
    assert metric(FULL, FULL) == 1
    assert metric(EMPTY, FULL) == 0
    assert metric(FULL, EMPTY) == 0


@pytest.mark.parametrize("levels", [3, 1000])
def test_auc_is_the_chance_to_rank_a_pair_right(levels):
    true = RNG.random((12, 9)) < 0.3
    probability = (RNG.integers(levels, size=true.shape) / levels + 0.2 * true).astype(np.float32)
    inside, outside = probability[true], probability[~true]
    pairs = np.sign(inside[:, None] - outside[None])  # a tie counts as one half
    assert auc(probability, true) == pytest.approx((pairs.mean() + 1) / 2)
    statistic = stats.mannwhitneyu(inside, outside).statistic
    assert auc(probability, true) == pytest.approx(statistic / (inside.size * outside.size))


def test_auc_at_its_ends():
    true = np.zeros((12, 9), bool)
    true[3:5] = True
    assert auc(true.astype(np.float32), true) == 1
    assert auc(1 - true.astype(np.float32), true) == 0
    assert auc(np.full(true.shape, 0.7, np.float32), true) == 0.5


@pytest.mark.parametrize("true", [EMPTY, FULL])
def test_auc_needs_both_kinds_of_pixels(true):
    with pytest.raises(ValueError, match="expected tampered and untouched pixels"):
        auc(np.zeros(true.shape, np.float32), true)
