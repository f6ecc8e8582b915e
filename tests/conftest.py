"""What all tests share: photographs, keys that are thrown away, a clean environment."""

import os
from itertools import count
from pathlib import Path


def _take_one_core():
    """Keep this worker, and every thread and process it starts, on one core of its own.

    Tests compute on tiny tensors, where threads that wait for each other cost several times the
    work. Must run before anything asks how many processors there are. The process that starts the
    workers leaves them word of all cores, for it comes by here first and they inherit its one.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    given = " ".join(map(str, sorted(os.sched_getaffinity(0))))
    cores = os.environ.setdefault("IMUGE_TESTS_CORES", given).split()
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.sched_setaffinity(0, {int(cores[number % len(cores)])})


_take_one_core()

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from imuge.cli.app import app
from imuge.guard import Guard
from imuge.keys import Key
from imuge.weights import release_folder

PHOTOGRAPHS = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """No test sees the keys of the person who runs it, or leaves any."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.delenv("IMUGE_KEY_FILE", raising=False)


@pytest.fixture(scope="module", autouse=True)
def _repeatable_ids():
    """Image ids in order instead of at random, in every file anew: it runs alike beside any other.

    Lower ids belong to the pictures that files share.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imuge.guard.new_image_id", count(100).__next__)
        yield


@pytest.fixture(scope="session")
def key():
    return Key.from_secret("test", bytes(range(32)))


@pytest.fixture(scope="session")
def guard(key):
    return Guard(key)


@pytest.fixture(scope="session")
def immunize_as(guard):
    """Immunizes under an id of its own what files share, whichever of them is the first to ask."""

    def immunize(picture, image_id):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("imuge.guard.new_image_id", lambda: image_id)
            return guard.immunize(picture)

    return immunize


@pytest.fixture
def imuge():
    """The command in this process; anything it did not mean to raise fails the test."""

    def run(*arguments, stdin=None):
        return CliRunner().invoke(app, list(map(str, arguments)), stdin, catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def system():
    """The released networks in torch, rebuilt from the ONNX files of the package."""
    # Imported here: most tests need no torch, and it takes seconds.
    from imuge.model.imuge.system import System

    return System.load(release_folder())


@pytest.fixture(scope="session")
def photograph():
    """A real photograph, (256, 256, 3) uint8."""
    with Image.open(PHOTOGRAPHS / "astronaut.webp") as image:
        return np.asarray(image.convert("RGB"))[100:356, 80:336].copy()


@pytest.fixture(scope="session")
def other_photograph():
    """Another one, (256, 256, 3) uint8."""
    with Image.open(PHOTOGRAPHS / "maldives.webp") as image:
        return np.asarray(image.convert("RGB"))[:256, :256].copy()


@pytest.fixture(scope="session")
def immunized(immunize_as, photograph):
    """The photograph, immunized with `key`."""
    return immunize_as(photograph, 1)
