"""The programs in examples/ run as they stand."""

import importlib.util
import mailbox
import runpy
import sys
from email.message import EmailMessage
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imuge.engine import Engine
from imuge.keys import store_key

FOLDER = Path(__file__).parents[1] / "examples"
load_session = Engine.session


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch, guard, key):
    """An empty folder, a key that is held, and models that are loaded already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("imuge.guard.load_release", lambda _: guard.engine._release)
    monkeypatch.setattr(Engine, "session", lambda _, name: load_session(guard.engine, name))
    store_key(type(key).from_secret("default", key.secret))


@pytest.fixture(scope="module")
def small(photograph):
    return Image.fromarray(photograph[:, :192])


@pytest.fixture(scope="module")
def tampered(guard, small):
    """A published picture with a part turned over."""
    pixels = guard.immunize(np.asarray(small)).image
    pixels[64:144, 48:128] = pixels[64:144, 48:128][::-1, ::-1].copy()
    return Image.fromarray(pixels)


def program(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_program_is_described():
    table = (FOLDER / "README.md").read_text()
    for path in FOLDER.glob("*.py"):
        assert f"`{path.name}" in table
    assert len(list(FOLDER.glob("*.py"))) == 4


@pytest.mark.slow
def test_a_folder_is_protected(small, capsys):
    for name in ("in/a.png", "in/deep/b.jpg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        small.save(name)
    Path("in/bad.jpg").write_bytes(b"no picture")
    Path("in/notes.txt").write_text("left alone")
    protect = program("protect_folder").main
    assert protect(["in", "out"]) == 1
    assert {p.name for p in Path("out").rglob("*.*")} == {"a.png", "b.jpg"}
    assert "bad.jpg" in capsys.readouterr().err
    assert protect(["out", "again"]) == 0
    assert capsys.readouterr().out.count("skipped") == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", [mailbox.mbox, mailbox.Maildir])
def test_a_mailbox_is_checked(small, tampered, kind, capsys):
    small.save("plain.png")
    tampered.save("changed.png")
    message = EmailMessage()
    message["From"] = "reader@example.org"
    message.set_content("Look at these!")
    for name in ("plain.png", "changed.png"):
        data = Path(name).read_bytes()
        message.add_attachment(data, maintype="image", subtype="png", filename=name)
    message.add_attachment(b"?", maintype="image", subtype="png", filename="broken.png")
    box = kind("box", create=True)
    box.add(message)
    box.close()
    assert program("check_mailbox").main(["box"]) == 1
    said = capsys.readouterr()
    assert "changed.png: 1 region" in said.out
    assert "plain.png: No protection" in said.out
    assert "broken.png" in said.err


@pytest.mark.slow
def test_the_routes_answer(small, tampered):
    testing = pytest.importorskip("fastapi.testclient")
    client = testing.TestClient(program("web_route").app)
    small.save("plain.png")
    tampered.save("changed.png")

    def post(route, content):
        return client.post(route, files={"picture": ("it.png", content)})

    made = post("/publish", Path("plain.png").read_bytes())
    assert made.status_code == 200
    verdict = post("/check", made.content).json()
    assert (verdict["verdict"], verdict["image_id"]) == ("intact", made.headers["X-Image-Id"])
    assert post("/check", Path("changed.png").read_bytes()).json()["verdict"] == "tampered"
    assert post("/publish", made.content).status_code == 409
    assert post("/check", b"no picture").status_code == 422


def test_the_walk_ends_well(small, monkeypatch, capsys):
    small.resize((320, 427)).save("photo.jpg", quality=95)
    monkeypatch.setattr(sys, "argv", ["walk.py", "photo.jpg"])
    # Under some image ids so small a picture shows a second region.
    monkeypatch.setattr("imuge.guard.new_image_id", lambda: 1)
    runpy.run_path(str(FOLDER / "walk.py"))
    said = capsys.readouterr().out.splitlines()
    assert said[1].startswith("No change was found")
    assert said[2].startswith("1 region")
    for name in ("published.png", "copy.jpg", "forged.jpg", "changed.png", "before.png"):
        assert Path(name).exists(), name
