"""Contract: which region to look at first, and close-ups that show one place or say why not."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from imuge.report.pictures import close_up, window_around
from imuge.report.regions import look_first, table


def _text(html):
    return re.sub(r"<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("odds", "word"),
    [(9.3, "very strong"), (9.2, "strong"), (4.7, "strong"), (2.4, "moderate"), (-1, "weak")],
)
def test_odds_have_words(odds, word, make_verdict):
    first, second = make_verdict().regions
    verdict = make_verdict(regions=(replace(first, odds=odds), second))
    assert verdict.regions[0].evidence == word
    assert _text(look_first(verdict)) == (
        f"Look first at region 1, right: changed, {word} evidence, 6.2 % of the picture."
    )
    assert f"{word} evidence" in table(verdict)


def test_unweighed_regions_are_looked_at_by_their_size(make_verdict):
    verdict = make_verdict()
    assert _text(look_first(verdict)).endswith("changed, 6.2 % of the picture, the largest.")
    alone = make_verdict(regions=verdict.regions[1:])
    assert _text(look_first(alone)) == "Look at region 1, top left: changed, 0.52 % of the picture."


def test_what_does_not_count_is_not_what_to_look_at_first(make_verdict):
    lost = replace(make_verdict().regions[0], kind="protection lost", content="agrees", odds=-9.0)
    assert look_first(make_verdict(regions=(lost,))) == ""
    assert look_first(make_verdict("intact")) == ""
    assert (
        "evidence" not in _text(table(make_verdict(regions=(lost,)))).partition("What is said")[2]
    )


def test_a_close_up_that_would_show_nothing_is_left_out_with_a_word(make_verdict):
    first, second = make_verdict().regions
    lost = replace(second, kind="protection lost", content="agrees")
    recorded = replace(first, kind="protected again", found_by="reference")
    for region, labels, told in (
        (first, ["as received", "reconstruction", "hidden copy"], ""),
        (lost, ["as received", "hidden copy"], "Reconstruction: none, what is seen there is what"),
        (recorded, ["as received", "hidden copy"], "Reconstruction: none, only the registry"),
    ):
        html = table(make_verdict(regions=(region,)))
        assert re.findall(r'alt="Region 1, ([^"]+)"', html) == labels
        assert told in html
        assert ("Reconstruction:" in html) == bool(told)
    bare = table(make_verdict(regions=(first,), recovered=None, hidden_copy_image=None))
    assert "Reconstruction: not made. Hidden copy: not rendered." in bare
    assert re.findall(r'alt="Region 1, ([^"]+)"', bare) == ["as received"]


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((100, 100, 140, 120), (88, 132), (88, 152)),
        ((0, 100, 40, 120), (88, 132), (0, 52)),  # no further than the picture
        ((100, 10, 108, 210), (0, 260), (29, 179)),  # a thin strip has more beside it
    ],
)
def test_a_window_has_a_margin_and_is_no_strip(box, rows, columns):
    found = window_around(box, (300, 300))
    assert [(part.start, part.stop) for part in found] == [rows, columns]


def test_close_ups_of_one_place_have_one_size_and_are_enlarged():
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[100:110, 150:170] = 255
    sizes = set()
    for shown in (picture, 255 - picture):
        data = base64.b64decode(close_up(shown, (150, 100, 170, 110)).partition(",")[2])
        with Image.open(io.BytesIO(data)) as image:
            sizes.add(image.size)
            bright = np.asarray(image.convert("L"), float) > 127
    assert sizes == {(4 * 44, 4 * 34)}
    assert bright.mean() == pytest.approx(1 - 200 / (44 * 34), abs=0.02)
