"""Regions and working points, by hand; and that locating is what the product does."""

import numpy as np
import pytest

from imuge.keys import verify_only
from imuge.protection.in_copy import in_copy, probability_in_copy
from imuge.protection.kinds import regions_shown
from imuge.protection.locate import (
    OVER,
    RIM,
    Located,
    carried_on,
    find_regions,
    is_too_faint,
    judged,
    locate,
    minimum_area,
)
from imuge.protection.receive import receive
from imuge.weights import Acquittal, Calibration, WorkingPoint

CONTENT = {"evidence": (9.0,) * 5, "lost_area": 100, "likeness": 0.1}
CALIBRATION = Calibration(
    points=(
        WorkingPoint(minimum_agreement=0.8, threshold=0.5, minimum_area=0, **CONTENT),
        WorkingPoint(minimum_agreement=0.7, threshold=0.6, minimum_area=384, **CONTENT),
    ),
    acquittal=Acquittal(total=5, relative=0.5, strongest=20, doubt=1, wrong=0),
    bound=0.05,
    reached=0.05,
    held_out=0.05,
    pictures=1,
    frames={"512": 1},
    kept={"none": 0.05},
    beyond={},
    command="here",
)


@pytest.fixture
def probability():
    field = np.zeros((40, 60), np.float32)
    field[5:15, 10:30] = 0.9  # 200 pixels
    field[20:24, 40:44] = 0.7  # 16 pixels
    field[24, 44] = 0.7  # touches it at a corner
    field[30, 0] = 0.55
    return field


def test_regions_are_connected_pieces_largest_first(probability):
    found = find_regions(probability, threshold=0.5, minimum_area=0)
    assert found.small_spots == 0
    assert [region.area_pixels for region in found.regions] == [200, 17, 1]
    assert found.regions[0].box == (10, 5, 30, 15)
    assert found.regions[1].box == (40, 20, 45, 25)
    assert found.regions[0].area == pytest.approx(200 / 2400)
    assert found.regions[1].mean_probability == pytest.approx(0.7)
    assert np.array_equal(found.mask, probability > 0.5)


def test_small_and_doubtful_pieces_are_left_out(probability):
    found = find_regions(probability, threshold=0.6, minimum_area=18)
    assert found.small_spots == 2
    assert len(found.regions) == 1
    assert found.mask.sum() == 200
    found = find_regions(probability, threshold=0.95, minimum_area=0)
    assert found.regions == ()
    assert not found.mask.any()


def test_a_sure_piece_keeps_its_doubtful_rim_and_a_doubtful_one_goes(probability):
    probability[4:16, 9:31] = np.maximum(probability[4:16, 9:31], 0.6)  # a rim of one pixel
    found = find_regions(probability, threshold=0.8, minimum_area=200)
    assert [region.area_pixels for region in found.regions] == [found.mask.sum()] == [12 * 22]
    assert found.small_spots == 2, "they have no pixel above the threshold"
    assert not find_regions(probability, threshold=0.8, minimum_area=201).mask.any()


def test_a_small_hole_does_not_belong_to_the_region_around_it():
    field = np.ones((20, 20), np.float32)
    field[8:12, 8:12] = 0
    found = find_regions(field, threshold=0.5, minimum_area=0)
    assert [region.area_pixels for region in found.regions] == [400 - 16]
    assert not found.mask[9, 9]


def test_the_minimum_area_grows_with_the_side():
    assert minimum_area(400, 512 * 512) == 400
    assert minimum_area(400, 1024 * 1024) == 800
    assert minimum_area(400, 128 * 128) == 100


@pytest.mark.parametrize(("clarity", "count", "threshold"), [(0.9, 3, 0.5), (0.75, 1, 0.6)])
def test_what_is_shown_depends_on_how_clearly_a_copy_reads(probability, clarity, count, threshold):
    located = Located(probability=probability, clarity=clarity, signs_read=512, code=None)
    shown = regions_shown(CALIBRATION, located)
    assert len(shown.regions) == count
    assert (shown.threshold, shown.small_spots) == (threshold, 3 - count)
    assert shown.minimum_area == (0 if count == 3 else round(384 * (2400**0.5) / 512))


@pytest.mark.parametrize(("clarity", "signs", "faint"), [(0.64, 400, True), (0.66, 400, False)])
def test_a_copy_is_too_faint_beyond_two_standard_deviations(clarity, signs, faint):
    field = np.zeros((8, 8), np.float32)
    located = Located(probability=field, clarity=clarity, signs_read=signs, code=None)
    assert is_too_faint(CALIBRATION, located) == faint


def test_locating_is_what_the_product_shows(guard, key, immunized, other_photograph):
    copy = immunized.image.copy()
    copy[64:176, 96:208] = other_photograph[64:176, 96:208]
    engine, received = guard.engine, receive(guard.engine, copy, [key])
    given = engine, received.canvas, received.revealed
    located = locate(*given, key, received.reading.message)
    verdict = guard.verify(copy, recover=False)
    shown = regions_shown(engine.record.calibration, located)
    here = in_copy(shown, received.placement)
    seen = probability_in_copy(shown, received.placement)
    np.testing.assert_array_equal(seen, guard.probability(verdict))
    np.testing.assert_array_equal(here.mask, verdict.mask)
    assert here.regions == verdict.regions
    assert verdict.verdict == "tampered"
    assert located.code is not None
    reader = locate(*given, verify_only(key), received.reading.message)
    assert reader.code is None
    np.testing.assert_array_equal(reader.probability, located.probability)


def test_what_a_copy_does_not_show_is_not_judged_nor_the_rim_of_a_cut():
    shown = np.zeros((60, 60), bool)
    shown[:, 20:] = True
    inner = judged(shown)
    assert not inner[:, : 20 + RIM].any()
    assert inner[:, 20 + RIM :].all(), "the frame's own edge is no cut"


def test_a_region_that_a_cut_goes_through_ends_at_the_cut_and_the_rim_alone_is_none():
    shown = np.zeros((96, 96), bool)
    shown[:, 20:] = True
    found = np.zeros((96, 96), np.float32)
    found[40:60, 20 : 20 + RIM + 6] = 0.95  # six of its columns can be judged
    found[10:30, 20 : 20 + RIM] = 0.95  # none
    carried = carried_on(found, shown)
    regions = find_regions(carried, threshold=0.9, minimum_area=100, counted=judged(shown))
    assert len(regions.regions) == 1
    assert regions.mask[45, 20:30].all(), "up to the cut"
    assert not regions.mask[10:30].any()
    assert not carried[:, : 20 - OVER].any()
    # Its rim goes along, and does not speak.
    assert (
        find_regions(carried, threshold=0.9, minimum_area=121, counted=judged(shown)).mask.sum()
        == 0
    )
