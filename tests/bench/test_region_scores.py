"""Oracle: region counts against scikit-image's labels and sets of pixels; the rules by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import label, regionprops

from imuge.bench.scores import RegionScores, region_scores

MASKS = arrays(bool, (7, 8))
RULES = ("overlap", "iou")


def regions(mask):
    return [{tuple(xy) for xy in one.coords} for one in regionprops(label(mask, connectivity=2))]


def counted_slowly(predicted, true, rule, share):
    found, there = regions(predicted), regions(true)
    if rule == "iou":
        pairs = [(a, b) for a in found for b in there if len(a & b) > share * len(a | b)]
        return RegionScores(len(found), len(pairs), len(there), len(pairs))
    all_found, all_there = set().union(*found), set().union(*there)
    right = sum(len(one & all_there) > share * len(one) for one in found)
    caught = sum(len(one & all_found) > share * len(one) for one in there)
    return RegionScores(len(found), right, len(there), caught)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
@given(predicted=MASKS, true=MASKS, share=st.sampled_from([0.5, 0.75]))
def test_counts_against_sets_of_pixels(rule, predicted, true, share):
    expected = counted_slowly(predicted, true, rule, share)
    assert region_scores(predicted, true, rule=rule, share=share) == expected


@pytest.mark.parametrize("rule", RULES)
@given(predicted=MASKS, true=MASKS)
def test_bounds_symmetry_and_the_perfect_mask(rule, predicted, true):
    scores, swapped = (
        region_scores(*pair, rule=rule) for pair in ((predicted, true), (true, predicted))
    )
    assert 0 <= scores.precision <= 1
    assert scores.precision == swapped.recall
    assert scores.recall == swapped.precision
    perfect = region_scores(true, true, rule=rule)
    assert perfect.precision == perfect.recall == 1


@pytest.mark.parametrize("rule", RULES)
def test_empty_masks_agree_with_each_other_and_with_nothing_else(rule):
    empty, full = np.zeros((5, 5), bool), np.ones((5, 5), bool)
    assert region_scores(empty, empty, rule=rule).precision == 1
    for pair in ((empty, full), (full, empty)):
        scores = region_scores(*pair, rule=rule)
        assert scores.precision == scores.recall == 0


def test_a_region_found_in_two_pieces_is_caught_by_overlap_and_not_by_iou():
    true, predicted = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    true[2:8, 2:8] = True
    predicted[2:8, 2:8] = True
    predicted[:, 4:6] = False  # two pieces, each a third of it
    predicted[0, 0] = True  # and one false spot
    assert region_scores(predicted, true) == RegionScores(3, 2, 1, 1)
    assert region_scores(predicted, true, rule="iou") == RegionScores(3, 0, 1, 0)


def test_more_than_the_share_is_needed():
    true, predicted = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    true[:2] = True
    predicted[1:3] = True
    assert region_scores(predicted, true, share=0.5).right == 0
    assert region_scores(predicted, true, share=0.49).right == 1


def test_counts_of_pictures_add_up():
    total = RegionScores(3, 1, 4, 2) + RegionScores(1, 1, 0, 0)
    assert total == RegionScores(4, 2, 4, 2)
    assert (total.precision, total.recall) == (0.5, 0.5)


@pytest.mark.parametrize(("rule", "share"), [("iou", 0.4), ("overlap", 1.0), ("overlap", -0.1)])
def test_shares_out_of_range(rule, share):
    mask = np.ones((3, 3), bool)
    with pytest.raises(ValueError, match="expected a share"):
        region_scores(mask, mask, rule=rule, share=share)


def test_masks_of_two_shapes():
    with pytest.raises(ValueError, match="masks of one shape"):
        region_scores(np.ones((3, 3), bool), np.ones((3, 4), bool))
