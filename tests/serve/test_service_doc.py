"""docs/service.md: its examples run, and its options, codes and metrics are those there are."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from serve_client import encoded, serving
from typer.testing import CliRunner

from imuge.cli.app import app
from imuge.serve.refusals import STATUS

PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def section(title):
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.slow
def test_the_examples_run(guard, photograph, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    (tmp_path / "photo.jpg").write_bytes(encoded(photograph[:160, :160], "JPEG", quality=95))
    folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "no_proxy": "*"}
    with serving(guard) as client:
        here = f"http://127.0.0.1:{client.port}"
        text = "".join(BLOCKS).replace("http://127.0.0.1:8000", here)
        assert text.count(here) == 7
        run = subprocess.run(
            ["bash", "-eu", "-c", text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    assert '"verdict":"intact"' in run.stdout
    assert "press-page  verify-coarse" in run.stdout
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "overlay.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_options_are_those_of_the_command():
    told = set(re.findall(r"^\| `(--[a-z-]+)", section("Options"), re.MULTILINE))
    shown = CliRunner().invoke(app, ["serve", "--help"]).output
    assert told == set(re.findall(r"^  (--[a-z-]+)", shown, re.MULTILINE))


def test_the_codes_are_all_there_are():
    table = section("Errors").split("|---|---|---|")[1]
    assert set(re.findall(r"`([a-z_]+)`", table)) == set(STATUS)


def test_the_metrics_are_those_that_are_told(client):
    told = set(re.findall(r"`(imuge_[a-z_]+)`", PAGE))
    names = set(re.findall(r"^# TYPE (imuge_\w+) ", client.get("/metrics").text, re.MULTILINE))
    assert told == {name for name in names if not name.endswith("_created")}
