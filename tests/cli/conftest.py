"""What the command's tests share: ways to run it, small pictures, a key that is held."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imuge.engine import Engine
from imuge.keys import store_key

load_session = Engine.session
IMUGE = Path(sys.executable).with_name("imuge")


def encoded(pixels, form="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _models_loaded_once(guard, monkeypatch):
    """Every guard of this process uses the models that are loaded already: half a second each."""
    monkeypatch.setattr("imuge.guard.load_release", lambda _: guard.engine._release)
    monkeypatch.setattr(Engine, "session", lambda _, name: load_session(guard.engine, name))


@pytest.fixture
def command():
    """The command as a process of its own."""

    def run(*arguments, **options):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60}
        return subprocess.run([IMUGE, *map(str, arguments)], **(streams | options), check=False)

    return run


@pytest.fixture
def start():
    """The command as a process that the test goes on beside; it never outlives the test."""
    running = []

    def begin(*arguments, **options):
        running.append(subprocess.Popen([IMUGE, *map(str, arguments)], **options))
        return running[-1]

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def held(key):
    """The key of the session, held as `default`; gives its file."""
    return store_key(type(key).from_secret("default", key.secret))


@pytest.fixture(scope="session")
def plain(photograph):
    """A small photograph, (128, 160, 3) uint8."""
    return photograph[:128, :160].copy()


@pytest.fixture(scope="session")
def protected(immunize_as, plain):
    """The bytes of its immunized PNG."""
    return immunize_as(encoded(plain), 4).file


@pytest.fixture(scope="session")
def tampered(protected, other_photograph):
    """The bytes of a copy with a square of another photograph in it."""
    pixels = np.array(Image.open(io.BytesIO(protected)))
    pixels[32:80, 48:96] = other_photograph[32:80, 48:96]
    return encoded(pixels)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, plain, protected, tampered):
    """The working folder, with plain.png, protected.png and tampered.png in it."""
    (tmp_path / "plain.png").write_bytes(encoded(plain))
    (tmp_path / "protected.png").write_bytes(protected)
    (tmp_path / "tampered.png").write_bytes(tampered)
    monkeypatch.chdir(tmp_path)
    return tmp_path
