"""The study of reconstructions counts what is still forged, and tells every choice apart."""

import json
from dataclasses import replace

import numpy as np
import pytest

from imuge.bench import recovery
from imuge.bench.recovery import Row, averages, named, rim, still_forged, to_markdown

SHIPPED = named(recovery.RECOVERY_MARGIN, recovery.SEAM)
ROW = Row(study="margins", process="none", choice=SHIPPED, area_db=20.0, rim_db=30.0, forged=0.02)


def test_a_forged_pixel_counts_where_it_is_still_shown():
    clean, true = np.full((10, 10, 3), 100, np.uint8), np.zeros((10, 10), bool)
    true[2:8, 2:8] = True
    copy = clean.copy()
    copy[true] = 200
    copy[2, 2:8] = 110  # hardly anything
    shown = copy.copy()
    assert still_forged(shown, copy, clean, true) == 1
    shown[3:8, 2:7] = 120
    shown[3, 7] = 203  # of what is forged 30 pixels, 5 are left and one was altered
    assert still_forged(shown, copy, clean, true) == pytest.approx(4 / 30)
    assert still_forged(shown, copy, clean, ~true) == 0


def test_the_rim_lies_around_the_mask():
    true = np.zeros((30, 30), bool)
    true[10:20, 10:20] = True
    around = rim(true, 3)
    assert not (around & true).any()
    assert around[7, 15]
    assert not around[6, 15]
    assert not around[7, 7], "a corner is further away"


def test_tables_have_a_line_a_choice_and_mark_what_is_shipped():
    tone = replace(ROW, study="tones", process="gamma:1.3,jpeg:75", choice="as published")
    rows = [ROW, replace(ROW, area_db=22.0), replace(ROW, choice=named(2, (0, 1.5))), tone]
    rows.append(replace(tone, choice="fitted", area_db=25.0))
    entries = averages(rows)
    assert [entry["copies"] for entry in entries] == [2, 1, 1, 1]
    facts = {"command": "c", "imuge": "1", "model": "m", "model_sha256": "0" * 64, "pictures": 2}
    text = to_markdown(facts | {"rows": entries})
    assert f"| **{SHIPPED}** | 21.00 / 30.00 dB, 2.00% | – | – |" in text
    assert "| 2, 0 to 1.5 | 20.00 / 30.00 dB, 2.00% | – | – |" in text
    assert "| `gamma:1.3,jpeg:75` | 20.00 dB | 25.00 dB |" in text


@pytest.mark.slow
def test_the_study_runs_on_two_photographs(tmp_path, request, capsys):
    data = request.config.rootpath / "tests/data"
    recovery.main(["--data", str(data), "--out", str(tmp_path), "--pictures", "2"])
    result = json.loads((tmp_path / "recovery.json").read_text())
    darker = {
        e["choice"]: e["area_db"]
        for e in result["rows"]
        if (e["study"], e["process"]) == ("tones", "brightness:0.8,jpeg:75")
    }
    assert darker["fitted"] > darker["as published"] + 1
    assert all(entry["copies"] == 2 for entry in result["rows"])
    assert (tmp_path / "recovery.md").read_text() == capsys.readouterr().out
    assert not (tmp_path / recovery.JOURNAL).exists()
