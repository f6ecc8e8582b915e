"""The README's and the quickstart's examples run as they stand."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imuge.cli.app import app
from imuge.demo import host_file

ROOT = Path(__file__).parents[1]


def blocks(page, language):
    return re.findall(f"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photo.jpg").write_bytes(host_file())
    return tmp_path


def run(line):
    arguments = shlex.split(line.removeprefix("$ "), comments=True)
    assert arguments.pop(0) == "imuge"
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.slow
def test_the_readme_runs_on_the_command_line_and_in_python(folder, capsys):
    (console,) = (block for block in blocks("README.md", "console") if "imuge keys" in block)
    *steps, verify = console.splitlines()
    for line in steps:
        result = run(line)
        assert result.exit_code == 0, f"{line}\n{result.output}"
    result = run(verify)
    assert result.exit_code == 10, result.output
    assert (folder / "report" / "suspicious.report.html").exists()
    (example,) = blocks("README.md", "python")
    exec(compile(example, "README.md", "exec"), {})
    assert "changed since it was protected with key newsdesk" in capsys.readouterr().out
    assert (folder / "protected.jpg").exists()


@pytest.mark.slow
def test_the_quickstarts_python_runs(folder):
    assert run("imuge keys new newsdesk").exit_code == 0
    (example,) = blocks("docs/quickstart.md", "python")
    exec(compile(example, "quickstart.md", "exec"), {})
    assert (folder / "published.jpg").exists()
