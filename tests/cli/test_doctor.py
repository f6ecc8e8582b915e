"""`imuge doctor`: sound here, and not silent about what is broken."""

import shutil

import pytest
from typer.testing import CliRunner

from imuge import __version__, weights
from imuge.cli.app import app
from imuge.cli.terminal import FAILED
from imuge.keys import key_folder, new_key, store_key


@pytest.fixture
def doctor():
    return CliRunner().invoke(app, ["doctor"], catch_exceptions=False)


def broken_key():
    path = store_key(new_key("broken"))
    path.write_text("{}")


@pytest.mark.slow
def test_it_works_here(doctor):
    assert doctor.exit_code == 0
    assert doctor.stdout.startswith(f"imuge {__version__}, Python ")
    assert doctor.stdout.count("as recorded") == len(weights.GRAPHS)
    assert "verified in" in doctor.stdout
    assert doctor.stdout.endswith("Everything works.\n")


@pytest.mark.slow
def test_it_finds_a_broken_key_file_and_goes_on():
    store_key(new_key("sound"))
    broken_key()
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert result.exit_code == FAILED
    assert "  sound " in result.stdout
    assert f"PROBLEM  {key_folder() / 'broken.key'}" in result.stdout
    assert "verified in" in result.stdout
    assert result.stdout.endswith("1 problem found.\n")


@pytest.mark.slow
def test_it_finds_altered_weights(tmp_path, monkeypatch):
    altered = shutil.copytree(weights.release_folder(), tmp_path / "altered")
    graph = altered / "reveal.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    monkeypatch.setattr(weights, "release_folder", lambda *_: altered)
    result = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert result.exit_code == FAILED
    assert "PROBLEM  weights: " in result.stdout
    assert "the file was altered or cut short" in result.stdout
    assert "as recorded" not in result.stdout
