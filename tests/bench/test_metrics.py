"""Oracle: our metrics of masks against scikit-learn, scipy and slow loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial import distance
from sklearn import metrics as sklearn

from imuge.bench.scores import auc, f1, false_alarm_area, iou, precision, recall

RNG = np.random.default_rng(0)
EMPTY, FULL = np.zeros((12, 9), bool), np.ones((12, 9), bool)
MASKS = arrays(bool, (6, 5))
ORACLES = {
    f1: sklearn.f1_score,
    iou: sklearn.jaccard_score,
    precision: sklearn.precision_score,
    recall: sklearn.recall_score,
}


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


@pytest.mark.slow
@pytest.mark.parametrize("metric", ORACLES, ids=lambda metric: metric.__name__)
@given(predicted=MASKS, true=MASKS)
def test_masks_against_scikit_learn(metric, predicted, true):
    # Where the denominator is empty scikit-learn gives this one value; ours tells two cases apart.
    undefined = float(not (predicted | true).any())
    expected = ORACLES[metric](true.ravel(), predicted.ravel(), zero_division=undefined)
    assert metric(predicted, true) == pytest.approx(expected)
    assert 0 <= metric(predicted, true) <= 1
    assert metric(true, true) == 1


@given(predicted=MASKS, true=MASKS)
def test_iou_and_f1_do_not_care_which_is_which(predicted, true):
    assert iou(predicted, true) == iou(true, predicted)
    assert f1(predicted, true) == f1(true, predicted)
    assert precision(predicted, true) == recall(true, predicted)


@pytest.mark.parametrize("levels", [3, 1000])
def test_auc_against_scikit_learn(levels):
    true = RNG.random((30, 20)) < 0.3
    probability = (RNG.integers(levels, size=true.shape) / levels + 0.2 * true).astype(np.float32)
    expected = sklearn.roc_auc_score(true.ravel(), probability.ravel())
    assert auc(probability, true) == pytest.approx(expected)


@pytest.mark.slow
@given(predicted=MASKS, true=MASKS)
def test_false_alarm_area_is_what_specificity_lacks(predicted, true):
    expected = 0.0
    if not true.all():
        expected = 1 - sklearn.recall_score(~true.ravel(), ~predicted.ravel(), zero_division=0)
    assert false_alarm_area(predicted, true) == pytest.approx(expected)


def test_false_alarm_area_at_its_ends():
    assert false_alarm_area(FULL, EMPTY) == 1
    assert false_alarm_area(EMPTY, EMPTY) == 0
    assert false_alarm_area(FULL, FULL) == 0
