"""The content study scores in the published picture's pixels, and says what is missed."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from imuge.bench import content, lines, processes
from imuge.bench.content import Row, averages, row_of, shortfalls, to_markdown
from imuge.bench.framing import FRAMINGS, framed
from imuge.bench.lines import rows_done
from imuge.errors import ConfigError
from imuge.results import Region

ROW = Row(
    case="embedded again, 5%",
    process="none",
    verdict="tampered",
    kinds=("protected again",),
    found=0.9,
    f1=0.8,
)


def test_rows_are_counted_and_what_is_missed_is_named():
    missed = replace(ROW, verdict="intact", kinds=(), found=0.0, f1=0.0)
    honest = replace(missed, case="untouched", process="webp:70")
    framed = replace(missed, case="blurred", kinds=("protection lost",))
    rows = [ROW, missed, honest, replace(honest, verdict="tampered"), framed]
    entries = averages(rows)
    again, untouched, blurred = entries
    assert (again["pictures"], again["found"], again["f1_of_found"]) == (2, 1, 0.8)
    assert (untouched["tampered"], blurred["intact"], blurred["lost"]) == (1, 1, 1)
    found = list(shortfalls(entries))
    assert found == [
        "- embedded again, 5%, `none`: found in 1 of 2, asked 97%",
        "- embedded again, 5%, `none`: F1 0.80, asked 0.85",
        "- untouched, `webp:70`: 1 of 2 accused, asked 2%",
    ]
    facts = {"command": "c", "imuge": "1", "model": "m", "model_sha256": "0" * 64}
    text = to_markdown(facts | {"calibrated_on": 9, "pictures": 2, "rows": entries})
    assert "| embedded again, 5% | `none` | 1 of 2 (0.97) | 0.80 (0.85) |" in text
    assert text.endswith("1 of 2 accused, asked 2%\n")
    assert list(shortfalls(averages([replace(ROW, f1=0.9)]))) == []


def test_a_copy_is_scored_in_the_published_pictures_pixels(guard, immunized):
    verdict = guard.verify(immunized.image, recover=False)
    half = np.zeros((256, 256), bool)
    half[:, :128] = True
    region = Region(box=(0, 0, 128, 256), area_pixels=128 * 256, area=0.5, mean_probability=1.0)
    verdict = replace(verdict, verdict="tampered", regions=(region,), mask=half)
    true = np.zeros((512, 512), bool)
    true[:256, :256] = True
    row = row_of("case", "none", verdict, true)
    assert (row.found, row.kinds) == (1.0, ("changed",))
    assert row.f1 == pytest.approx(2 / 3)
    assert row_of("case", "none", verdict, np.zeros((512, 512), bool)).found == 0


@pytest.mark.parametrize("kind", FRAMINGS)
def test_framing_leaves_the_rest_of_the_picture_and_most_of_what_the_place_shows(photograph, kind):
    place = np.zeros((256, 256), bool)
    place[50:90, 60:120] = True
    made = framed(photograph, place, kind)
    assert (made[~place] == photograph[~place]).all()
    assert (made[place] != photograph[place]).mean() > 0.4
    assert np.corrcoef(made[place].ravel(), photograph[place].ravel())[0, 1] > 0.9


def test_the_journal_goes_on_with_whole_lines_of_the_same_thresholds(tmp_path):
    path = tmp_path / "journal.jsonl"
    other = "other weights or thresholds"
    assert rows_done(path, {"sha256": "a"}, Row, other=other) == {}
    line = json.dumps({"picture": "p", "rows": [asdict(ROW)]})
    path.write_text(path.read_text() + line + "\n" + line[:20])
    assert rows_done(path, {"sha256": "a"}, Row, other=other) == {"p": [ROW]}
    assert path.read_text().endswith(line + "\n")
    with pytest.raises(ConfigError, match="other weights or thresholds"):
        rows_done(path, {"sha256": "b"}, Row, other=other)


@pytest.mark.slow
def test_the_study_runs_on_two_photographs(guard, tmp_path, request, monkeypatch, capsys):
    def here(tasks, *, total, jobs):  # another process would not know the fewer cases
        assert total == len(tasks)
        assert jobs > 0
        return ((name, run(*given)) for name, (run, given) in tasks.items())

    monkeypatch.setattr(lines, "shared_out", here)
    monkeypatch.setattr(processes.Worker, "engine", guard.engine, raising=False)
    monkeypatch.setattr(content, "HONEST", ("none",))
    monkeypatch.setattr(content, "CHAINS", ("none",))
    monkeypatch.setattr(content, "AREAS", (0.05,))
    data = request.config.rootpath / "tests/data"
    content.main(["--data", str(data), "--out", str(tmp_path), "--pictures", "2"])
    result = json.loads((tmp_path / "content.json").read_text())
    assert result["pictures"] == 2
    assert result["command"].endswith("--out docs/scores --pictures 2")
    assert [row["case"] for row in result["rows"]] == [
        "untouched",
        "embedded again, 5%",
        "new colours",
        "blurred",
    ]
    assert result["rows"][1]["found"] == 2
    assert "embedded again" in capsys.readouterr().out
    assert not (tmp_path / "content.journal.jsonl").exists()
