"""`imuge immunize`: which key, which file, and never over what is there."""

import io
import json
import stat

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from imuge.cli.terminal import FAILED, USAGE
from imuge.image.sniff import identify
from imuge.keys import key_folder, key_path, new_key, store_key, write_key


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_the_first_run_makes_a_key_and_says_what_it_is_worth(imuge):
    first = imuge("immunize", "plain.png")
    assert first.exit_code == 0
    assert str(key_path("default")) in first.stderr
    assert "loses every later verification" in first.stderr
    assert stat.S_IMODE(key_path("default").stat().st_mode) == 0o600
    second = imuge("immunize", "plain.png", "-o", "second.png")
    assert "loses every" not in second.stderr
    assert names(key_folder()) == ["default.key"]
    assert imuge("verify", "plain.immunized.png", "second.png").exit_code == 0


@pytest.mark.slow
def test_the_only_key_held_need_not_be_named(imuge):
    store_key(new_key("work"))
    result = imuge("immunize", "plain.png")
    assert result.exit_code == 0
    assert "Using your only key, work" in result.stderr
    assert names(key_folder()) == ["work.key"]


def test_with_several_keys_but_no_default_it_asks_which_one(imuge):
    store_key(new_key("work"))
    store_key(new_key("home"))
    result = imuge("immunize", "plain.png")
    assert result.exit_code == FAILED
    assert "name one with --key (held: home, work)" in result.stderr
    assert names(key_folder()) == ["home.key", "work.key"]


@pytest.mark.slow
def test_the_key_file_of_the_environment_is_used(folder, imuge, monkeypatch):
    key = new_key("elsewhere")
    write_key(key, folder / "mine.key")
    monkeypatch.setenv("IMUGE_KEY_FILE", str(folder / "mine.key"))
    result = imuge("immunize", "plain.png")
    assert f"with key elsewhere ({key.key_id})" in result.stderr
    assert not key_folder().exists()
    assert imuge("verify", "plain.immunized.png").exit_code == 0


@pytest.mark.usefixtures("held")
def test_an_existing_output_and_the_input_itself_stay_unless_asked(folder, imuge):
    (folder / "there.png").write_bytes(b"precious")
    before = (folder / "plain.png").read_bytes()
    for target in ("there.png", "plain.png", "."):
        result = imuge("immunize", "plain.png", "-o", target)
        assert result.exit_code == FAILED
        assert "exists and is not replaced; use --overwrite" in result.stderr
    assert (folder / "there.png").read_bytes() == b"precious"
    assert (folder / "plain.png").read_bytes() == before
    assert imuge("immunize", "plain.png", "-o", "plain.png", "--overwrite").exit_code == 0
    assert imuge("verify", "plain.png").exit_code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("source", "options", "target", "form"),
    [
        ("plain.png", ["-o", "out.jpg"], "out.jpg", "JPEG"),
        ("photo", [], "photo.immunized", "PNG"),
        ("misnamed.jpg", [], "misnamed.immunized.jpg", "JPEG"),
        ("misnamed.jpg", ["-o", "out.jpg"], "out.jpg", "JPEG"),
    ],
)
def test_the_outputs_name_tells_its_format(
    folder, imuge, photograph, source, options, target, form
):
    # Larger than plain.png, whose protection is not read back from a JPEG at the usual strength.
    Image.fromarray(photograph).save(folder / source, "PNG")
    result = imuge("immunize", source, *options)
    assert result.exit_code == 0
    assert identify((folder / target).read_bytes()) == form
    assert ("the file is PNG although its name ends in .jpg" in result.stderr) == (
        source == "misnamed.jpg"
    )


@pytest.mark.usefixtures("held")
def test_an_output_name_without_a_known_ending_is_refused(imuge):
    result = imuge("immunize", "plain.png", "-o", "results")
    assert result.exit_code == FAILED
    assert "cannot tell the format of results" in result.stderr


