"""The table of copies: what is measured is scored, kept, and held against what was asked for."""

import json

import numpy as np
import pytest
from copies_result import result_of
from PIL import Image

from imuge.bench import copies
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.copies import JOURNAL, WANTED, Wanted, shortfalls, to_markdown
from imuge.bench.grid.cases import Case
from imuge.bench.grid.journal import Journal
from imuge.bench.grid.trials import Row, Subject
from imuge.bench.pictures import Photograph
from imuge.errors import ConfigError


@pytest.fixture(scope="module")
def subject(guard, key, photograph, other_photograph):
    """256 pixels on a frame of 192."""
    contestant = ReleaseContestant(guard.engine, key, shipped=True)
    pair = Photograph("a", "0", photograph), Photograph("b", "1", other_photograph)
    return Subject(contestant, *pair, seed=3)


@pytest.mark.slow
def test_a_scaled_copy_is_found_recovered_and_read(subject):
    row = copies.scores(subject, Case("splice", "resize:0.9,jpeg:80"))
    assert row["verdict"] == "tampered"
    assert row["read"] == 1
    assert row["f1"] > 0.85
    assert row["area_db"] > row["attacked_db"] + 5


def test_an_untouched_copy_has_no_region(subject):
    row = copies.scores(subject, Case(process="resize:0.9,jpeg:80"))
    assert row == {"verdict": "intact", "read": 1.0, "any": 0.0}


@pytest.mark.slow
def test_fidelity_is_measured_at_both_sizes(photograph):
    large = np.asarray(Image.fromarray(photograph).resize((1000, 1000)))
    noisy = (large + np.random.default_rng(0).normal(0, 8, large.shape)).clip(0, 255)
    found = copies.fidelity(large, noisy.astype(np.uint8))
    assert found["ssim_on_screen"] > found["ssim"], "scaling down averages noise out"
    assert copies.on_screen(large).shape == (900, 900, 3)
    assert copies.on_screen(photograph).shape == photograph.shape


def test_what_was_missed_is_named_and_nothing_else():
    lines = list(shortfalls(result_of()))
    assert lines == [
        "- large, `long-edge:1080,webp:80`: 50% of untouched pictures show a region",
        "- validation, `resize:0.8,jpeg:75`: F1 0.857, asked 0.955",
        "- validation, `resize:0.8,jpeg:75`: message read in 50%",
    ]
    text = to_markdown(result_of())
    assert "| `jpeg:75` | 0.990 (0.988) | 7.0 | 22.0 (21) | 2 of 2 | tampered 2 | 0 of 2 |" in text
    assert all(line in text for line in lines)


def test_what_the_journal_holds_is_not_measured_again(tmp_path, photograph, monkeypatch):
    monkeypatch.setattr(copies, "_work", lambda *_: pytest.fail("it was measured before"))
    pictures = [Photograph("a", "0", photograph), Photograph("b", "1", photograph)]
    journal = Journal(tmp_path, {}, resume=False, name=JOURNAL)
    for picture, found in zip(pictures, (0.5, 1.0), strict=True):
        journal.add(("large", picture.name), [Row(Case("splice"), {"f1": found})])
    again = Journal(tmp_path, {}, resume=True, name=JOURNAL)
    (row,) = copies.measure_all({"large": pictures}, again, "normal", jobs=1)["large"]
    assert (row["pictures"], row["f1"]) == (2, 0.75)


@pytest.mark.slow
def test_the_whole_command_writes_both_files(tmp_path, request, monkeypatch, capsys):
    for group in WANTED:
        monkeypatch.setitem(WANTED, group, {"jpeg:75": Wanted(f1=0.5)})
    data = str(request.config.rootpath / "tests/data")
    copies.main(["--data", data, "--validation", data, "--out", str(tmp_path), "--jobs", "1"])
    result = json.loads((tmp_path / "copies.json").read_text())
    for facts in result["groups"].values():
        changed = copies.row_of(facts["rows"], "jpeg:75", "splice")
        assert changed["pictures"] == 2
        assert changed["f1"] > 0.9
    assert (tmp_path / "copies.md").read_text() == capsys.readouterr().out
    assert not (tmp_path / JOURNAL).exists()


def test_one_picture_is_not_enough(tmp_path, request):
    data = request.config.rootpath / "tests/data"
    folders = ["--data", str(data), "--validation", str(data), "--out", str(tmp_path)]
    with pytest.raises(ConfigError, match="expected two photographs or more"):
        copies.main([*folders, "--pictures", "1"])
