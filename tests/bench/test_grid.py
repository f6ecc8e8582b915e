"""The grids, and that every case can be done to a picture."""

from types import SimpleNamespace

import numpy as np
import pytest

from imuge.attacks.resave import parse_chain
from imuge.bench.grid import edits
from imuge.bench.grid.cases import COPIES, CROPS, GRIDS, KINDS, SHAPES, UNTOUCHED, Case, grid


@pytest.fixture
def material(photograph, other_photograph):
    return SimpleNamespace(
        original=photograph // 2 + 60,
        other=other_photograph,
        same_key=255 - other_photograph,
        other_key=other_photograph[::-1],
    )


@pytest.mark.parametrize("name", GRIDS)
def test_every_case_stands_once_and_can_be_parsed(name):
    cases = grid(name)
    assert len(cases) == len(set(cases)) == len({str(case) for case in cases})
    for case in cases:
        parse_chain(case.process)
        parse_chain(case.published)
        assert case.tamper in (*KINDS, UNTOUCHED)


def test_the_small_grids_are_parts_of_the_large_one():
    assert set(grid("standard")) < set(grid("full"))
    assert {case for case in grid("quick") if case.tamper == "splice"} < set(grid("full"))


def test_the_protocol_is_covered():
    """evaluation.md: areas, qualities, formats, tones, kinds and shapes."""
    cases = grid("full")
    assert {case.area for case in cases} == {0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5}
    assert {case.shape for case in cases} == set(SHAPES)
    assert {case.tamper for case in cases} == {*KINDS, UNTOUCHED}
    names = {step.name for case in cases for step in parse_chain(case.process)}
    assert names >= {"jpeg", "jpeg444", "webp", "avif", "resize", "resize-back", "crop", "blur"}
    assert names >= {"median", "noise", "sharpen", "brightness", "contrast", "saturation", "gamma"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_changes_its_mask_alone(kind, photograph, material):
    made = edits.apply(Case(kind), photograph, material, seed=(3,))
    changed = (made.picture != photograph).any(2)
    assert not changed[~made.mask].any()
    assert changed[made.mask].mean() > 0.9
    assert 0.05 < made.mask.mean() < 0.12
    again = edits.apply(Case(kind), photograph, material, seed=(3,))
    np.testing.assert_array_equal(made.picture, again.picture)


def test_content_comes_from_where_the_kind_says(photograph, material):
    for kind, source in (
        ("splice", "other"),
        ("splice, same key", "same_key"),
        ("splice, other key", "other_key"),
        ("regenerate", "original"),
    ):
        made = edits.apply(Case(kind), photograph, material, seed=(1,))
        np.testing.assert_array_equal(made.picture[made.mask], getattr(material, source)[made.mask])


def test_kinds_share_their_mask_and_untouched_pictures_have_none(photograph, material):
    masks = [
        edits.apply(Case(kind), photograph, material, seed=(5,)).mask
        for kind in KINDS
        if kind != "text"
    ]
    for mask in masks[1:]:
        np.testing.assert_array_equal(mask, masks[0])
    untouched = edits.apply(Case(), photograph, material, seed=(5,))
    assert untouched.picture is photograph
    assert not untouched.mask.any()


def test_larger_areas_and_other_shapes_are_drawn(photograph, material):
    for area in (0.005, 0.5):
        mask = edits.apply(Case("splice", area=area), photograph, material, seed=(5,)).mask
        assert mask.mean() == pytest.approx(area, rel=0.1)
    drawn = {
        edits.apply(Case("splice", shape=shape), photograph, material, seed=(5,)).mask.tobytes()
        for shape in SHAPES
    }
    assert len(drawn) == len(SHAPES)


def test_a_copy_comes_back_as_a_file_would(photograph):
    np.testing.assert_array_equal(edits.read_back(photograph, "none"), photograph)
    assert (edits.read_back(photograph, "jpeg:50") != photograph).mean() > 0.5


def test_copies_scaled_to_a_size_are_for_larger_pictures():
    small = [case for case in grid("standard") if case.applies_to(512)]
    large = [case for case in grid("standard") if case.applies_to(2592)]
    edges = {case.process for case in set(large) - set(small)}
    assert edges == set(COPIES)
    assert Case(process="whatsapp") in small, "platforms re-save small pictures, too"
    assert not Case("splice", "long-edge:800,jpeg:75").applies_to(800)


def test_only_what_was_cut_out_cannot_be_compared():
    cases = grid("full")
    assert {case.process for case in cases if not case.keeps_geometry} == set(CROPS)
    assert Case(process="resize:0.5,jpeg:75").keeps_geometry