@pytest.mark.usefixtures("held")
def test_standard_input_to_standard_output(folder, imuge):
    result = imuge("immunize", "-", "-o", "-", stdin=(folder / "plain.png").read_bytes())
    assert result.exit_code == 0
    assert Image.open(io.BytesIO(result.stdout_bytes)).size == (160, 128)
    assert imuge("verify", "-", stdin=result.stdout_bytes).exit_code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_of_several_the_failed_one_is_reported_and_the_others_are_made(folder, imuge):
    (folder / "out").mkdir()
    (folder / "broken.png").write_bytes((folder / "plain.png").read_bytes()[:2000])
    (folder / "again.png").write_bytes((folder / "plain.png").read_bytes())
    result = imuge("immunize", "plain.png", "broken.png", "again.png", "-o", "out")
    assert result.exit_code == FAILED
    assert result.stderr.count("imuge: ") == 1
    assert "imuge: broken.png: the PNG data is cut short" in result.stderr
    assert names(folder / "out") == ["again.png", "plain.png"]


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_what_is_protected_is_refused_without_replace(imuge):
    result = imuge("immunize", "protected.png", "-o", "out.png")
    assert result.exit_code == FAILED
    assert "protected with key default already" in result.stderr
    assert "--replace" in result.stderr
    assert imuge("immunize", "protected.png", "-o", "out.png", "--replace").exit_code == 0


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_protection_by_another_key_that_is_held_is_refused_too(imuge):
    store_key(new_key("work"))
    result = imuge("immunize", "protected.png", "-o", "out.png", "--key", "work")
    assert result.exit_code == FAILED
    assert "protected with key default already" in result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_metadata_is_dropped_where_asked(imuge, photograph):
    exif = Image.Exif()
    exif[0x010E] = "my garden"
    Image.fromarray(photograph).save("noted.jpg", exif=exif, quality=95)
    assert imuge("immunize", "noted.jpg").exit_code == 0
    assert imuge("immunize", "noted.jpg", "-o", "bare.jpg", "--metadata", "none").exit_code == 0
    with Image.open("noted.immunized.jpg") as kept, Image.open("bare.jpg") as bare:
        assert kept.getexif()[0x010E] == "my garden"
        assert not bare.getexif()


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["plain.png", "--strength", "9"], "expected a strength from 0.25 to 3.0, got 9.0"),
        (["plain.png", "protected.png", "--strength", "0"], "expected a strength"),
        (["-"], "standard input has no name"),
        (["-", "-o", "."], "standard input has no name"),
        (["-", "plain.png", "-o", "."], "stands alone"),
        (["plain.png", "protected.png", "-o", "-"], "need an existing folder"),
        (["plain.png", "protected.png", "-o", "x.png"], "need an existing folder"),
        (["plain.png", "plain.png", "-o", "."], "two pictures would be written to plain.png"),
        (["plain.png", "--metadata", "some"], "--metadata"),
        (["plain.png", "--strengh", "1"], "No such option"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_ends_with_2_and_changes_nothing(folder, imuge, arguments, complaint):
    before = names(folder)
    result = imuge("immunize", *arguments, stdin=b"")
    assert result.exit_code == USAGE
    assert complaint in result.stderr
    assert result.stderr.count("expected a strength") <= 1
    assert names(folder) == before


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(("detail", "side"), [("robust", 256), ("normal", 256), ("fine", 384)])
def test_detail_names_the_frame(folder, imuge, other_photograph, detail, side):
    large = np.kron(other_photograph[:200], np.ones((2, 2, 1), np.uint8))[:, :400]
    Image.fromarray(large).save(folder / "large.png")
    assert imuge("immunize", "large.png", "--detail", detail).exit_code == 0
    verdict = json.loads(imuge("verify", "large.immunized.png", "--json").stdout)
    assert (verdict["verdict"], max(verdict["geometry"]["frame"])) == ("intact", side)


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_a_jpeg_keeps_its_coding_where_it_reads_back(folder, imuge, other_photograph):
    large = np.kron(other_photograph, np.ones((2, 2, 1), np.uint8))
    Image.fromarray(large).save("photo.jpg", quality=92, progressive=True, subsampling="4:2:0")
    assert imuge("immunize", "photo.jpg").exit_code == 0
    with Image.open("photo.jpg") as before, Image.open("photo.immunized.jpg") as after:
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == JpegImagePlugin.get_sampling(before) == 2
        assert after.info.get("progressive")
    coarse = folder / "coarse.jpg"
    Image.fromarray(other_photograph).save(coarse, quality=20)
    assert imuge("immunize", "coarse.jpg").exit_code == 0
    with Image.open("coarse.immunized.jpg") as fine:
        assert JpegImagePlugin.get_sampling(fine) == 0
        assert max(fine.quantization[0]) < 30


@pytest.mark.parametrize("arguments", [["/nope.jpg"], ["plain.png", "--strength", "9"]])
def test_what_cannot_begin_makes_no_key(imuge, arguments):
    assert imuge("immunize", *arguments).exit_code in (FAILED, USAGE)
    assert not key_folder().exists()


@pytest.mark.usefixtures("held")
def test_a_strip_is_refused_in_one_sentence_before_any_work(folder, imuge, monkeypatch):
    Image.new("RGB", (9000, 130), "gray").save(folder / "strip.png")
    monkeypatch.setattr("imuge.guard.prepare", None)
    result = imuge("immunize", "strip.png")
    assert result.exit_code == FAILED
    assert "9000×130 pixels, too thin to carry its protection" in result.stderr
    Image.new("RGB", (40_000, 1), "gray").save(folder / "line.png")
    for command in ("immunize", "verify"):
        result = imuge(command, "line.png")
        assert result.exit_code == FAILED
        assert "40000×1 pixels, and imuge needs at least 128" in result.stderr
