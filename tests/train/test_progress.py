"""What `make train-status` tells."""

import json

import pytest

from imuge.errors import ConfigError
from imuge.train.progress import COPIES, report


def write(out, records):
    out.mkdir(exist_ok=True)
    (out / "config.json").write_text(json.dumps({"batch": 8}))
    (out / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def trained(step, loss):
    numbers = {"loss": loss, "f1": 0.9, "false_area": 0.01, "recovered": 20.0, "milliseconds": 1600}
    return {"step": step, "kind": "train", **numbers}


def scores(f1):
    names = {"f1": f1, "false_area": 0.0123, "recovered": 25.31}
    return {f"{name}/{copy}": value for name, value in names.items() for copy in COPIES}


def test_steps_samples_curve_and_scores_beside_the_release(tmp_path):
    out = tmp_path / "run"
    records = [trained(20 * n, 3.0 - n / 100) for n in range(1, 61)]
    write(out, [*records, {"step": 1200, "kind": "validation", **scores(0.95)}])
    (out / "release.json").write_text(json.dumps(scores(0.8)))
    (out / "snapshots" / "step-00001200").mkdir(parents=True)
    told = report(out, 4711)
    assert "goes on as process 4711: 1,200 steps, 9,600 samples" in told
    assert "snapshots/step-00001200" in told
    curve = [line for line in told.splitlines() if line.startswith("| ") and "→" not in line]
    assert len([line for line in curve if line[2].isdigit()]) == 12
    assert "| 100 | 2.970 | 0.900 | 0.0100 | 20.0 | 1600 |" in told
    assert "release → step 1200" in told
    assert "0.800 → 0.950" in told
    assert "0.0123 → 0.0123" in told
    assert "25.3 → 25.3" in told


def test_what_is_not_there_yet_is_not_made_up(tmp_path):
    out = tmp_path / "run"
    write(out, [trained(20, None)])
    assert "is paused" in report(out, None)
    assert "Not validated yet." in report(out, None)
    (out / "release.json").write_text(json.dumps(scores(0.8)))
    told = report(out, None)
    assert "0.800 → —" in told
    assert "| 20 | — | 0.900" in told


def test_where_no_run_is_it_says_so(tmp_path):
    with pytest.raises(ConfigError, match="no run"):
        report(tmp_path, None)
