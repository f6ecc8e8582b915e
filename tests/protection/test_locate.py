"""Regions and working points, by hand; and that locating is what the product does."""

import numpy as np
import pytest

from imuge.engine.canvas import to_canvas
from imuge.keys import verify_only
from imuge.protection.in_copy import in_copy, probability_in_copy
from imuge.protection.kinds import regions_shown
from imuge.protection.locate import (
    OVER,
    RIM,
    Located,
    carried_on,
    is_too_faint,
    judged,
    label_pieces,
    localize,
    locate,
    plain_regions,
    regions_of,
)
from imuge.protection.receive import receive


@pytest.fixture
def probability():
    field = np.zeros((40, 60), np.float32)
    field[5:15, 10:30] = 0.9  # 200 pixels
    field[20:24, 40:44] = 0.7  # 16 pixels
    field[24, 44] = 0.7  # touches it at a corner
    field[30, 0] = 0.55
    return field


def test_regions_are_connected_pieces_largest_first(probability):
    found = plain_regions(probability)
    assert found.small_spots == 0
    assert [region.area_pixels for region in found.regions] == [200, 17, 1]
    assert found.regions[0].box == (10, 5, 30, 15)
    assert found.regions[1].box == (40, 20, 45, 25)
    assert found.regions[0].area == pytest.approx(200 / 2400)
    assert found.regions[1].mean_probability == pytest.approx(0.7)
    assert np.array_equal(found.mask, probability > 0.5)


def test_pieces_that_are_not_kept_are_left_out_and_the_others_numbered_by_size(probability):
    labels, count = label_pieces(probability)
    numbers = [labels[30, 0], labels[21, 41]]
    found = regions_of(probability, labels, np.isin(np.arange(1, count + 1), numbers))
    assert [region.area_pixels for region in found.regions] == [17, 1]
    assert found.labels[21, 41] == 1
    assert found.labels[30, 0] == 2
    assert not found.mask[10, 20]
    nothing = regions_of(probability, labels, np.zeros(count, bool))
    assert nothing.regions == ()
    assert not nothing.mask.any()


def test_a_small_hole_does_not_belong_to_the_region_around_it():
    field = np.ones((20, 20), np.float32)
    field[8:12, 8:12] = 0
    found = plain_regions(field)
    assert [region.area_pixels for region in found.regions] == [400 - 16]
    assert not found.mask[9, 9]


@pytest.mark.parametrize(("below", "signs", "faint"), [(0.06, 400, True), (0.04, 400, False)])
def test_a_copy_is_too_faint_beyond_two_standard_deviations(guard, below, signs, faint):
    calibration = guard.engine.record.calibration
    field = np.zeros((8, 8), np.float32)
    clarity = calibration.minimum_agreement - below
    located = Located(probability=field, clarity=clarity, signs_read=signs, code=None)
    assert is_too_faint(calibration, located) == faint


class Heard:
    """An engine that keeps what the localizer is given."""

    def localize(self, image, received, _expected, clues):
        self.received, self.clues = received, clues
        return np.zeros((1, *image.shape[1:]), np.float32)


def test_beyond_a_cut_template_and_code_read_as_beside_it():
    shown = np.ones((64, 96), bool)
    shown[:, 76:] = False  # through the tenth block of a row
    canvas = to_canvas(np.zeros((64, 96, 3), np.float32), shown)
    expected = np.where(np.indices((6, 8, 12)).sum(0) % 2, 1, -1).astype(np.float32)
    revealed = np.zeros((30, 8, 12), np.float32)
    revealed[-6:] = expected * np.linspace(0.1, 0.3, 12, dtype=np.float32)
    engine = Heard()
    clues = np.broadcast_to(np.arange(12, dtype=np.float32), (48, 8, 12))
    localize(engine, canvas, revealed, expected, clues)
    assert engine.received.shape == (30, 8, 10)
    agreeing = engine.received[-6:] * expected[..., :10]
    np.testing.assert_allclose(agreeing[..., :9], revealed[-6:, :, :9] * expected[..., :9])
    np.testing.assert_allclose(agreeing[..., 9], agreeing[..., 7])
    assert engine.clues[0, 0].tolist() == [*range(9), 7]


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
    assert (carried[45, 20:30] > 0.9).all(), "up to the cut"
    assert (carried[10:30] <= 0.5).all()
    assert not carried[:, : 20 - OVER].any()
