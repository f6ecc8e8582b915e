"""From rows to averages, tables, plots and the page; and the journal that outlives a kill."""

import csv
import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from oracles import Oracle

from imuge.bench.grid.cases import QUALITIES, Case
from imuge.bench.grid.journal import NAME, Journal
from imuge.bench.grid.page import build_page
from imuge.bench.grid.plots import plots
from imuge.bench.grid.sheets import outline, sheet
from imuge.bench.grid.summary import averages, chosen, refusals, to_csv
from imuge.bench.grid.table import behind_inpainting, to_markdown
from imuge.bench.grid.trials import Row, Subject
from imuge.bench.pictures import Photograph
from imuge.errors import ConfigError

HOSTILE = "<script>alert(1)</script>"


def scores(f1, **more):
    decibels = {"attacked": 9.0, "inpainted": 15.0, "found": 22.0, "given": 24.0}
    places = {f"{name}_{p}_db": db for name, db in decibels.items() for p in ("area", "whole")}
    names = ("iou", "precision", "recall", "auc", "region_precision", "region_recall")
    fidelity = {"psnr_db": 40.0, "ssim": 0.97, "ms_ssim": 0.99}
    localization = dict.fromkeys(names, f1) | {"f1": f1}
    return fidelity | localization | places | {"verdict": "tampered", "identified": 1.0} | more


def clean(any_region=0.0):
    alarms = {"false_area": 0.0, "alarm": 0.0, "any": any_region}
    return {"psnr_db": 40.0, "ssim": 0.97, "ms_ssim": 0.99, "verdict": "intact"} | alarms


@pytest.fixture
def done():
    found = {}
    for name, quality_of_f1 in (("ours", 1.0), (f"theirs {HOSTILE}", 0.5)):
        for number, picture in enumerate(("a.png", "b.png")):
            jpegs = [
                Row(Case("splice", f"jpeg:{q}"), scores(quality_of_f1 * q / 100 - 0.1 * number))
                for q in QUALITIES
            ]
            found[name, picture] = [
                Row(Case("splice"), scores(quality_of_f1)),
                *jpegs,
                Row(Case("splice", "jpeg:75", 0.3), scores(0.7)),
                Row(Case(), clean()),
                Row(Case(process="jpeg:75"), clean(float(number))),
            ]
    found["ours", "b.png"][0] = Row(Case("splice"), {}, "it would not")
    return found


@pytest.fixture
def result(done):
    facts = {"architecture": "x", "working_point": "y", "sha256": None, "restores": True}
    return {
        "command": "imuge bench",
        "grid": "quick",
        "longer_sides": [256, 512],
        "seed": 0,
        "imuge": "0",
        "versions": {"numpy": "2"},
        "pictures": {"a.png": "00", "b.png": "11"},
        "contestants": {name: facts for name, _ in done},
        "rows": averages(done),
        "cannot": refusals(done),
        "bits": {"rows": {}, "missing": {"mark": "it is not installed"}},
    }


def test_averages_are_over_pictures(done):
    rows = averages(done)
    ours = [row for row in rows if row["contestant"] == "ours"]
    (row,) = chosen(ours, tamper="splice", process="jpeg:50")
    assert row["pictures"] == 2
    assert row["f1"] == pytest.approx(0.45)
    assert row["f1_std"] == pytest.approx(0.05)
    assert row["verdicts"] == {"tampered": 2}
    (row,) = chosen(ours, tamper="splice")
    assert row["pictures"] == 1, "the other could not be measured"


def test_what_could_not_be_measured_is_counted(done):
    assert refusals(done) == [
        {"contestant": "ours", "picture": "b.png", "why": "it would not", "cases": 1}
    ]


def test_the_csv_has_a_line_for_every_score(done):
    lines = list(csv.DictReader(io.StringIO(to_csv(done))))
    assert len(lines) == sum(row.cannot is None for rows in done.values() for row in rows)
    assert float(lines[0]["f1"]) == 1
    assert lines[0]["verdict"] == "tampered"
    assert {line["picture"] for line in lines} == {"a.png", "b.png"}


def test_the_tables_say_it_all(result):
    text = to_markdown(result)
    assert "| splice, jpeg:50 | ours | 0.450 |" in text
    assert "| none, jpeg:75 | ours | 0.000% | 0% | 50% |" in text
    assert "Recovery with the true mask beats inpainting in every row." in text
    assert "- ours, b.png, 1 cases: it would not" in text
    assert "mark was left out: it is not installed." in text


def test_recovery_that_is_no_better_than_inpainting_is_named():
    row = {"contestant": "ours", **averages({("ours", "a"): [Row(Case("splice"), scores(1))]})[0]}
    lines = list(behind_inpainting([row | {"given_area_db": 14.9}]))
    assert lines[-1] == "- splice, none, ours: 14.9 dB, inpainted 15.0 dB"


@pytest.mark.slow
def test_plots_are_drawn_where_there_are_points(result):
    drawn = plots(result)
    assert {"Localization after JPEG", "Recovery after JPEG"} < drawn.keys()
    assert "Localization by strength" not in drawn, "there is one strength"
    for svg in drawn.values():
        assert ET.fromstring(svg).tag.endswith("svg")
    assert drawn == plots(result), "the same numbers draw the same picture"


@pytest.mark.slow
def test_the_page_needs_nothing_and_runs_nothing(result, photograph, other_photograph):
    pair = Photograph("a", "0", photograph), Photograph("b", "1", other_photograph)
    example = sheet(Subject(Oracle(), *pair, seed=0), Case("splice"), name=HOSTILE)
    assert len(example.pictures) == 6
    page = build_page(result, plots=plots(result), sheets=[example])
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"<script|<link|@import|src=\"(?!data:)|href=\"http", page)
    assert page.count("<img") == 6
    assert page.count("<svg") == len(plots(result))
    assert "it would not" in page


def test_an_outline_is_the_rim_of_the_mask():
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    rim = outline(mask)
    assert rim[5:7, 5:15].all()
    assert not rim[7:13, 7:13].any()
    assert not rim[~mask].any()


def test_a_journal_goes_on_after_a_line_that_was_cut_off(tmp_path, done):
    plan = {"grid": "quick", "seed": 0}
    journal = Journal(tmp_path, plan, resume=False)
    for unit, rows in list(done.items())[:2]:
        journal.add(unit, rows)
    path = tmp_path / NAME
    path.write_text(path.read_text()[:-20])
    again = Journal(tmp_path, plan, resume=True)
    first, second, *_ = done
    assert again.done == {first: done[first]}
    again.add(second, done[second])
    assert Journal(tmp_path, plan, resume=True).done == {u: done[u] for u in (first, second)}
    again.finish()
    assert not path.exists()


def test_a_journal_of_another_run_is_refused(tmp_path):
    Journal(tmp_path, {"grid": "quick", "seed": 0}, resume=False)
    with pytest.raises(ConfigError, match="holds an unfinished run; go on with --resume"):
        Journal(tmp_path, {"grid": "quick", "seed": 0}, resume=False)
    with pytest.raises(ConfigError, match=r"of another run \(different: seed\)"):
        Journal(tmp_path, {"grid": "quick", "seed": 1}, resume=True)
    with pytest.raises(ConfigError, match="nothing to resume"):
        Journal(tmp_path / "other", {}, resume=True)
