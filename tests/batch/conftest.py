"""What the batch's tests share: folders of small photographs, a key that is held, the command."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from inline_pool import Inline
from PIL import Image
from typer.testing import CliRunner

from imuge.batch import local
from imuge.cli.app import app
from imuge.keys import store_key

IMUGE = Path(sys.executable).with_name("imuge")


@pytest.fixture
def held(key):
    """The key of the session, held as `default`."""
    return store_key(replace(key, name="default"))


@pytest.fixture
def crops(photograph, other_photograph):
    """Any number of different photographs, (224, 256, 3) uint8: smaller ones may not bear WebP."""

    def cut(count, width=256, height=224):
        sources = (photograph, other_photograph)
        for number in range(count):
            left, top = number * 7 % (257 - width), number * 11 % (257 - height)
            yield sources[number % 2][top : top + height, left : left + width]

    return cut


@pytest.fixture
def photos(tmp_path, crops):
    """Makes a folder of pictures in three formats, one deep and one deeper."""

    def make(count, **size):
        places = ("a{:02}.png", "sub/b{:02}.jpg", "sub/deep/ü{:02}.webp")
        for number, pixels in enumerate(crops(count, **size)):
            path = tmp_path / "photos" / places[number % 3].format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(pixels)).save(path, quality=92)
        return tmp_path / "photos"

    return make


@pytest.fixture
def start(tmp_path):
    """The command as a process that the test goes on beside; it never outlives the test."""
    running = []

    def begin(*arguments):
        log = (tmp_path / f"log{len(running)}").open("wb")
        command = [IMUGE, *map(str, arguments)]
        running.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))
        running[-1].log = Path(log.name)
        log.close()
        return running[-1]

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def run(guard, monkeypatch):
    """The command in this process, with the models that are loaded already: seconds less each."""

    def go(*arguments, status=0):
        with monkeypatch.context() as patch:
            patch.setattr(local, "Pool", partial(Inline, guard=guard))
            result = CliRunner().invoke(app, ["batch", *map(str, arguments)])
        assert result.exit_code == status, result.output
        return result.output

    return go
