"""A run that takes seconds: the tiny config on the two photographs of the tests."""

import dataclasses
from pathlib import Path

import pytest
import torch

from imuge.train.architectures import read_config
from imuge.train.options import SystemRunOptions
from imuge.train.processes import Processes
from imuge.train.run import SystemRun

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = ROOT / "tests" / "data"


@pytest.fixture(autouse=True, scope="session")
def _few_threads():
    """Crops of 64 pixels are computed fastest by one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny():
    return read_config(ROOT / "configs" / "tiny.toml")


@pytest.fixture
def options(tmp_path):
    return SystemRunOptions(data=PHOTOGRAPHS, out=tmp_path / "run", device="cpu")


@pytest.fixture(scope="session")
def tiny_paper():
    """The paper's networks."""
    return read_config(ROOT / "configs" / "imuge_plus_tiny.toml")


@pytest.fixture
def make_run(tiny, options):
    """Builds a `SystemRun`; the tables of a config that differ are given by name."""

    def make(processes=None, clock=None, base=tiny, **tables):
        config = dataclasses.replace(
            base,
            **{
                name: dataclasses.replace(getattr(base, name), **change)
                if isinstance(change, dict)
                else change
                for name, change in tables.items()
            },
        )
        alone = Processes() if processes is None else processes
        return SystemRun(config, options, alone, say=lambda _: None, clock=clock)

    return make
