"""What was found on the frame, in the copy's own pixels and in words of geometry."""

from dataclasses import replace

import numpy as np
import pytest

from imuge.protection.frame import published_frame
from imuge.protection.in_copy import geometry, in_copy, probability_in_copy
from imuge.protection.locate import label_pieces, regions_of
from imuge.protection.pilot import ORIENTATIONS
from imuge.protection.placement import Placement, edge_to_edge
from imuge.results import Region, first_to_look_at


def placed(matrix, offset=(0, 0), width=400, height=300):
    return Placement(
        matrix=np.array(matrix, float), offset=np.array(offset, float), width=width, height=height
    )


def turned(degrees, scale=0.5):
    angle = np.radians(degrees)
    return scale * np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))


def test_a_whole_copy_shows_all_of_what_was_published():
    lies = geometry(placed(0.5 * np.eye(2)), (150, 200), placed_by_pilot=True)
    assert lies.share == 1
    assert lies.outline == ((0, 0), (1, 0), (1, 1), (0, 1))
    assert (lies.frame, lies.scale, lies.placed_by) == ((200, 150), 0.5, "pilot")
    assert (lies.turn, lies.mirrored, lies.stretch) == (0, False, 1)
    assert geometry(placed(np.eye(2)), (300, 400), placed_by_pilot=False).placed_by == "edges"


@pytest.mark.parametrize(
    ("offset", "share"), [((50, 0), 0.75), ((50, 75), 0.375), ((-50, 0), 0.75), ((300, 0), 0)]
)
def test_the_share_is_the_part_of_the_frame_that_is_covered(offset, share):
    lies = geometry(placed(0.5 * np.eye(2), offset), (150, 200), placed_by_pilot=True)
    assert lies.share == pytest.approx(share)


