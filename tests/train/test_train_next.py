"""The script for a GPU that one has for minutes: each of its branches, a few steps each."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imuge.model.imuge.system import System
from imuge.model.weights_files import LARGEST_BYTES, save_weights

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 240

pytestmark = pytest.mark.slow


@pytest.fixture
def run(tiny, tmp_path):
    """Runs the script on the tiny networks, in a folder that holds weights for them."""
    torch.manual_seed(0)
    save_weights(
        tiny.model, System(tiny.model).state_dict(), tmp_path / "first", largest_bytes=LARGEST_BYTES
    )

    def start(*arguments, **settings):
        known = {
            "PYTHON": sys.executable,
            "DATA": str(ROOT / "tests" / "data"),
            "CONFIG": str(ROOT / "configs" / "tiny.toml"),
        }
        return subprocess.run(
            [ROOT / "scripts" / "train_next.sh", *arguments],
            env=os.environ | known | settings,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    return start


def last_step(result):
    assert result.returncode == 0, result.stderr
    return int(re.findall(r"(?:done|paused) at step (\d+)", result.stderr)[-1])


def test_all_networks_pause_and_go_on_and_the_readers_follow(run, tmp_path):
    out = str(tmp_path / "next")
    first = run("whole", "0.08", out, INIT=str(tmp_path / "first"), PAUSE="0.04")
    paused = last_step(first)
    assert "paused" in first.stderr
    again = run("whole", "0.08", out)
    assert f"going on at step {paused}" in again.stderr
    assert last_step(again) > paused
    # What was set for the first stage may still be: readers go on from what that one made.
    validate = str(ROOT / "tests" / "data")
    readers = run("readers", "0.03", out, INIT=str(tmp_path / "none"), VALIDATE=validate)
    assert last_step(readers) > 0
    for stage in ("whole", "readers"):
        parts = list((tmp_path / "next" / stage / "weights").iterdir())
        assert parts
        assert all(part.stat().st_size <= LARGEST_BYTES for part in parts)
    lines = (tmp_path / "next" / "readers" / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["kind"] == "validation"


def test_all_networks_go_on_from_a_code_and_an_inn_that_carries_it(run, tmp_path):
    out, none = tmp_path / "next", str(tmp_path / "none")
    shutil.copy(ROOT / "configs" / "tiny.toml", tmp_path)
    code, carry = tmp_path / "code.toml", tmp_path / "carry.toml"
    code.write_text(
        'extends = "tiny.toml"\n[optimization]\nparts = ["payload_encoder", "recoverer"]\n'
        "[curriculum]\nchannel = false\n"
    )
    carry.write_text('extends = "tiny.toml"\n[optimization]\nparts = ["inn", "recoverer"]\n')
    first = run("code", "0.03", str(out), INIT=str(tmp_path / "first"), CONFIG=str(code))
    assert last_step(first) > 0
    # Without the weights of the stage before, the others could not begin.
    assert last_step(run("carry", "0.03", str(out), INIT=none, CONFIG=str(carry))) > 0
    shutil.rmtree(out / "code")
    assert last_step(run("whole", "0.03", str(out), INIT=none)) > 0


def test_all_stages_share_the_minutes_and_a_pause_is_one_of_all(run, tmp_path):
    out, first = tmp_path / "next", str(tmp_path / "first")
    validate = str(ROOT / "tests" / "data")
    paused = run("all", "0.2", str(out), INIT=first, PAUSE="0.02", VALIDATE=validate)
    assert paused.returncode == 0, paused.stderr
    assert re.findall(r"(done|paused) at step", paused.stderr) == ["paused"]
    assert not (out / "carry").exists()
    again = run("all", "0.2", str(out), INIT=first, VALIDATE=validate)
    assert "going on at step" in again.stderr
    assert re.findall(r"(done|paused) at step", again.stderr) == ["done"] * 3
    stages = ("code", "carry", "whole")
    scored = [(out / stage / "log.jsonl").read_text().count('"validation"') for stage in stages]
    assert scored == [0, 0, 1]
    # What is over is not begun again.
    once_more = run("all", "0.2", str(out), INIT=first)
    assert once_more.stderr.count("going on at step") == 1


@pytest.mark.parametrize("works", [True, False])
def test_a_gpu_is_profiled_first(run, tmp_path, works):
    """Whether a profile works decides how steps are taken; another try does not repeat it."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text("#!/bin/sh\n")
    python = tools / "python"
    refuse = "" if works else 'case "$*" in *--profile*) echo cannot be recorded; exit 2 ;; esac\n'
    python.write_text(f'#!/bin/sh\necho "called $*"\n{refuse}exec {sys.executable} "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    settings = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHON": str(python)}
    out = str(tmp_path / "next")
    started = run("whole", "0.03", out, INIT=str(tmp_path / "first"), PAUSE="0.01", **settings)
    assert last_step(started) > 0
    assert ("a step, launched kernel by kernel" in started.stdout) == works
    trained = [line for line in started.stdout.splitlines() if line.startswith("called")][-1]
    assert ("--no-graphs" in trained) == (not works)
    again = run("whole", "0.03", out, **settings)
    assert again.stdout.count("--profile") == 0
    assert ("--no-graphs" in again.stdout) == (not works)


def test_what_it_does_not_know_is_answered_with_its_usage(run, tmp_path):
    refused = run("everything", "1", str(tmp_path / "next"))
    assert refused.returncode == 2
    assert "train_next.sh whole MINUTES OUT" in refused.stderr
    assert not (tmp_path / "next").exists()


@pytest.mark.parametrize(
    ("minutes", "pause", "named"), [("many", "1", "many"), ("1", "soon", "soon")]
)
def test_minutes_that_are_none_are_named(run, tmp_path, minutes, pause, named):
    refused = run("all", minutes, str(tmp_path / "next"), PAUSE=pause)
    assert refused.returncode == 2
    assert f"got '{named}'" in refused.stderr
    assert not (tmp_path / "next").exists()
