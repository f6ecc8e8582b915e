"""A copy is found where it is, to a fraction of a pixel."""

import io

import numpy as np
import pytest
from PIL import Image

from imuge.protection.align import FOUND, candidates, refined, straightened, whole_candidates
from imuge.protection.frame import published_frame, to_frame
from imuge.protection.peaks import Maps, hits
from imuge.protection.pilot import ORIENTATIONS, spectrum, waves
from imuge.protection.placement import Placement, edge_to_edge
from imuge.protection.warp import warp

WORST = 0.85  # frame pixels at a corner after refining; half of that in the middle
SHARE = 384 / 512  # frame pixels for each of the portrait's


def saved(pixels, quality=75):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def part(pixels, left, top, width, height, size=None):
    """A part of the portrait, scaled to `size` (width, height), and where it truly lies."""
    cut = Image.fromarray(pixels[top : top + height, left : left + width])
    size = size or (width, height)
    copy = np.asarray(cut.resize(size, Image.Resampling.LANCZOS))
    matrix = np.diag([SHARE * width / size[0], SHARE * height / size[1]])
    offset = np.array([left, top]) * SHARE
    return copy, Placement(matrix=matrix, offset=offset, width=size[0], height=size[1])


def as_turned(pixels, placement, orientation):
    """A copy with a quarter turn or mirrored, and where that lies."""
    inverse = orientation.T  # from the upright copy to the turned one
    height, width = pixels.shape[:2]
    crossed = orientation[0, 0] == 0
    turned = pixels.transpose(1, 0, 2) if crossed else pixels
    flips = inverse.sum(1)
    turned = turned[:: int(flips[1]), :: int(flips[0])]
    size = (height, width) if crossed else (width, height)
    start = np.where(flips < 0, size, 0.0)
    matrix = placement.matrix @ orientation
    offset = placement.offset - matrix @ start
    return turned, Placement(matrix=matrix, offset=offset, width=size[0], height=size[1])


def error(found, true):
    """Frame pixels by which the worst corner is off."""
    return float(np.linalg.norm(found.corners() - true.corners(), axis=1).max())


def found_best(copy, keyed):
    seen = spectrum(copy)
    height, width = copy.shape[:2]
    places = candidates(Maps(seen), keyed, width, height)
    assert places, "no waves were found"
    return places[0].placement, refined(seen, keyed, places[0].placement)


@pytest.mark.slow
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=range(8))
def test_a_part_is_found_in_every_orientation(piloted, keyed, orientation):
    copy, true = as_turned(*part(piloted, 70, 40, 400, 360), orientation)
    _, fine = found_best(saved(copy), keyed)
    assert error(fine, true) < WORST
    assert np.array_equal(fine.orientation, orientation)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cut",
    [
        (0, 0, 512, 512, (700, 700)),
        (0, 0, 512, 512, (430, 430)),
        (0, 0, 512, 472, None),
        (37, 61, 400, 420, None),
        (128, 90, 320, 320, None),
        (60, 20, 420, 440, (380, 398)),
    ],
    ids=str,
)
def test_scale_and_place_are_found_and_refining_brings_them_nearer(piloted, keyed, cut):
    copy, true = part(piloted, *cut)
    rough, fine = found_best(saved(copy), keyed)
    assert error(rough, true) < 3
    assert error(fine, true) < WORST


def test_refining_mends_what_is_off(piloted, keyed):
    copy, true = part(piloted, 37, 61, 400, 420)
    off = Placement(
        matrix=true.matrix * 1.003,
        offset=true.offset + np.array([0.9, -0.7]),
        width=400,
        height=420,
    )
    assert error(off, true) > 1
    assert error(refined(spectrum(copy), keyed, off), true) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "cut", [(37, 61, 400, 420, None), (60, 20, 420, 440, (380, 398)), (150, 90, 300, 300, None)]
)
def test_a_part_that_was_only_cut_is_taken_to_be_upright(piloted, keyed, cut):
    copy, true = part(piloted, *cut)
    copy = saved(copy, 50)
    _, fine = found_best(copy, keyed)
    plain = straightened(spectrum(copy), keyed, fine)
    assert plain.turn == 0
    assert error(plain, true) < 0.5
    assert error(plain, true) <= error(fine, true) + 0.1


