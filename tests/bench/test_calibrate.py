"""Contract: the working points keep to the bound and are the best that do."""

import numpy as np
import pytest

from imuge.bench.calibrate import AREAS, PROCESSING, THRESHOLDS, Pieces, Reactions, choose
from imuge.errors import ConfigError
from imuge.protection.locate import find_regions

COUNT = 40


def reactions(largest_at_jpeg50, largest_at_jpeg60=0):
    """Pictures that read at 0.95, or less after JPEG, with one false region each there."""
    shape = (COUNT, len(PROCESSING))
    agreement = np.full(shape, 0.95)
    largest = np.zeros((*shape, len(THRESHOLDS)), int)
    for name, low, high, area in (
        ("jpeg:85", 0.74, 0.76, 0),
        ("jpeg:60", 0.7, 0.73, largest_at_jpeg60),
        ("jpeg:50", 0.62, 0.66, largest_at_jpeg50),
    ):
        column = PROCESSING.index(name)
        agreement[:, column] = np.linspace(low, high, COUNT)
        largest[:, column] = area
    # Small areas find small changes: the score falls with the area, and does not care for more.
    f1 = np.broadcast_to(-np.array(AREAS, float), (15, len(THRESHOLDS), len(AREAS)))
    return Reactions(largest, agreement, f1, np.tile([0.95, 0.72, 0.63], 5))


def test_clear_pictures_are_not_punished_for_the_faint_ones():
    calibration = choose(reactions(500, largest_at_jpeg60=100), bound=0.05, command="here")
    pristine, clear, faint = calibration.points
    assert [pristine.minimum_area, clear.minimum_area, faint.minimum_area] == [32, 128, 512]
    assert pristine.minimum_agreement == pytest.approx(0.76, abs=1e-3)
    assert clear.minimum_agreement == pytest.approx(0.66, abs=1e-3)
    assert faint.minimum_agreement == pytest.approx(0.622, abs=1e-3)  # 5 % read more faintly
    assert calibration.minimum_agreement == faint.minimum_agreement
    assert calibration.reached <= 0.05
    assert calibration.point(0.8) == pristine
    assert calibration.point(0.7) == clear
    assert calibration.point(0.65) == calibration.point(0.1) == faint


def test_alarms_within_the_bound_are_spent_and_reported():
    found = reactions(0)
    faint = PROCESSING.index("jpeg:50")
    found.largest[COUNT // 2 : COUNT // 2 + 2, faint] = 2000  # 2 of 40 pictures, just the bound
    calibration = choose(found, bound=0.05, command="here")
    assert calibration.points[-1].minimum_area == 32
    assert calibration.reached == pytest.approx(0.05)


def test_what_is_chosen_on_half_of_the_pictures_is_tried_on_the_other_half():
    found = reactions(0)
    faint = PROCESSING.index("jpeg:50")
    found.largest[::8, faint] = 2000  # 5 pictures, all of them in the same half
    calibration = choose(found, bound=0.05, command="here")
    # Points of the other half know nothing of them: 5 of 20, less who reads too faintly there.
    assert calibration.reached <= 0.05
    assert calibration.held_out == pytest.approx(np.mean([4 / 20, 0]), abs=0.03)


def test_a_bound_that_cannot_be_kept_is_an_error():
    with pytest.raises(ConfigError, match="no working point"):
        choose(reactions(100_000), bound=0.05, command="here")


def test_pieces_are_judged_as_the_product_judges_them():
    """At every point tried: the same alarms and the same F1 as by `find_regions`."""
    rng = np.random.default_rng(3)
    coarse = rng.random((12, 16)).astype(np.float32)
    probability = np.kron(coarse, np.ones((9, 9), np.float32))
    true = np.zeros(probability.shape, bool)
    true[20:70, 30:90] = True
    pieces = Pieces.of(probability, true)
    largest, f1 = pieces.largest(), pieces.f1(int(true.sum()))
    for i, threshold in enumerate(THRESHOLDS):
        for j, area in enumerate(AREAS):
            found = find_regions(probability, threshold=threshold, minimum_area=area)
            assert (largest[i] >= area) == bool(found.regions)
            expected = 2 * (found.mask & true).sum() / (found.mask.sum() + true.sum())
            assert f1[i][j] == pytest.approx(expected)
    assert len({tuple(row) for row in f1}) > 3, "thresholds matter"
