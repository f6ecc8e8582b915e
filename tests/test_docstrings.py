"""The examples in the docstrings of public names run as they stand."""

import doctest
import importlib

import pytest
from PIL import Image

import imuge
from imuge.engine import Engine
from imuge.keys import store_key

load_session = Engine.session
MODULES = ("imuge.errors", "imuge.guard", "imuge.results")
FOUND = [
    example
    for name in MODULES
    for example in doctest.DocTestFinder().find(importlib.import_module(name))
    if example.examples
]


def test_every_public_name_shows_how_it_is_used():
    shown = {test.name.rpartition(".")[2] for test in FOUND}
    shown |= {test.name.split(".")[2] for test in FOUND if test.name.count(".") > 1}
    errors = {name for name in imuge.__all__ if name.endswith("Error")}
    assert {"ImugeError"} | (set(imuge.__all__) - errors - {"__version__"}) <= shown
    assert {"immunize", "verify", "recover", "hidden_copy"} <= shown


@pytest.mark.slow
@pytest.mark.parametrize("example", FOUND, ids=lambda example: example.name)
def test_an_example_runs(example, guard, key, photograph, immunized, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("imuge.guard.load_release", lambda _: guard.engine._release)
    monkeypatch.setattr(Engine, "session", lambda _, name: load_session(guard.engine, name))
    store_key(type(key).from_secret("newsdesk", key.secret))
    Image.fromarray(photograph[:192, :192]).save("photo.jpg", quality=95)
    made = immunized.image.copy()
    Image.fromarray(made).save("published.png")
    made[60:150, 80:170] = made[60:150, 80:170][::-1, ::-1].copy()
    Image.fromarray(made).save("suspicious.png")
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(example, out=said.append).failed == 0, "".join(said)
