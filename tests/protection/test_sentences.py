"""What stands beside a verdict."""

import numpy as np
import pytest

from imuge.keys import new_key, verify_only
from imuge.protection.hidden_copy import Comparison
from imuge.protection.locate import Regions
from imuge.protection.sentences import cautions, sentence
from imuge.results import Region

NOTHING = Regions(
    threshold=0.5, minimum_area=500, mask=np.zeros((8, 8), bool), regions=(), small_spots=0
)


@pytest.mark.parametrize("checked", [True, False])
def test_a_hidden_copy_is_spoken_of_only_where_it_was_read(checked):
    key = new_key("newsdesk")
    comparison = Comparison(correlation=0.0, difference=0.3) if checked else None
    said = " ".join(
        cautions(
            "foreign",
            key=key if checked else verify_only(key),
            image_id=1,
            shown=NOTHING,
            comparison=comparison,
        )
    )
    assert ("shows the picture that the protection was made for" in said) == checked
    assert ("was not checked" in said) != checked


def test_half_a_picture_of_a_foreign_one_is_no_reconstruction():
    region = Region(box=(0, 0, 8, 8), area_pixels=64, area=1.0, mean_probability=0.9)
    shown = Regions(
        threshold=0.5,
        minimum_area=1,
        mask=np.ones((8, 8), bool),
        regions=(region,),
        small_spots=0,
    )
    key, comparison = new_key("newsdesk"), Comparison(correlation=0.0, difference=0.3)
    given = {"key": key, "image_id": 1, "shown": shown, "comparison": comparison}
    assert "rough guess" in " ".join(cautions("tampered", **given))
    assert "rough guess" not in " ".join(cautions("foreign", **given))
    assert "1 region (100.0% of the picture)" in sentence(
        "tampered", key=key, tried=[key], shown=shown
    )


def test_an_intact_picture_is_told_how_small_a_change_may_be():
    key = new_key("newsdesk")
    said = sentence("intact", key=key, tried=[key], shown=NOTHING)
    assert said.endswith("smaller than about 23x23 pixels.")
