"""Whole tool: the measurements run on real pictures and say what they found."""

import json

import pytest

from imuge.bench import calibrate
from imuge.bench.acceptance import run as acceptance
from imuge.bench.acceptance import table as tables
from imuge.bench.acceptance.promised import PROMISED
from imuge.weights import read_record, release_folder

POINTS = ("", "shipped_")
PHOTOGRAPHS = "tests/data"


@pytest.mark.slow
def test_acceptance_measures_every_row(tmp_path, capsys, request):
    data = request.config.rootpath / PHOTOGRAPHS
    acceptance.main(["--data", str(data), "--out", str(tmp_path)])
    result = json.loads((tmp_path / "acceptance.json").read_text())
    assert set(PROMISED) <= set(result["rows"])
    assert result["rows"]["splice, none"]["f1"] > 0.95
    assert result["strangers"]["wrong key"]["unprotected"] == 2
    assert (tmp_path / "acceptance.md").read_text() in capsys.readouterr().out


@pytest.mark.slow
def test_calibrate_writes_the_record_of_a_copy(tmp_path, request):
    import shutil

    release = shutil.copytree(release_folder(), tmp_path / "lab.r3")
    data = request.config.rootpath / PHOTOGRAPHS
    calibrate.calibrate(data, release, pictures=2, bound=0.5)
    assert read_record(release).calibration.pictures == 2


def test_shortfalls_are_named():
    result = {
        "rows": {
            name: {f"{point}{k}": v for k, v in promise._asdict().items() for point in POINTS}
            for name, promise in PROMISED.items()
        },
        "message": {
            "512x512, WebP 80": {"pictures": 30, "read": 30},
            "256x256, JPEG 50": {"pictures": 30, "read": 27},
            "128x128, JPEG 50": {"pictures": 30, "read": 1},
        },
        "strangers": {"wrong key": {"pictures": 30, "unprotected": 30}},
    }
    assert tables.shortfalls(result) == []
    result["rows"]["splice, none"]["f1"] -= 0.008
    result["rows"]["copy-move, JPEG 50"]["shipped_area_db"] -= 0.8
    for row in result["message"].values():
        row["read"] -= 1
    result["message"]["512x512, refused by immunize"] = {"pictures": 1}
    result["strangers"]["wrong key"]["unprotected"] = 29
    assert [line.split(":")[0] for line in tables.shortfalls(result)] == [
        "splice, none",
        "copy-move, JPEG 50",
        "512x512, WebP 80",
        "256x256, JPEG 50",
        "512x512, refused by immunize",
        "wrong key",
    ]
