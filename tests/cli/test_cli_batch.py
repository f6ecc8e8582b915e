"""`imuge batch`: options that cannot work together, and what is printed where."""

import json
import sys

import pytest
from PIL import Image

from imuge.cli.terminal import FAILED, USAGE

pytestmark = pytest.mark.usefixtures("held")


@pytest.fixture
def pictures(folder):
    """A folder with one picture that is no picture: all paths but those of a worker are taken."""
    path = folder / "pictures"
    path.mkdir()
    (path / "a.jpg").write_bytes(b"nothing")
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["immunize", "s3://b/in", "--out", "out"], "s3://b/in is reached with --engine ray"),
        (["immunize", "pictures", "--out", "gs://b/out"], "gs://b/out is reached with"),
        (["verify", "pictures", "--out", "out", "--address", "auto"], "are for --engine ray"),
        (["verify", "pictures", "--out", "out", "--gpus", "1"], "are for --engine ray"),
        (["verify", "pictures", "--out", "plain.png"], "expected a folder for --out"),
        (["verify", "pictures", "--out", "pictures"], "is the input folder itself"),
        (["verify", "nowhere", "--out", "out"], "there is nothing of that name"),
        (["verify", "plain.png", "--out", "out"], "expected a folder of pictures or a list"),
        (["immunize", "pictures", "--out", "out", "--strength", "9"], "strength from 0.25 to 3"),
    ],
)
@pytest.mark.usefixtures("pictures")
def test_what_cannot_work_is_wrong_usage_and_leaves_nothing(folder, imuge, arguments, said):
    result = imuge("batch", *arguments)
    assert result.exit_code == USAGE
    assert said in result.stderr
    assert result.stdout == ""
    assert not (folder / "out").exists()


def test_nothing_to_do_is_done(folder, imuge):
    (folder / "empty").mkdir()
    result = imuge("batch", "verify", "empty", "--out", "out")
    assert (result.exit_code, result.stdout) == (
        0,
        "0 pictures: nothing to do. out/manifest.jsonl\n",
    )


@pytest.mark.slow
def test_the_summary_is_json_and_the_failure_a_sentence(pictures, imuge):
    Image.new("RGB", (8, 8)).save(pictures / "small.png")
    (pictures / "film.mov").touch()
    result = imuge("batch", "immunize", pictures, "--out", "out", "--json", "--processes", 1)
    assert result.exit_code == FAILED
    summary = json.loads(result.stdout)
    assert summary["schema"] == "imuge.batch-summary/1"
    assert (summary["pictures"], summary["outcomes"]) == (2, {"failed": 2})
    assert [error["input"] for error in summary["errors"]] == ["a.jpg", "small.png"]
    assert (summary["skipped"], summary["exit_status"]) == (1, 1)
    assert "imuge: a.jpg: the content is unknown" in result.stderr
    assert "Left out 1: film.mov (its ending is not a picture's)" in result.stderr
    again = imuge("batch", "immunize", pictures, "--out", "out", "--json")
    assert json.loads(again.stdout)["finished_earlier"] == 2


@pytest.mark.usefixtures("pictures")
def test_without_ray_the_extra_is_named(imuge, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("imuge.batch.r")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("ray", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    result = imuge("batch", "verify", "pictures", "--out", "out", "--engine", "ray")
    assert result.exit_code == FAILED
    assert "which is not installed: pip install " in result.stderr


def test_a_batch_that_cannot_begin_makes_no_key(imuge, held):
    held.unlink()
    for arguments in (["/nope"], ["pictures.jsonl"], [".", "--strength", "9"]):
        assert imuge("batch", "immunize", *arguments, "--out", "out").exit_code == USAGE
    assert not held.exists()


@pytest.mark.slow
def test_detail_search_and_limits_reach_every_picture(folder, imuge):
    (folder / "in").mkdir()
    (folder / "plain.png").rename(folder / "in" / "plain.png")
    options = ["--processes", 1, "--max-megapixels", "0.02"]
    refused = imuge("batch", "immunize", "in", "--out", "a", *options)
    assert refused.exit_code == FAILED
    assert "20,480 pixels, above the limit of 20,000" in refused.stderr
    with Image.open(folder / "in" / "plain.png") as picture:  # waves need room to be found
        picture.resize((480, 384)).save(folder / "in" / "plain.png")
    made = imuge("batch", "immunize", "in", "--out", "b", "--processes", 1, "--detail", "fine")
    assert made.exit_code == 0
    header = json.loads((folder / "b" / "manifest.jsonl").read_text().splitlines()[0])
    assert header["options"]["detail"] == "fine"
    with Image.open(folder / "b" / "plain.png") as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(folder / "in" / "plain.png")
    for search, status in (("off", 13), ("quick", 0)):
        found = imuge("batch", "verify", "in", "--out", search, "--search", search)
        assert found.exit_code == status
