"""What stands beside a verdict."""

from types import SimpleNamespace

import numpy as np
import pytest

from imuge.keys import new_key, verify_only
from imuge.protection.placement import Placement
from imuge.protection.sentences import cautions, sentence
from imuge.results import Geometry, Region

WHOLE = Geometry(
    frame=(384, 384),
    scale=0.75,
    turn=0,
    mirrored=False,
    stretch=1.0,
    outline=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
    share=1.0,
    placed_by="pilot",
)


def received(*, scale=0.75, message=True, others=()):
    """As much of a reading as the cautions look at; its frame is 384x256."""
    placement = Placement(matrix=np.eye(2) * scale, offset=np.zeros(2), width=512, height=341)
    return SimpleNamespace(
        reading=SimpleNamespace(message=object() if message else None),
        placement=placement,
        canvas=SimpleNamespace(height=256, width=384),
        others=others,
    )


def said(finding, **changes):
    given = {
        "key": new_key("newsdesk"),
        "received": received(),
        "small_spots": 0,
        "regions": (),
        "hidden_copy": "agrees",
    }
    return " ".join(cautions(finding, **given | changes))


@pytest.mark.parametrize("checked", [True, False])
def test_a_hidden_copy_is_spoken_of_only_where_it_was_read(checked):
    key = new_key("newsdesk")
    hidden_copy = "disagrees" if checked else "not checked"
    found = said("foreign", key=key if checked else verify_only(key), hidden_copy=hidden_copy)
    assert ("shows the picture that the protection was made for" in found) == checked
    assert ("was not checked" in found) != checked


def test_half_a_picture_of_a_foreign_one_is_no_reconstruction():
    region = Region(box=(0, 0, 8, 8), area_pixels=64, area=1.0, mean_probability=0.9)
    assert "rough guess" in said("tampered", regions=(region,))
    assert "rough guess" not in said("foreign", regions=(region,))
    key = new_key("newsdesk")
    assert "1 region (100.0% of the picture)" in sentence(
        "tampered", key=key, tried=[key], regions=[region], smallest=1, geometry=WHOLE
    )


@pytest.mark.parametrize(
    ("scale", "needed"),
    [(0.75, None), (1 / 1.07 - 1e-9, None), (0.95, 420), (1.5, 420)],
)
def test_a_copy_hardly_larger_than_its_frame_is_called_small(scale, needed):
    found = said("intact", received=received(scale=scale))
    assert ("needs about" in found) == (needed is not None)
    assert needed is None or f"needs about {needed} pixels" in found
    assert "needs about" not in said("unprotected", key=None, received=received(scale=scale))


def test_spots_are_spoken_of_only_above_what_re_saving_leaves():
    assert "spots" not in said("intact", small_spots=9)  # on a frame of 384x256
    assert "10 spots too small" in said("intact", small_spots=10)


def test_every_other_key_that_reads_is_named():
    others = (new_key("agency"), new_key("archive"))
    twice = "The protection of another key reads, too (agency, archive)"
    assert twice in said("intact", received=received(others=others))
    assert twice not in said("degraded", received=received(others=others, message=False))
    assert "another key" not in said("intact")


def intact(geometry, smallest=500):
    key = new_key("newsdesk")
    return sentence(
        "intact", key=key, tried=[key], regions=(), smallest=smallest, geometry=geometry
    )


def test_an_intact_picture_is_told_how_small_a_change_may_be():
    assert intact(WHOLE).endswith("smaller than about 23x23 pixels.")
    assert intact(None).endswith("smaller than about 23x23 pixels.")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"share": 0.62}, "; it shows 62% of what was published."),
        ({"mirrored": True, "turn": 90}, "; it is mirrored and is turned by 90°."),
        ({"turn": -0.2}, "; it is turned by -0.2°."),
        ({"stretch": 0.8}, "; it is stretched by 1.25."),
        (
            {"within": ((9, 9), (99, 9), (99, 99), (9, 99)), "turn": 9},
            "; it is turned by 9° and lies inside a larger picture, of whose rest nothing is said.",
        ),
        (
            {"share": 0.5, "turn": 180, "stretch": 1.1},
            "; it shows 50% of what was published, is turned by 180° and is stretched by 1.10.",
        ),
    ],
)
def test_what_was_done_to_the_whole_picture_is_named(changes, told):
    values = {name: getattr(WHOLE, name) for name in WHOLE.__slots__}
    assert intact(Geometry(**values | changes)).endswith(told)
