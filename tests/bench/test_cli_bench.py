"""`imuge bench`: from a folder of photographs to tables, plots and examples."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imuge.bench.grid import run
from imuge.bench.grid.cases import Case
from imuge.bench.grid.journal import NAME
from imuge.cli.terminal import USAGE

DATA = Path(__file__).parents[1] / "data"
CASES = (Case("splice", "jpeg:75"), Case(process="jpeg:75"))


@pytest.fixture
def few_cases(monkeypatch):
    monkeypatch.setattr(run, "grid", lambda _: CASES)
    monkeypatch.setattr(run, "EXAMPLES", CASES[:1])


@pytest.fixture
def bench(imuge, tmp_path):
    def call(*arguments):
        return imuge("bench", "--data", DATA, "--out", tmp_path / "out", *arguments)

    return call


@pytest.mark.slow
@pytest.mark.usefixtures("few_cases")
def test_the_release_and_a_peer_end_to_end(bench, tmp_path):
    found = bench("--peers", "self-embedding")
    assert found.exit_code == 0, found.stderr
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {
        "bench.json",
        "bench.csv",
        "bench.md",
        "bench.html",
    }
    result = json.loads((out / "bench.json").read_text())
    assert result["schema"] == "imuge.bench/1"
    assert set(result["contestants"]) == {"lab.r5", "self-embedding"}
    assert set(result["pictures"]) == {"astronaut.webp", "maldives.webp"}
    (ours,) = (
        row for row in result["rows"] if row["contestant"] == "lab.r5" and row["tamper"] == "splice"
    )
    assert ours["pictures"] == 2
    assert ours["verdicts"] == {"tampered": 2}
    assert ours["f1"] > 0.9
    assert ours["found_area_db"] > ours["attacked_area_db"] + 5
    assert "| splice, jpeg:75 | lab.r5 |" in (out / "bench.md").read_text()
    assert (out / "bench.html").read_text().count("<img") == 6
    before = (out / "bench.json").read_bytes()
    assert bench("--peers", "self-embedding", "--jobs", 1).exit_code == 0
    again = json.loads((out / "bench.json").read_text()) | {"command": result["command"]}
    assert again == json.loads(before), "the same seed gives the same results in any processes"


@pytest.mark.slow
@pytest.mark.usefixtures("few_cases")
def test_networks_in_torch_are_measured_in_the_same_frame(bench, both_weights, tmp_path):
    models = [f"--model={weights.stem} 1={weights}" for weights in both_weights.values()]
    assert bench(*models, "--jobs", 1).exit_code == 0
    result = json.loads((tmp_path / "out" / "bench.json").read_text())
    assert set(result["contestants"]) == {"imuge 1", "imuge_plus 1"}
    assert len(result["rows"]) == 4
    assert result["contestants"]["imuge 1"]["architecture"] == "imuge"


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path):
    """A real process, killed after its first picture; the journal keeps that picture."""
    out = tmp_path / "out"
    script = (
        "from imuge.bench.grid import cases, run\n"
        "from imuge.cli import main\n"
        "run.grid = lambda _: (cases.Case('splice'), cases.Case())\n"
        "if __name__ == '__main__':\n"
        "    main()\n"
    )
    (tmp_path / "small.py").write_text(script)
    options = ["--data", DATA, "--out", out, "--jobs", "1"]
    command = [sys.executable, tmp_path / "small.py", "bench", *options]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(2400):
        if (out / NAME).exists() and (out / NAME).read_text().count("\n") >= 2:
            break
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    for _ in range(1200):
        try:
            os.killpg(running.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        pytest.fail("its processes outlive it")
    first = (out / NAME).read_text().splitlines()[1]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert refused.returncode == USAGE
    assert "--resume" in refused.stderr
    subprocess.run([*command, "--resume"], check=True, capture_output=True, timeout=120)
    result = json.loads((out / "bench.json").read_text())
    assert [row["pictures"] for row in result["rows"]] == [2, 2]
    kept = json.loads(first)["rows"][0]["scores"]["f1"]
    assert repr(kept) in (out / "bench.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nothing.safetensors"], "there is no such file or folder"),
        (["--model", "=x"], "expected --model NAME=PATH"),
        (["--model", "lab.r5", "--model", "lab.r5"], "got lab.r5 twice"),
        (["--peers", "magic"], "expected --peers all or some of"),
        (["--data", "/nowhere"], "expected a folder of photographs, got /nowhere"),
        (["--out", "/dev/null/out"], "cannot make the folder /dev/null/out"),
        (["--resume"], "there is nothing to resume"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(bench, arguments, words):
    found = bench(*arguments)
    assert found.exit_code in (1, USAGE)
    assert words in found.stderr.replace("\n", " ")
    assert len(found.stderr.splitlines()) == 1


def test_without_a_folder_it_says_which_it_wants(imuge):
    found = imuge("bench")
    assert found.exit_code == USAGE
    assert "expected --data DIR" in found.stderr


def test_without_torch_it_says_what_to_install(bench, both_weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "imuge.bench.contestant_networks", None)
    found = bench("--model", both_weights["imuge"])
    assert "[train]'" in found.stderr.replace("\n", " ")


def test_without_matplotlib_it_says_what_to_install(bench, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = bench()
    assert found.exit_code == USAGE
    assert "[bench]'" in found.stderr.replace("\n", " ")
