"""Regions, working points and the hidden copy's code, by hand."""

import numpy as np
import pytest

from imuge.keys import Geometry, Message, Reading, new_key, verify_only
from imuge.protection.hidden_copy import Comparison, erased_blocks, gather_code
from imuge.protection.sentences import cautions
from imuge.protection.verify import Found, find_regions, minimum_area
from imuge.weights import WorkingPoint


@pytest.fixture
def probability():
    field = np.zeros((40, 60), np.float32)
    field[5:15, 10:30] = 0.9  # 200 pixels
    field[20:24, 40:44] = 0.7  # 16 pixels
    field[24, 44] = 0.7  # touches it at a corner
    field[30, 0] = 0.55
    return field


def test_regions_are_connected_pieces_largest_first(probability):
    mask, regions, spots = find_regions(probability, threshold=0.5, minimum_area=0)
    assert spots == 0
    assert [region.area_pixels for region in regions] == [200, 17, 1]
    assert regions[0].box == (10, 5, 30, 15)
    assert regions[1].box == (40, 20, 45, 25)
    assert regions[0].area == pytest.approx(200 / 2400)
    assert regions[1].mean_probability == pytest.approx(0.7)
    assert np.array_equal(mask, probability > 0.5)


def test_small_and_doubtful_pieces_are_left_out(probability):
    mask, regions, spots = find_regions(probability, threshold=0.6, minimum_area=18)
    assert spots == 2
    assert len(regions) == 1
    assert mask.sum() == 200
    mask, regions, _ = find_regions(probability, threshold=0.95, minimum_area=0)
    assert regions == ()
    assert not mask.any()


def test_a_sure_piece_keeps_its_doubtful_rim_and_a_doubtful_one_goes(probability):
    probability[4:16, 9:31] = np.maximum(probability[4:16, 9:31], 0.6)  # a rim of one pixel
    mask, (region,), spots = find_regions(probability, threshold=0.8, minimum_area=200)
    assert region.area_pixels == mask.sum() == 12 * 22
    assert spots == 2, "they have no pixel above the threshold"
    assert not find_regions(probability, threshold=0.8, minimum_area=201)[0].any()


def test_a_small_hole_does_not_belong_to_the_region_around_it():
    field = np.ones((20, 20), np.float32)
    field[8:12, 8:12] = 0
    mask, (region,), _ = find_regions(field, threshold=0.5, minimum_area=0)
    assert region.area_pixels == 400 - 16
    assert not mask[9, 9]


def test_the_minimum_area_grows_with_the_side():
    point = WorkingPoint(minimum_agreement=0.6, threshold=0.5, minimum_area=400)
    assert minimum_area(point, 512 * 512) == 400
    assert minimum_area(point, 1024 * 1024) == 800
    assert minimum_area(point, 128 * 128) == 100


def test_code_is_brought_home_and_lost_blocks_are_flagged():
    rng = np.random.default_rng(0)
    code = rng.uniform(-2, 2, (4, 3, 5)).astype(np.float32)  # two descriptions of two numbers
    permutations = np.stack([rng.permutation(15), rng.permutation(15)])
    scattered = np.concatenate(
        [
            code[2 * k : 2 * k + 2].reshape(2, -1)[:, permutations[k]].reshape(2, 3, 5)
            for k in range(2)
        ]
    )
    mask = np.zeros((24, 40), bool)
    mask[8, 16] = True  # one pixel of block (1, 2), which is number 7
    gathered = gather_code(scattered, erased_blocks(mask), permutations)
    assert gathered.shape == (6, 3, 5)
    for k in range(2):
        home, flag = gathered[3 * k : 3 * k + 2], gathered[3 * k + 2]
        lost = np.zeros((3, 5), bool)
        lost.flat[permutations[k][7]] = True
        assert np.array_equal(flag == 0, lost)
        assert np.array_equal(home[:, ~lost], code[2 * k : 2 * k + 2][:, ~lost])
        assert not home[:, lost].any()


@pytest.mark.parametrize(
    ("correlation", "difference", "check"),
    [
        (0.9, 0.01, "agrees"),
        (0.9, 0.3, "agrees"),  # only darker, say
        (0.0, 0.01, "agrees"),  # two plain pictures alike
        (0.0, 0.3, "disagrees"),
        (-0.3, 0.3, "disagrees"),
        (None, None, "not checked"),
    ],
)
def test_the_hidden_copy_disagrees_only_where_both_signs_say_so(correlation, difference, check):
    assert Comparison(correlation=correlation, difference=difference).check == check


@pytest.mark.parametrize("checked", [True, False])
def test_a_hidden_copy_is_spoken_of_only_where_it_was_read(checked):
    key = new_key("newsdesk")
    reading = Reading(
        present=True,
        presence_p=1e-9,
        message=Message(1, Geometry(side_number=0, tall=False, shorter=128)),
        tag_p=1e-7,
        identity_p=1e-16,
        flips=0,
        agreement=0.9,
        hypotheses=1,
    )
    found = Found(
        finding="foreign",
        key=key if checked else verify_only(key),
        reading=reading,
        comparison=Comparison(correlation=0.0, difference=0.3) if checked else None,
        mask=np.zeros((128, 128), bool),
    )
    said = " ".join(cautions(found))
    assert ("shows the picture that the protection was made for" in said) == checked
    assert ("was not checked" in said) != checked
