"""Two processes train as one with the double batch would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imuge.model.imuge.payload import RunningNorm
from imuge.train.processes import Processes

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("two_processes.py")
FEW = 0.01  # of a tensor's weights


def test_alone_it_is_only_itself(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes = Processes.join("cpu")
    assert processes == Processes()
    assert processes.leads
    assert processes.gather("x") == ["x"]
    assert processes.follow("x") == "x"
    assert float(processes.mean(torch.tensor(3.0))) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "config", [pytest.param("tiny.toml", marks=pytest.mark.slow), "imuge_plus_tiny.toml"]
)
def test_two_processes_move_the_weights_as_one_with_both_batches(tmp_path, config):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(WORKER), str(tmp_path), config]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    together = torch.load(tmp_path / "together.pt", weights_only=True)
    alone = torch.load(tmp_path / "alone.pt", weights_only=True)
    start = torch.load(tmp_path / "start.pt", weights_only=True)
    # Normalization takes this one out again: its gradient is nothing but rounding.
    alone.pop("payload_encoder.head.bias", None)
    for name, expected in alone.items():
        length = float((expected - start[name]).norm())
        moved = length / expected.numel() ** 0.5
        assert moved > 0 or name == "inn.coef_std", f"{name} was not trained"
        # Rounding differs, and Adam makes whole steps of the smallest gradients: of a few weights.
        apart = (together[name] - expected).abs() > 0.1 * moved
        assert apart.sum() <= max(1, FEW * expected.numel()), name
        assert float((together[name] - expected).norm()) <= 0.05 * length, name


def test_a_batch_must_be_shared_evenly(make_run):
    from imuge.errors import ConfigError

    with pytest.raises(ConfigError, match="a batch that 3 processes share, got 8"):
        make_run(Processes(0, 3, 0))


def test_the_shared_norm_is_the_other_one_when_evaluating():
    from imuge.train.processes import SharedNorm

    norm = RunningNorm(3)
    norm(torch.randn(4, 3, 5, 5))
    shared = SharedNorm(norm, Processes()).eval()
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(shared(x), norm.eval()(x))
