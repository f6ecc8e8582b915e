"""Contract: a release is whole and unaltered, or it is refused. It never falls back."""

import json
import shutil

import pytest

from imuge.errors import WeightsError
from imuge.guard import Guard
from imuge.weights import GRAPHS, load_release, release_folder


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(release_folder(), tmp_path / "lab.r5")


def test_the_shipped_release_is_whole():
    release = load_release()
    assert release.record.name == "lab.r5"
    assert set(release.graphs) == set(GRAPHS)
    assert release.record.calibration.pictures > 0, "the release was never calibrated"
    assert release.record.licence == "Apache-2.0"


def test_an_altered_graph_is_refused(copied, key):
    path = copied / "reveal.onnx"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"reveal\.onnx has SHA-256 .* altered"):
        Guard(key, weights=copied)


def test_a_missing_graph_is_refused(copied, key):
    (copied / "recover.onnx").unlink()
    with pytest.raises(WeightsError, match=r"recover\.onnx: there is no such file"):
        Guard(key, weights=copied)


def test_a_missing_release_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"record\.json: there is no such file"):
        load_release(tmp_path)


def test_an_unknown_field_is_refused(copied):
    record = json.loads((copied / "record.json").read_text())
    record["url"] = "https://example.org"
    (copied / "record.json").write_text(json.dumps(record))
    with pytest.raises(WeightsError, match="is not a release record: url"):
        load_release(copied)


def test_working_points_in_disorder_are_refused(copied):
    record = json.loads((copied / "record.json").read_text())
    record["calibration"]["points"].reverse()
    (copied / "record.json").write_text(json.dumps(record))
    with pytest.raises(WeightsError, match="clearest pictures first"):
        load_release(copied)


def test_a_record_without_a_graph_is_refused(copied):
    record = json.loads((copied / "record.json").read_text())
    del record["graphs"]["embed"]
    (copied / "record.json").write_text(json.dumps(record))
    with pytest.raises(WeightsError, match="lacks the graphs embed"):
        load_release(copied)


def test_a_record_cannot_name_a_file_elsewhere(copied):
    record = json.loads((copied / "record.json").read_text())
    record["graphs"]["embed"]["file"] = "../embed.onnx"
    (copied / "record.json").write_text(json.dumps(record))
    with pytest.raises(WeightsError, match="outside its own folder"):
        load_release(copied)
