"""How a copy lies in what was published: told, and drawn where there is something to see."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from imuge.report.geometry import drawing_section, in_words
from imuge.report.page import build_page
from imuge.results import Geometry

WHOLE = Geometry(
    frame=(768, 512),
    scale=0.4,
    turn=0,
    mirrored=False,
    stretch=1.0,
    outline=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
    share=1.0,
    placed_by="pilot",
)
OUTER = ((10.0, 10.0), (150.0, 10.0), (150.0, 110.0), (10.0, 110.0))
PART = replace(WHOLE, share=0.25, outline=((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Whole, upright"),
        ({"share": 0.62}, "Shows 62 % of it"),
        ({"turn": 90}, "Whole, turned by 90° clockwise"),
        ({"turn": -1.5, "share": 0.9}, "Shows 90 % of it, turned by 1.5° anticlockwise"),
        ({"turn": 180}, "Whole, turned by 180°"),
        ({"mirrored": True}, "Whole, mirrored"),
        ({"stretch": 1.25}, "Whole, 1.25 times wider for its other side"),
        ({"stretch": 0.8}, "Whole, 1.25 times taller for its other side"),
        ({"within": OUTER}, "Whole, inside a larger picture, of whose rest nothing is said"),
    ],
)
def test_what_was_done_to_the_whole_picture_in_words(changes, words):
    assert in_words(replace(WHOLE, **changes)).strip() == words


def test_only_what_is_a_part_or_turned_is_drawn(make_verdict):
    assert drawing_section(make_verdict(geometry=WHOLE)) == ""
    assert drawing_section(make_verdict("unprotected")) == ""
    assert "<svg" in drawing_section(make_verdict(geometry=PART))
    assert "<svg" in drawing_section(make_verdict(geometry=replace(WHOLE, mirrored=True)))
    assert "<svg" in drawing_section(make_verdict(geometry=replace(WHOLE, within=OUTER)))


def test_the_drawing_puts_the_copy_where_it_was(make_verdict):
    section = drawing_section(make_verdict(geometry=PART))
    assert 'points="120.0,80.0 360.0,80.0 360.0,240.0 120.0,240.0"' in section
    assert "matrix(240.00 0.00 0.00 160.00 120.00 80.00)" in section
    assert 'width="480.0" height="320.0"' in section
    # A border that was added lies outside of what was published, and is seen whole.
    wider = replace(WHOLE, outline=((-0.1, 0), (1.1, 0), (1.1, 1), (-0.1, 1)), turn=0.5)
    (box,) = re.findall('viewBox="([^"]+)"', drawing_section(make_verdict(geometry=wider)))
    assert box == "-52.0 -4.0 584.0 328.0"


def test_the_page_has_words_numbers_and_drawing(make_verdict):
    page = build_page(
        make_verdict(geometry=PART), "p", file_facts={}, made=datetime(2026, 1, 1, tzinfo=UTC)
    )
    for part in ("Shows 25 % of it", "768 × 512 pixels", "2.50 pixels of this copy", "<svg"):
        assert part in page
    assert "top left 25.0 %, 25.0 %" in page
    assert "Smallest change that would be seen here" in page
    assert "about 23 × 23 pixels of this copy" in page


def test_what_was_cut_away_is_shown_when_somebody_asks(make_verdict):
    made = datetime(2026, 11, 26, tzinfo=UTC)
    part = make_verdict(geometry=PART)
    assert "cut away</summary>" not in build_page(part, "p", file_facts={}, made=made)
    page = build_page(replace(part, uncropped=part.image), "p", file_facts={}, made=made)
    (section,) = re.findall("<details><summary>Show what was cut away.*?</details>", page)
    assert "rough reconstruction" in section
    assert "data:image/jpeg;base64," in section
