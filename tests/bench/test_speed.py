"""Whole tool and property: what is measured, in which order, and what happens to what is not."""

import json
import sys
import time

import numpy as np
import pytest
from rich.console import Console

from imuge.bench.speed import commands, memory, stages, whole_calls
from imuge.bench.speed import run as speed
from imuge.bench.speed.table import to_markdown
from imuge.engine import Engine
from imuge.errors import ConfigError

QUIET = Console(quiet=True)
OVERHEADS = {
    "immunize": {"s": 1.0, "alone_s": 0.8, "ratio": 1.25, "inside_s": 0.9, "inside_ratio": 1.1}
}
WHOLE = {
    "megapixels": 12.0,
    "immunize_s": 60.0,
    "immunize_s_per_mpx": 5.0,
    "verify_s": 36.0,
    "verify_s_per_mpx": 3.0,
    "peak_gb": 1.5,
}


def settings(**changes):
    given = {
        "sizes": ("1", "48"),
        "frames": ("robust", "fine"),
        "threads": (1, 2),
        "backends": ("onnxruntime",),
        "repeats": None,
        "minutes": 0,
        "torch_weights": None,
    }
    return speed.SpeedSettings(**given | changes)


def test_every_stage_and_size_comes_once_and_most_threads_first():
    planned = list(speed.tasks(("1", "48"), ("normal",), (1, 2)))
    assert len(planned) == len(set(planned)) == 2 * (2 + 5)
    assert [task.threads for task in planned[:7]] == [2] * 7
    assert str(planned[1]) == "immunize and verify, 48 Mpx, 2 threads"
    assert str(planned[2]) == "encode, frame normal, 2 threads"


@pytest.mark.slow
def test_one_cell_by_turns_in_fresh_processes():
    cell = stages.Cell(stage="reveal", width=128, height=160, threads=1)
    found = stages.measure(cell, ("onnxruntime", "torch"), repeats=2)
    product, other = found["backends"]["onnxruntime"], found["backends"]["torch"]
    assert product["ratio"] == 1
    assert product["difference"] == 0
    assert 0 < other["difference"] < 1e-3
    low, high = other["ratio_quartiles"]
    assert 0 < low <= other["ratio"] <= high
    assert other["peak_mb"] > product["peak_mb"] > product["above_mb"] > 0


@pytest.mark.slow
def test_a_backend_that_fails_says_why_and_the_others_go_on(tmp_path):
    cell = stages.Cell(stage="encode", width=128, height=128, threads=1)
    weights = tmp_path / "none.safetensors"
    found = stages.measure(cell, ("onnxruntime", "torch"), repeats=1, torch_weights=weights)
    assert "none.safetensors" in found["backends"]["torch"]["error"]
    assert found["backends"]["onnxruntime"]["ms_per_mpx"] > 0


