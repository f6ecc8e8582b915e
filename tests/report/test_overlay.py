import dataclasses

import numpy as np
import pytest

from imuge.report.overlay import COLOURS, overlay
from imuge.results import Region


def test_nothing_is_drawn_where_nothing_changed(make_verdict):
    verdict = make_verdict("intact")
    drawn = overlay(verdict)
    assert (drawn == verdict.image).all()
    assert not np.shares_memory(drawn, verdict.image)


def test_regions_are_tinted_outlined_and_the_rest_is_left(make_verdict):
    verdict = make_verdict()
    before = verdict.image.copy()
    drawn = overlay(verdict)
    assert drawn.shape == verdict.image.shape
    assert drawn.dtype == np.uint8
    assert (drawn[75, 116] != verdict.image[75, 116]).any()  # inside the large region
    assert (drawn[60, 130] == COLOURS["changed"]).all()  # on its upper edge
    assert (drawn[100:, :80] == verdict.image[100:, :80]).all()  # far from both
    assert (verdict.image == before).all()


def test_every_number_has_its_plate(make_verdict):
    verdict = make_verdict()
    bare = overlay(dataclasses.replace(verdict, regions=()))
    plates = (overlay(verdict) == COLOURS["changed"]).all(axis=2) & (
        bare != COLOURS["changed"]
    ).any(axis=2)
    assert plates[45:60, 96:112].sum() > 40  # above the large region
    assert plates[:11, :30].sum() > 40  # the small one is at the top: inside it
    assert plates.sum() == plates[45:60, 90:120].sum() + plates[:20, :30].sum()


@pytest.mark.parametrize("factor", [1, 8])
def test_lines_grow_with_the_picture(make_verdict, factor):
    small = make_verdict()
    verdict = dataclasses.replace(
        small,
        image=small.image.repeat(factor, 0).repeat(factor, 1),
        mask=small.mask.repeat(factor, 0).repeat(factor, 1),
        regions=(),
    )
    outline = (overlay(verdict) == COLOURS["changed"]).all(axis=2)[:, 116 * factor].sum()
    assert outline == 2 * max(1, round(160 * factor / 360))


def test_boxes_at_the_border_of_a_tiny_picture_are_drawn(make_verdict):
    whole = Region(box=(0, 0, 9, 7), area_pixels=63, area=1.0, mean_probability=1.0)
    verdict = make_verdict(
        regions=(whole,),
        image=np.zeros((7, 9, 3), np.uint8),
        mask=np.ones((7, 9), np.bool_),
        width=9,
        height=7,
    )
    assert overlay(verdict).any()
