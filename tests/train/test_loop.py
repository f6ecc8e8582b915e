"""The whole run: it learns, stops, goes on exactly, and says what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imuge.model.architectures import load_networks
from imuge.train import checkpoint as checkpoints
from imuge.train.__main__ import main

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "tiny.toml"
PAPER = ROOT / "configs" / "imuge_plus_tiny.toml"
PHOTOGRAPHS = ROOT / "tests" / "data"

ours_alone = pytest.mark.parametrize("run", [CONFIG], ids=["tiny"], indirect=True)
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*"),
]


def train(out, *arguments, config=CONFIG):
    given = ["--config", str(config)] if config else []
    common = ["--data", str(PHOTOGRAPHS), "--out", str(out), "--device", "cpu"]
    return main([*given, *common, *arguments])


def log(out, kind="train"):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


@pytest.fixture(scope="module", params=[CONFIG, PAPER], ids=lambda path: path.stem)
def run(request, tmp_path_factory):
    """Thirty steps of each architecture, with sheets and a validation."""
    folder = tmp_path_factory.mktemp("train")
    config = folder / request.param.name
    text = request.param.read_text().replace("validate_every = 1000", "validate_every = 15")
    config.write_text(text.replace("sheet_every = 1000", "sheet_every = 15"))
    out = folder / "run"
    options = ["--validate", str(PHOTOGRAPHS), "--validate-pictures", "2"]
    assert train(out, "--steps", "30", *options, config=config) == 0
    return out


@pytest.mark.slow
def test_thirty_steps_make_the_loss_fall(run):
    losses = [line["loss"] for line in log(run)]
    assert len(losses) == 6
    assert sum(losses[-2:]) < 0.95 * sum(losses[:2])
    assert log(run)[-1]["skipped"] == 0


@pytest.mark.slow
def test_a_run_leaves_what_it_promises(run):
    stored = json.loads((run / "config.json").read_text())
    assert stored["name"] in ("tiny", "imuge_plus_tiny")
    assert load_networks(run / "weights").config.to_json() == json.dumps(stored["model"])
    sheets = sorted((run / "sheets").iterdir())
    assert [sheet.name for sheet in sheets] == ["sample-00000015.png", "sample-00000030.png"]
    with Image.open(sheets[-1]) as sheet:
        assert sheet.size == (8 * 64, 7 * 64)
        rows = np.asarray(sheet).reshape(7, 64, 8 * 64, 3)
    assert set(np.unique(rows[4])) <= {0, 255}, "the fifth row is the mask"
    assert list((run / "tensorboard").iterdir())
    (step,) = checkpoints.find(run / "checkpoints")
    assert checkpoints.load(step).step == 30


@pytest.mark.slow
def test_validation_scores_are_logged(run):
    first, last = log(run, "validation")
    assert (first["step"], last["step"]) == (15, 30)
    assert 20 < last["psnr"] < 100
    assert {"ssim", "f1/none", "recovered/jpeg75", "alarms/webp80"} <= last.keys()
    keyed = json.loads((run / "config.json").read_text())["architecture"] == "imuge"
    assert ({"template/jpeg75", "hidden_copy/none"} <= last.keys()) == keyed


@pytest.mark.slow
@pytest.mark.parametrize("config", [CONFIG, PAPER], ids=lambda path: path.stem)
def test_a_run_goes_on_exactly(tmp_path, monkeypatch, config):
    straight, paused = tmp_path / "straight", tmp_path / "paused"
    assert train(straight, "--steps", "6", config=config) == 0
    with monkeypatch.context() as patch:
        patch.setattr("imuge.train.loop.Loop._paused", lambda loop: loop._step >= 3)
        assert train(paused, "--steps", "6", config=config) == 0
    assert [p.name for p in checkpoints.find(paused / "checkpoints")] == ["step-00000003"]
    torch.manual_seed(99)  # whatever happened in between
    assert train(paused, "--steps", "6", "--resume", config=None) == 0
    ends = [checkpoints.load(checkpoints.find(o / "checkpoints")[-1]) for o in (straight, paused)]
    assert ends[0].choosers == ends[1].choosers
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    for name, tensor in ends[0].tensors.items():
        assert torch.equal(tensor, ends[1].tensors[name]), name


@pytest.mark.slow
def test_a_run_that_goes_on_drops_what_was_logged_beyond_its_checkpoint(tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("imuge.train.loop.Loop._paused", lambda loop: loop._step >= 5)
        assert train(out, "--steps", "10") == 0
    with (out / "log.jsonl").open("a") as lines:
        lines.write('{"step": 7, "kind": "train", "loss": 1.0}\n{"step": 8, "ki')
    assert train(out, "--steps", "10", "--resume") == 0
    assert [line["step"] for line in log(out)] == [5, 10]


@pytest.mark.slow
def test_minutes_are_a_length_too(tmp_path):
    out = tmp_path / "run"
    assert train(out, "--minutes", "0.02") == 0
    (step,) = checkpoints.find(out / "checkpoints")
    held = checkpoints.load(step)
    assert 1 <= held.step < 400
    assert 1.2 <= held.elapsed_s < 20


@pytest.mark.slow
@ours_alone
def test_weights_can_be_started_from(run, tmp_path, capsys):
    config = tmp_path / "more.toml"
    config.write_text(CONFIG.read_text().replace("[model]", "[model]\ncode_evidence = true"))
    out = tmp_path / "run"
    assert train(out, "--steps", "1", "--init", str(run / "weights"), config=config) == 0
    assert "2 tensors are not in" in capsys.readouterr().err
    assert load_networks(out / "weights").config.code_evidence


@pytest.mark.slow
def test_a_full_disk_does_not_end_a_run_before_its_end(tmp_path, monkeypatch, capsys):
    from imuge.errors import ImageError

    save, refused = checkpoints.save, []

    def full_at_first(*arguments, **options):
        if not refused:
            refused.append(True)
            raise ImageError("cannot write the checkpoint: the disk is full")
        return save(*arguments, **options)

    monkeypatch.setattr(checkpoints, "save", full_at_first)
    out = tmp_path / "run"
    assert train(out, "--steps", "20", "--checkpoint-minutes", "1e-9") == 0
    assert "the disk is full; training goes on, and tries again later" in capsys.readouterr().err
    assert len(checkpoints.find(out / "checkpoints")) >= 1


def test_a_full_disk_at_the_end_is_a_failure(tmp_path, monkeypatch, capsys):
    from imuge.errors import ImageError

    def full(*_, **__):
        raise ImageError("cannot write the checkpoint: the disk is full")

    monkeypatch.setattr(checkpoints, "save", full)
    assert train(tmp_path / "run", "--steps", "1") == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("the disk is full")


@pytest.mark.slow
@ours_alone
def test_what_cannot_be_run_is_said_in_one_sentence(run, tmp_path, capsys):
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.read_text().replace("localizer_width = 8", "localizer_width = 16"))
    empty = tmp_path / "empty"
    empty.mkdir()
    new = tmp_path / "new"
    cases = [
        (["--data", str(empty)], new, CONFIG, 2, "holds no photographs"),
        (["--steps", "0"], new, CONFIG, 2, "expected --steps above 0, got 0"),
        ([], run, CONFIG, 2, "holds a run already; --resume goes on with it"),
        (["--resume"], new, CONFIG, 2, "holds no checkpoint to go on from"),
        (["--resume"], run, other, 1, "another architecture than the config: localizer_width 8"),
        (["--resume", "--init", "x"], run, CONFIG, 2, "leave --init out"),
        (["--init", str(tmp_path / "x.safetensors")], new, CONFIG, 1, "cannot read weights"),
        (["--init", str(run / "weights")], new, other, 1, "localizer_width = 8 there, 16 here"),
        ([], new, None, 2, "expected --config FILE"),
        (["--device", "cuda"], new, CONFIG, 2, "no GPU that torch can use"),
    ]
    if torch.cuda.is_available():
        cases.pop()
    for arguments, out, config, status, message in cases:
        assert train(out, *arguments, config=config) == status, message
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("imuge train: "), last
        assert message in last


@pytest.mark.slow
def test_a_signal_ends_a_run_with_a_checkpoint(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "imuge.train", "--config", str(CONFIG), "--device", "cpu"]
    command += ["--data", str(PHOTOGRAPHS), "--out", str(out), "--steps", "100000"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "log.jsonl").exists() or not log(out):
        assert time.monotonic() < deadline, "no step was logged"
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "paused at step" in said
    assert len(checkpoints.find(out / "checkpoints")) == 1


@pytest.mark.slow
def test_a_profile_tells_the_parts(tmp_path, capsys):
    assert train(tmp_path / "run", "--profile", "1") == 0
    table = capsys.readouterr().out
    for part in ("draw", "embed", "tamper", "distort", "reveal", "localize", "recover", "losses"):
        assert f"ms  {part}\n" in table
    assert "a step, launched kernel by kernel" in table
    assert not (tmp_path / "run").exists()


BARE = """
import importlib.machinery, sys

HIDDEN = {"pydantic", "cryptography", "onnx", "onnxruntime", "onnxscript", "scipy", "rich",
          "typer", "click", "skimage", "torchvision", "tqdm"}

class Hide(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else super().find_spec(name, path, target)

sys.meta_path = [Hide if f is importlib.machinery.PathFinder else f for f in sys.meta_path]
from imuge.train.__main__ import main
status = main(sys.argv[1:])
assert not HIDDEN & sys.modules.keys()
sys.exit(status)
"""


@pytest.mark.slow
def test_it_runs_where_only_torch_numpy_pillow_safetensors_and_tensorboard_are(tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-c", BARE, "--config", str(CONFIG), "--data", str(PHOTOGRAPHS)]
    command += ["--out", str(out), "--steps", "2", "--device", "cpu"]
    command += ["--validate", str(PHOTOGRAPHS), "--validate-pictures", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "validation at step 2" in done.stderr