@pytest.mark.parametrize(("cut", "quality"), [((200, 200, 240, 200), 50), ((60, 40, 260, 220), 40)])
def test_a_small_part_that_was_only_cut_is_found_where_few_waves_stand_out(
    piloted, keyed, cut, quality
):
    copy, true = part(piloted, *cut)
    seen = spectrum(saved(copy, quality))
    best = candidates(Maps(seen), keyed, *cut[2:])[0]
    assert best.upright
    assert best.score < FOUND
    assert error(straightened(seen, keyed, best.placement), true) < 0.5


@pytest.mark.slow
def test_what_was_turned_is_not_straightened(piloted, keyed):
    turned = (
        Image.fromarray(piloted).rotate(-0.3, Image.Resampling.BICUBIC).crop((20, 30, 480, 490))
    )
    _, fine = found_best(np.asarray(turned), keyed)
    kept = straightened(spectrum(np.asarray(turned)), keyed, fine)
    assert kept is fine
    assert kept.turn == pytest.approx(0.3, abs=0.05)


def test_a_change_does_not_draw_the_placement_away(piloted, keyed):
    copy, true = part(piloted, 37, 61, 400, 420)
    copy = copy.copy()
    # The waves are moved in a third of the copy, as by a forger who copies inside the picture.
    copy[:200, :280] = piloted[101:301, 53:333]
    seen = spectrum(copy)
    assert error(refined(seen, keyed, true), true) < WORST


def test_waves_stand_out_from_everything_that_is_none(piloted, large_photograph, keyed):
    """Chance finds something in any picture, so only the beacon decides; the waves find more."""
    true = hits(Maps(spectrum(saved(piloted))), keyed)[0]
    np.testing.assert_allclose(np.abs(true.matrix), np.eye(2) * SHARE, atol=0.01 * SHARE)
    by_chance = hits(Maps(spectrum(large_photograph)), keyed)
    by_chance += hits(Maps(spectrum(piloted)), waves(bytes(range(32))))
    assert true.score > 1.5 * max((hit.score for hit in by_chance), default=0)


@pytest.mark.parametrize("size", [(512, 512), (461, 460), (420, 420)])
def test_a_whole_copy_is_found_without_a_search_over_scales(piloted, keyed, size):
    copy, true = part(piloted, 0, 0, 512, 512, size)
    seen = spectrum(saved(copy))
    best = max(whole_candidates(seen, keyed, *size), key=lambda one: one.score)
    assert best.score > FOUND
    assert error(refined(seen, keyed, best.placement), true) < WORST


def test_of_a_part_another_key_or_no_waves_nothing_is_taken_to_be_whole(
    piloted, large_photograph, keyed
):
    cut, _ = part(piloted, 40, 30, 430, 420)
    turned = np.ascontiguousarray(piloted[::-1, ::-1])
    for copy in (cut, turned, large_photograph):
        height, width = copy.shape[:2]
        for candidate in whole_candidates(spectrum(saved(copy)), keyed, width, height):
            # Upside down it has the same spectrum, and what the phases say is told.
            assert copy is turned
            assert candidate.placement.matrix[0, 0] < 0
    assert not whole_candidates(spectrum(piloted), waves(bytes(range(32))), 512, 512)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=range(8))
def test_a_whole_copy_of_any_orientation_is_brought_upright(large_photograph, orientation):
    given = large_photograph[:400]
    frame = published_frame(512, 400)
    upright = edge_to_edge(512, 400, frame, ORIENTATIONS[0])
    copy, true = as_turned(given, upright, orientation)
    place = edge_to_edge(copy.shape[1], copy.shape[0], frame, orientation)
    np.testing.assert_allclose(place.corners(), true.corners(), atol=1e-9)
    moved, there = warp(copy, place, frame.size)
    assert there.all()
    np.testing.assert_allclose(moved, to_frame(given, frame), atol=0.01)
