"""The quickstart's commands run in a shell as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text()
VERDICTS = {0, 10, 11, 12, 13}


def commands(title):
    """The lines to type below a heading."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    (block, *_) = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return [line.removeprefix("$ ") for line in block.splitlines()]


@pytest.fixture
def shell(tmp_path, photograph, other_photograph):
    """Runs a line with bash in a folder with the files that the page speaks of."""
    work = tmp_path / "work"
    for name in ("media", "originals"):
        (work / name).mkdir(parents=True)
    for name in ("photo.jpg", "in.png", "originals/one.jpg"):
        Image.fromarray(photograph).save(work / name, quality=95)
    Image.fromarray(other_photograph).save(work / "other.jpg")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(line):
        line = line.replace("/media/safe/", f"{work}/media/")
        options = {"cwd": work, "env": os.environ | {"PATH": path}, "timeout": 120}
        return subprocess.run(["bash", "-c", line], capture_output=True, **options, check=False)

    run.folder = work
    return run


@pytest.mark.slow
def test_protect_and_break(shell):
    for line in commands("Protect"):
        result = shell(line)
        assert result.returncode == 0, f"{line}\n{result.stderr.decode()}"
    assert (shell.folder / "photo.immunized.jpg").exists()
    assert (shell.folder / "protected" / "one.jpg").exists()
    shutil.copy(shell.folder / "photo.immunized.jpg", shell.folder / "published.jpg")
    for line in commands("Try to break it"):
        result = shell(line)
        assert result.returncode == 0, f"{line}\n{result.stderr.decode()}"
    with Image.open(shell.folder / "true.png") as truth:
        assert 0.01 < (np.asarray(truth) > 0).mean() < 0.1
    with (
        Image.open(shell.folder / "published.jpg") as copy,
        Image.open(shell.folder / "other.jpg") as other,
    ):
        copy.paste(other.crop((0, 0, 64, 64)), (64, 64))
        copy.save(shell.folder / "suspicious.jpg", quality=90)
    for line in commands("Verify"):
        result = shell(line)
        assert result.returncode in VERDICTS, f"{line}\n{result.stderr.decode()}"
    rows = re.findall(r"^\| `(suspicious\.[\w.-]+)` \|", PAGE, re.MULTILINE)
    written = {path.name for path in (shell.folder / "report").iterdir()}
    assert set(rows) - written == {"suspicious.uncropped.png"}  # it is no part
