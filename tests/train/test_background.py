"""A run beside other work: started, killed at any moment, gone on with, looked at, paused."""

import dataclasses
import fcntl
import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from imuge.errors import ConfigError
from imuge.model.architectures import load_networks
from imuge.model.imuge.system import System
from imuge.model.weights_files import save_weights
from imuge.train import checkpoint as checkpoints
from imuge.train.architectures import read_config
from imuge.train.background import Background, main, pause, running, start, work

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = ROOT / "tests" / "data"
TIMEOUT_S = 240
STEPS = 60

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """The tiny networks, with everything in the mix of the next ones that can be at 64 pixels."""
    folder = tmp_path_factory.mktemp("background")
    text = (ROOT / "configs" / "tiny.toml").read_text()
    text = text.replace("[curriculum]", TEXT_CURRICULUM).replace(
        "[optimization]", "[optimization]\ncycle_steps = 24\nhalf_on_processors = true"
    )
    text = text.replace("validate_every = 1000", "validate_every = 30\nvalidate_on_frames = true")
    config = folder / "tiny.toml"
    config.write_text(text.replace("log_every = 5", "log_every = 2") + TEXT_MIX)
    torch.manual_seed(0)
    system = System(read_config(config).model)
    weights = folder / "weights.safetensors"
    save_weights(system.config, system.state_dict(), weights)
    return config, weights


TEXT_CURRICULUM = "[curriculum]\nprotected_again = 0.3\ncropped = 0.3"
TEXT_MIX = """
[publication]
shaped = 0.8
pilot = 0.9

[distort.chains]
jpeg = 1
grown-jpeg = 1
grown-webp = 1
webp = 1
"""


def background(settings, out, **options):
    config, weights = settings
    given = {"threads": 1, "steps": STEPS, "checkpoint_minutes": 0.0} | options
    return Background(
        out=out,
        config=config,
        start_from=weights,
        data=PHOTOGRAPHS,
        validation=PHOTOGRAPHS,
        **given,
    )


def wait_until(true, what):
    for _ in range(TIMEOUT_S * 10):
        if true():
            return
        time.sleep(0.1)
    pytest.fail(f"{what} did not happen in {TIMEOUT_S} s")


def end(process):
    """Kill a run, and take leave of it as its parent."""
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


@pytest.mark.slow
def test_killed_and_started_again_it_goes_on_exactly(settings, tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    work(background(settings, straight))
    run = background(settings, killed)
    assert str(killed) in start(run)
    process = running(killed)
    assert "already" in start(run), "a second start leaves the first alone"
    wait_until(lambda: checkpoints.find(killed / "checkpoints"), "the first checkpoint")
    end(process)
    assert running(killed) is None
    assert checkpoints.load(checkpoints.find(killed / "checkpoints")[-1]).step < STEPS
    start(run)
    wait_until(lambda: running(killed) is None, "the end of the run")
    ends = [checkpoints.load(checkpoints.find(o / "checkpoints")[-1]) for o in (straight, killed)]
    assert [held.step for held in ends] == [STEPS, STEPS], (killed / "run.log").read_text()
    assert ends[0].choosers == ends[1].choosers
    for name, tensor in ends[0].tensors.items():
        assert torch.equal(tensor, ends[1].tensors[name]), name
    snapshots = sorted(path.name for path in (killed / "snapshots").iterdir())
    assert snapshots == ["step-00000024", "step-00000048"]
    assert (
        load_networks(killed / "snapshots" / snapshots[-1]).config == read_config(settings[0]).model
    )


@pytest.mark.slow
def test_paused_it_keeps_all_it_did(settings, tmp_path, capsys):
    out = tmp_path / "run"
    start(background(settings, out, steps=100_000, checkpoint_minutes=60.0))
    process = running(out)
    wait_until(lambda: '"step": 4,' in read(out / "log.jsonl"), "the fourth step")
    assert os.getpriority(os.PRIO_PROCESS, process) == 19
    if (session := Path(f"/proc/{process}/autogroup")).exists():
        assert session.read_text().endswith("nice 19\n")
    assert "paused" in pause(out)
    os.waitpid(process, 0)
    assert "no run" in pause(out)
    step = checkpoints.load(checkpoints.find(out / "checkpoints")[-1]).step
    assert step >= 4
    assert main(["status", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "is paused" in told
    assert f"step-{step:08d}" in told


def read(path):
    return path.read_text() if path.exists() else ""


def test_what_is_missing_is_named(settings, tmp_path):
    run = dataclasses.replace(background(settings, tmp_path / "run"), data=tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="nowhere"):
        start(run)
    assert not (tmp_path / "run").exists()


def test_two_do_not_train_in_one_folder(settings, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("123")
        lock.flush()
        assert running(out) == 123
        with pytest.raises(ConfigError, match="another process"):
            work(background(settings, out))
    assert running(out) is None


@pytest.mark.slow
def test_a_log_without_a_checkpoint_is_of_no_run(settings, tmp_path):
    out = tmp_path / "run"
    (out / "checkpoints" / ".step-00000010.abcd").mkdir(parents=True)
    (out / "log.jsonl").write_text('{"step": 2, "kind": "train"}\n{"st')
    work(background(settings, out, steps=2))
    records = [json.loads(line) for line in read(out / "log.jsonl").splitlines()]
    assert [(record["step"], record["kind"]) for record in records] == [
        (2, "train"),
        (2, "validation"),
    ]
    assert {"f1/avif60", "recovered/webp70", "false_area/none"} <= records[-1].keys()
    assert read(out / "release.json").count("f1/") == 6
    assert [path.name for path in (out / "checkpoints").iterdir()] == ["step-00000002"]