def test_the_share_of_a_turned_copy_is_that_of_its_outline():
    diamond = placed(turned(45, 1), (100, 100 - 50 * np.sqrt(2)), 100, 100)
    assert geometry(diamond, (200, 200), placed_by_pilot=True).share == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("number", "turn", "mirrored"),
    [(0, 0, False), (1, 90, False), (2, 180, False), (3, -90, False), (4, 0, True), (6, 180, True)],
)
def test_turns_and_mirroring_are_named_as_they_were_done(number, turn, mirrored):
    """Done to pixels, and asked of what finds them."""
    picture = np.arange(12).reshape(3, 4)
    copy = picture[:, ::-1] if mirrored else picture
    copy = np.rot90(copy, -turn // 90)  # clockwise
    frame = published_frame(4, 3)
    place = edge_to_edge(copy.shape[1], copy.shape[0], frame, ORIENTATIONS[number])
    y, x = np.mgrid[: copy.shape[0], : copy.shape[1]]
    at = place.at(np.column_stack([x.ravel() + 0.5, y.ravel() + 0.5])) / (frame.across / 4)
    columns, rows = np.floor(at).astype(int).T
    np.testing.assert_array_equal(picture[rows, columns], copy.ravel())
    lies = geometry(place, frame.size, placed_by_pilot=True)
    assert abs(lies.turn) % 360 == abs(turn)
    assert lies.turn == turn or abs(turn) == 180
    assert lies.mirrored == mirrored


@pytest.mark.parametrize(("degrees", "told"), [(0.01, 0), (0.2, -0.2), (12, -12), (90.02, -90)])
def test_small_turns_are_told_and_smaller_ones_are_none(degrees, told):
    lies = geometry(placed(turned(degrees)), (150, 200), placed_by_pilot=True)
    assert lies.turn == pytest.approx(told, abs=1e-6)


@pytest.mark.parametrize(
    ("across", "down", "stretch"),
    [(0.5, 0.5, 1), (0.25, 0.5, 2), (0.5, 0.25, 0.5), (0.5, 0.505, 1), (0.5, 0.6, 1.2)],
)
def test_stretch_is_how_much_wider_than_published(across, down, stretch):
    lies = geometry(placed(np.diag([across, down])), (150, 200), placed_by_pilot=True)
    assert lies.stretch == stretch
    crossed = placed(np.diag([across, down]) @ ORIENTATIONS[1], width=300, height=400)
    assert geometry(crossed, (150, 200), placed_by_pilot=True).stretch == stretch


@pytest.fixture
def probability():
    """A frame of 200x150 with a sure square, a small one, and a spot that is dropped."""
    field = np.zeros((150, 200), np.float32)
    field[40:80, 60:120] = 0.9
    field[100:120, 20:40] = 0.8
    field[10, 190] = 0.7
    return field


def large_pieces(probability, least=50):
    labels, _ = label_pieces(probability)
    return regions_of(probability, labels, np.bincount(labels.ravel())[1:] >= least)


def test_regions_are_where_they_are_in_the_copy(probability):
    shown = large_pieces(probability)
    found = in_copy(shown, placed(0.5 * np.eye(2)))
    seen = probability_in_copy(shown, placed(0.5 * np.eye(2)))
    assert found.mask.shape == seen.shape == (300, 400)
    boxes = [region.box for region in found.regions]
    np.testing.assert_allclose(boxes, [(120, 80, 240, 160), (40, 200, 80, 240)], atol=2)
    assert [region.area_pixels for region in found.regions] == pytest.approx([9600, 1600], rel=0.05)
    assert found.mask.sum() == sum(region.area_pixels for region in found.regions)
    assert found.regions[0].area == found.regions[0].area_pixels / found.mask.size
    assert found.regions[0].mean_probability == pytest.approx(0.9, abs=1e-6)
    assert seen[120, 180] == pytest.approx(0.9, abs=0.01)
    assert not found.mask[20, 380], "a spot that was dropped on the frame stays dropped"


def test_what_the_copy_does_not_show_is_no_region_of_it(probability):
    shown = large_pieces(probability)
    found = in_copy(shown, placed(0.5 * np.eye(2), (90, 0), 200, 150))
    (region,) = found.regions
    assert region.box[0] == 0
    assert region.area_pixels == pytest.approx(60 * 70, rel=0.5)
    assert found.mask.sum() == region.area_pixels


def test_a_turned_copy_has_its_regions_turned(probability):
    shown = large_pieces(probability)
    place = Placement(matrix=ORIENTATIONS[1], offset=np.array([0.0, 150.0]), width=150, height=200)
    found = in_copy(shown, place)
    np.testing.assert_array_equal(found.mask, np.rot90(shown.mask, -1))


def test_an_outline_is_smooth():
    """A disc of the frame, four times larger in the copy, is no staircase."""
    y, x = np.mgrid[:64, :64] + 0.5
    disc = (1 / (1 + np.exp(np.hypot(x - 32, y - 32) - 20))).astype(np.float32)
    shown = large_pieces(disc)
    found = in_copy(shown, placed(0.25 * np.eye(2), width=256, height=256))
    y, x = np.mgrid[:256, :256] + 0.5
    radius = np.hypot(x - 128, y - 128)
    assert found.mask[radius < 79].all()
    assert not found.mask[radius > 81].any()


def test_where_nothing_is_shown_there_is_nothing(probability):
    shown = large_pieces(probability, 10_000)
    found = in_copy(shown, placed(0.5 * np.eye(2)))
    assert found.regions == ()
    assert not found.mask.any()
    assert probability_in_copy(shown, placed(0.5 * np.eye(2))).max() > 0.8


def test_the_most_evidence_comes_first(probability):
    shown = large_pieces(probability)
    weighed = tuple(
        replace(region, odds=odds) for region, odds in zip(shown.regions, (2.0, 7.0), strict=True)
    )
    found = in_copy(replace(shown, regions=weighed), placed(0.5 * np.eye(2)))
    assert [region.odds for region in found.regions] == [7.0, 2.0]
    assert found.regions[0].area_pixels < found.regions[1].area_pixels


def test_regions_of_equal_evidence_go_by_area_and_those_that_do_not_count_are_last():
    def region(area, odds=None, kind="changed"):
        return Region(
            box=(0, 0, area, 1),
            area_pixels=area,
            area=0.1,
            mean_probability=0.9,
            odds=odds,
            kind=kind,
        )

    ordered = (
        region(10, odds=8.0),
        region(30, odds=2.0),
        region(20, odds=2.0),
        region(50, odds=-3.0),
        region(90),  # never weighed
        region(5),
        region(99, odds=9.0, kind="protection lost"),
    )
    assert first_to_look_at(ordered[::-1]) == ordered
