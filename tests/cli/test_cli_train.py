"""`imuge train`: the trainer's own options under the common command."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from imuge.cli.app import app

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from imuge.cli import main
sys.argv = ["imuge", *sys.argv[1:]]
main()
"""


def test_its_help_is_the_trainers(capsys):
    result = CliRunner().invoke(app, ["train", "--help"])
    assert result.exit_code == 0
    assert "--config TOML" in result.output + capsys.readouterr().out


def test_a_mistake_is_one_sentence_and_a_usage_error(tmp_path, capsys):
    arguments = ["train", "--config", str(tmp_path / "no.toml"), "--data", "x", "--out", "y"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "cannot read the config" in result.output + capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "export x -o y --name a.b"])
def test_without_torch_it_says_what_to_install(command):
    run = [sys.executable, "-c", WITHOUT_TORCH, *command.split()]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "torch, which is not installed: pip install " in done.stderr
