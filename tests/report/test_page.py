from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from imuge.report.page import BADGES, build_page
from imuge.results import EXIT_STATUS

HOSTILE = "<script>alert(1)</script>\"'><img src=https://evil.example/x onerror=alert(2)>"
VOID = {"meta", "img", "br"}


@dataclass
class Page(HTMLParser):
    """What a reader of the page gets: its elements in order and its text."""

    elements: list = field(default_factory=list)
    text: str = ""
    open: list = field(default_factory=list)

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def _read(verdict, name="picture", **file_facts):
    made = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    page = Page()
    page.feed(build_page(verdict, name, file_facts=file_facts, made=made))
    page.close()
    assert page.open == []
    return page


@pytest.mark.parametrize("finding", EXIT_STATUS)
def test_every_verdict_has_its_sentence_badge_and_disclaimer(finding, make_verdict):
    page = _read(make_verdict(finding))
    _, badge, meaning = BADGES[finding]
    places = [page.text.index(part) for part in (badge, f"is {finding}, says", meaning)]
    assert places[1:] == sorted(places[1:])
    assert "It never says that a picture is authentic" in page.text
    assert "Unprotected says nothing about truth" in page.text
    assert [len(page.all(tag)) for tag in ("h1", "main", "title")] == [1, 1, 1]


@pytest.mark.parametrize("finding", EXIT_STATUS)
def test_the_page_asks_for_nothing_and_runs_nothing(finding, make_verdict):
    page = _read(make_verdict(finding))
    _assert_inert(page)
    policy = next(m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in policy["content"]


def _assert_inert(page):
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base", "svg"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action"):
            wanted = ("data:image/jpeg;base64,", "#")[tag == "a"]
            assert attributes.get(name, wanted).startswith(wanted)
        assert "url(" not in attributes.get("style", "")


def test_hostile_text_stays_text(make_verdict):
    verdict = make_verdict(
        sentence=HOSTILE,
        key_name=HOSTILE,
        key_id=HOSTILE,
        image_id=HOSTILE,
        model=HOSTILE,
        model_sha256=HOSTILE,
        input_sha256=HOSTILE,
        tool_version=HOSTILE,
        warnings=(HOSTILE,),
        corrected_for={HOSTILE: 1},
    )
    page = _read(verdict, HOSTILE, Artist=HOSTILE, **{HOSTILE: "label"})
    _assert_inert(page)
    assert page.text.count("<script>alert(1)</script>\"'>") >= 14


def test_the_style_sheet_loads_nothing(make_verdict):
    made = datetime(2026, 11, 20, tzinfo=UTC)
    html = build_page(make_verdict("intact"), "a", file_facts={}, made=made)
    style = html.split("<style>")[1].split("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert "url(" not in style
    assert "@import" not in style


def test_every_picture_has_a_text_and_every_region_its_number_and_crops(make_verdict):
    page = _read(make_verdict())
    alts = [attributes["alt"] for attributes in page.all("img")]
    assert all(alts)
    assert [alt for alt in alts if alt.startswith("Region")] == [
        "Region 1, as received",
        "Region 1, reconstruction",
        "Region 1, hidden copy",
        "Region 2, as received",
        "Region 2, reconstruction",
        "Region 2, hidden copy",
    ]
    assert "40 × 30 pixels at x 96, y 60" in page.text
    assert "Top left" in page.text
    assert "6.2 %" in page.text


def test_before_and_after_needs_a_change_and_a_reconstruction(make_verdict):
    def has_slider(verdict):
        return any(a.get("class") == "compare" for a in _read(verdict).all("div"))

    assert has_slider(make_verdict())
    assert not has_slider(make_verdict(recovered=None))
    assert not has_slider(make_verdict("intact", recovered=make_verdict().recovered))


def test_many_regions_are_listed_up_to_a_limit(make_verdict):
    region = make_verdict().regions[1]
    page = _read(make_verdict(regions=(region,) * 70))
    assert len(page.all("tbody")) == 50
    assert (
        "The first 8 regions are shown close up. 20 more regions in the JSON record." in page.text
    )
    assert sum(a["alt"].startswith("Region") for a in page.all("img")) == 3 * 8


def test_numbers_name_what_they_were_corrected_for(make_verdict):
    text = _read(make_verdict(warnings=("Small changes may be missed.",))).text
    for part in ("3.2 × 10−41", "keys 2, alignments 31", "below 10−300", "ab" * 32, "0c" * 32):
        assert part in text
    for part in ("newsdesk-2026", "1f0a77c3", "imuge.base-1", "2026-11-20 09:30 UTC"):
        assert part in text
    assert "Small changes may be missed." in text


def test_the_least_region_is_given_in_pixels_and_as_a_share(make_verdict):
    text = _read(make_verdict(minimum_area=512, width=640, height=400)).text
    assert "512 pixels" in text
    assert "0.20 % of the picture" in text


def test_pixels_that_never_were_a_file_are_called_so(make_verdict):
    assert "not a file: pixels only" in _read(make_verdict(input_sha256=None)).text


def test_the_hidden_copy_is_explained_by_its_finding(make_verdict):
    assert (
        "agrees with what is seen outside the changed regions (correlation 0.98)"
        in _read(make_verdict()).text
    )
    foreign = make_verdict("foreign", hidden_copy="disagrees", hidden_copy_agreement=0.04)
    assert "disagrees with what is seen (correlation 0.04)" in _read(foreign).text
    assert "was not checked" in _read(make_verdict("degraded")).text
    assert "hidden copy" not in _read(make_verdict("unprotected")).text


def test_what_the_file_says_is_limited(make_verdict):
    page = _read(make_verdict(), **{f"Field {n}": "x" * 5000 for n in range(80)})
    assert "Field 59" in page.text
    assert "Field 60" not in page.text
    assert "Not shown: 20 more." in page.text
    assert "(4,700 more characters)" in page.text