def test_what_is_timed_is_what_the_product_computes():
    engine = Engine(threads=1)
    runner = stages.Runner(engine, stages.Cell(stage="reveal", width=128, height=160, threads=1))
    assert runner.run() > 0
    whole = engine.reveal(stages.inputs("reveal", 128, 160, engine)["image"]).ravel()
    expected = whole[:: max(1, whole.size // stages.SAMPLED)]
    np.testing.assert_array_equal(runner.sample(), expected)


def test_what_does_not_fit_is_left_out_and_named(monkeypatch):
    done = []
    monkeypatch.setattr(speed.Findings, "measure", lambda _self, task, _repeats: done.append(task))
    now = time.monotonic()
    # Less than it takes to start anything.
    found = speed.run(settings(minutes=0.05), QUIET, started_s=now)
    planned = list(speed.tasks(settings().sizes, settings().frames, (1, 2)))
    assert done == []
    assert [line.rpartition(", about")[0] for line in found.left_out] == [str(t) for t in planned]
    assert speed.run(settings(), QUIET, started_s=now).left_out == []
    assert done == planned


def test_the_clock_learns_from_what_was_measured():
    clock = speed.Clock(end_s=0.0)
    small, large = (speed.SpeedTask(size, 2, "reveal") for size in ("robust", "fine"))
    guessed = clock.needs_s(large, 1)
    clock.took(small, 1, 100.0)
    assert clock.needs_s(large, 1) > guessed
    assert clock.needs_s(small, 1) == pytest.approx(100)
    assert clock.needs_s(speed.SpeedTask("12", 2), 1) < clock.needs_s(speed.SpeedTask("48", 2), 1)


@pytest.mark.slow
def test_whole_calls_are_timed_in_their_own_process():
    found = whole_calls.large_in_own_process(256, 192, threads=1)
    assert found["verdict"] == "tampered"
    assert found["immunize_s"] > 0
    assert found["verify_s"] > 0
    assert found["peak_gb"] >= found["verify_peak_gb"] > 0.05


def test_a_size_that_the_product_refuses_gives_its_sentence():
    found = whole_calls.large(48, 6000, threads=1)
    assert "48×6000" in found["refused"]
    assert "immunize_s" not in found


@pytest.mark.slow
def test_a_process_that_comes_to_nothing_is_no_end_of_the_run():
    found = whole_calls.large_in_own_process(-1, 128, threads=1)
    assert found["failed"] == "the process ended with status 1"


@pytest.mark.skipif(not memory.FORGET.exists(), reason="the peak cannot be forgotten here")
def test_the_peak_is_that_since_it_was_forgotten():
    before = memory.peak_mb()
    block = np.ones(30_000_000)
    assert memory.peak_mb() > 200
    del block
    memory.forget_peak()
    assert memory.peak_mb() < memory.resident_mb() + 50
    assert before > 0


def test_tables_tell_ratios_refusals_failures_and_what_is_missing():
    row = {"peak_mb": 200.0, "above_mb": 50.0}
    product = row | {"ms_per_mpx": 1000.0, "ratio": 1.0, "ratio_quartiles": [1.0, 1.0]}
    other = row | {"ms_per_mpx": 1500.0, "ratio": 1.5, "ratio_quartiles": [1.4, 1.7]}
    cell = {"stage": "reveal", "megapixels": 48.0, "threads": 2}
    result = {
        "threads": 2,
        "overheads": OVERHEADS,
        "large": {"12": WHOLE, "48": {"megapixels": 48.0, "refused": "too large; use less"}},
        "large_fewer_threads": {
            "1": {
                "12": WHOLE | {"immunize_s": 120.0},
                "24": {"megapixels": 24.0, "failed": "the process ended with status -9"},
            }
        },
        "stages": [
            {**cell, "backends": {"onnxruntime": product, "openvino": other}},
            {**cell, "stage": "embed", "backends": {"torch": {"error": "no memory"}}},
        ],
        "left_out": ["recover, 48 Mpx, 1 threads, about 300 s more"],
    }
    text = to_markdown(result)
    assert "| 12.0 | 2 | 60.0 | 5.0 | 36.0 | 3.0 | 1.50 |" in text
    assert "| 12.0 | 1 | 120.0 |" in text
    assert "| reveal | 48.0 | 2 | 1000 | 1500 (1.50, 1.40 to 1.70) |  |" in text
    assert "48.0 megapixels are refused: too large" in text
    assert "Whole calls failed at 24.0 megapixels, 1 threads: the process ended" in text
    assert "torch failed at embed, 48.0 Mpx, 2 threads: no memory" in text
    assert "Left out: recover, 48 Mpx, 1 threads" in text


@pytest.mark.slow
def test_whole_commands_are_measured_beside_an_earlier_version(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(speed.SIZES, "1", (320, 256))
    commands.main(["--out", str(tmp_path), "--sizes", "1", "--baseline", "HEAD"])
    result = json.loads((tmp_path / "commands.json").read_text())
    row = result["sizes"]["1"]
    for tree in ("now", "before"):
        for verb in commands.VERBS:
            assert min(row[tree][verb].values()) > 0
    text = (tmp_path / "commands.md").read_text()
    assert text == capsys.readouterr().out
    assert "| 0 | verify, tampered |" in text


@pytest.mark.slow
def test_a_command_that_fails_says_why(tmp_path):
    tree = commands.Tree(commands.ROOT / "src", tmp_path)
    with pytest.raises(ConfigError, match="imuge verify ended with status 1, expected 0"):
        tree.run("verify", str(tmp_path / "nothing.jpg"))
    with pytest.raises(ConfigError, match="cannot unpack no-such-commit"):
        commands.unpacked("no-such-commit", tmp_path)


@pytest.mark.slow
def test_speed_reports_ratios_and_memory(tmp_path, capsys):
    backends = ["--backends", "onnxruntime", "torch"]
    speed.main(["--out", str(tmp_path), "--quick", "--sizes", "1", *backends])
    result = json.loads((tmp_path / "speed.json").read_text())
    assert result["large"]["1"]["verdict"] == "tampered"
    assert result["overheads"]["immunize"]["inside_ratio"] > 1
    assert {cell["stage"] for cell in result["stages"]} == set(stages.STAGES)
    assert all("error" not in row for cell in result["stages"] for row in cell["backends"].values())
    assert (tmp_path / "speed.md").read_text() == capsys.readouterr().out
    assert sys.platform != "linux" or result["processor"]
