"""`imuge calibrate`: the thresholds of a release, set on a folder of pictures."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from imuge.weights import read_record, release_folder

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def release(tmp_path):
    return shutil.copytree(release_folder(), tmp_path / "release")


@pytest.mark.slow
def test_the_points_go_into_the_record(imuge, release, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("astronaut", "maldives"):
        with Image.open(DATA / f"{name}.webp") as photograph:
            small = ImageOps.fit(photograph, (256, 256))
            for turn in (0, 90, 180, 270):
                small.rotate(turn).save(pictures / f"{name}-{turn}.png")
    before = read_record(release)
    options = ["--pictures", "8", "--bound", "0.5"]
    result = imuge("calibrate", "--data", pictures, "--release", release, *options)
    after = read_record(release)
    assert json.loads(result.stdout) == after.calibration.model_dump(mode="json")
    assert after.calibration.pictures == 8
    assert after.calibration.command.endswith("--pictures 8 --bound 0.5")
    assert after.model_copy(update={"calibration": before.calibration}) == before


def test_a_wrong_folder_is_one_sentence_and_changes_nothing(imuge, release, tmp_path):
    before = read_record(release)
    result = imuge("calibrate", "--data", tmp_path / "none", "--release", release)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert str(tmp_path / "none") in result.stderr.replace("\n", "")
    assert read_record(release) == before
