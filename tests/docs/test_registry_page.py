"""The commands on the pages about the registry and Content Credentials run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

# Spoken of in the text, not to be typed as they stand.
NAMED = {"imuge batch immunize", "imuge serve", "imuge immunize --receipt"}
DOCS = Path(__file__).parents[2] / "docs"


def section(page, title):
    text = (DOCS / page).read_text()
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found


@pytest.fixture
def shell(tmp_path, photograph):
    """Runs a line with bash in a folder with photo.jpg in it."""
    Image.fromarray(photograph[:192, :192]).save(tmp_path / "photo.jpg", quality=95)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(line):
        options = {"cwd": tmp_path, "env": os.environ | {"PATH": path}, "timeout": 120}
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, **options, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    run.folder = tmp_path
    return run


@pytest.mark.slow
def test_the_ten_minutes(shell):
    steps = section("registry.md", "Set it up in ten minutes")
    lines = [line.replace("\n", " ") for line in re.findall(r"`(imuge [^`]*)`", steps)]
    assert [line for line in lines if "find" in line or "show" in line]
    said = {}
    for line in lines:
        if "copy.jpg" in line:
            shutil.copy(shell.folder / "published.jpg", shell.folder / "copy.jpg")
        if line in NAMED:
            continue
        said[line] = shell(line)
    assert (shell.folder / "published.jpg.receipt.json").exists()
    assert "record 0" in next(text for line, text in said.items() if "verify" in line)
    assert "all of it holds" in next(text for line, text in said.items() if "audit" in line)


@pytest.mark.slow
def test_try_it(shell):
    shell("imuge registry init")
    (block,) = re.findall(
        r"```sh\n(.*?)```", section("content-credentials.md", "Try it"), re.DOTALL
    )
    lines = [line for line in block.replace("\\\n", " ").splitlines() if "pip" not in line]
    said = [shell(line) for line in lines]
    assert "whom you trust" in said[-1]
