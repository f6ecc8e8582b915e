"""`imuge demo`: the whole job in one command, and nothing of the user's is touched."""

import pytest
from typer.testing import CliRunner

from imuge.cli.app import app
from imuge.cli.terminal import USAGE
from imuge.keys import key_folder
from imuge.results import EXIT_STATUS

runner = CliRunner()
FILES = {
    "demo.key",
    "original.jpg",
    "protected.jpg",
    "suspicious.jpg",
    "suspicious.report.html",
    "suspicious.verdict.json",
    "suspicious.mask.png",
    "suspicious.overlay.png",
    "suspicious.recovered.png",
    "suspicious.hidden-copy.png",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the demo printed, and its folder."""
    out = tmp_path_factory.mktemp("demo") / "new" / "folder"
    return runner.invoke(app, ["demo", "--out", str(out)], catch_exceptions=False), out


def test_it_writes_everything_and_ends_with_the_verdict(shown):
    result, out = shown
    assert result.exit_code == 0
    assert {path.name for path in out.iterdir()} == FILES
    assert result.stdout.count("\n") == 1
    assert "changed since it was protected with key demo" in result.stdout
    steps = result.stderr.splitlines()
    assert [step[:2] for step in steps] == ["1.", "2.", "3.", "4."]
    assert steps[3].endswith(str(out / "suspicious.report.html"))


@pytest.mark.slow
def test_its_key_verifies_what_it_made(shown):
    _, out = shown
    arguments = ["verify", str(out / "suspicious.jpg"), "--key", str(out / "demo.key")]
    assert runner.invoke(app, arguments).exit_code == EXIT_STATUS["tampered"]
    assert not key_folder().exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "original.jpg").write_bytes(b"precious")
    result = runner.invoke(app, ["demo", "--out", str(tmp_path)])
    assert result.exit_code == USAGE
    assert "holds other files, which stay as they are" in result.stderr
    assert (tmp_path / "original.jpg").read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 1
