"""`imuge verify`: the verdict as words, as JSON, as files and as exit status."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from imuge.cli.terminal import FAILED, USAGE
from imuge.cli.verify import REPORT_ENDINGS
from imuge.errors import ImageError
from imuge.keys import key_folder, key_path, new_key, store_key, verify_only, write_key
from imuge.results import EXIT_STATUS


@pytest.fixture(scope="module")
def any_verdict(guard, protected):
    return guard.verify(protected)


@pytest.fixture
def scripted(monkeypatch, any_verdict):
    """A guard that finds in each file what the file's stem says."""

    class Scripted:
        def __init__(self, keys, limits, progress):
            assert keys
            assert limits
            progress("reveal", 0.5)

        def verify(self, source, **_):
            if source.stem == "failed":
                raise ImageError("it is scripted")
            return replace(any_verdict, verdict=source.stem, warnings=("mind this",))

    monkeypatch.setattr("imuge.cli.verify.Guard", Scripted)


@pytest.mark.usefixtures("held", "scripted")
@pytest.mark.parametrize("finding", EXIT_STATUS)
def test_the_verdict_is_the_exit_status(imuge, finding):
    assert imuge("verify", f"{finding}.png").exit_code == EXIT_STATUS[finding]
    assert imuge("verify", f"{finding}.png", "--json").exit_code == EXIT_STATUS[finding]


@pytest.mark.usefixtures("held", "scripted")
@pytest.mark.parametrize(
    ("stems", "status"),
    [
        (["foreign", "intact", "tampered"], 10),
        (["degraded", "foreign", "unprotected"], 12),
        (["intact", "unprotected", "degraded"], 11),
        (["intact", "unprotected"], 13),
        (["foreign", "failed", "intact"], FAILED),
        (["failed", "failed"], FAILED),
    ],
)
def test_of_several_the_gravest_counts_and_a_failure_above_all(imuge, stems, status):
    files = [f"{stem}.png" for stem in stems]
    result = imuge("verify", *files)
    assert result.exit_code == status
    records = json.loads(imuge("verify", "--json", *files).stdout)
    assert [next(iter(record.items())) for record in records] == [("file", f) for f in files]
    for record, stem in zip(records, stems, strict=True):
        assert record.get("error") == ("it is scripted" if stem == "failed" else None)
        assert record.get("verdict") == (None if stem == "failed" else stem)
    assert result.stderr.count(": it is scripted\n") == stems.count("failed")
    assert result.stderr.count(".png: mind this\n") == len(stems) - stems.count("failed")


@pytest.mark.usefixtures("held")
def test_an_untouched_copy_gives_one_sentence(imuge):
    result = imuge("verify", "protected.png")
    assert result.exit_code == 0
    assert re.fullmatch(
        "intact: No change was found since this picture was protected with key default, beyond "
        r"re-saving and what is smaller than about \d+x\d+ pixels\.\n",
        result.stdout,
    )
    assert result.stderr == ""


@pytest.mark.usefixtures("held")
def test_a_change_gives_the_sentence_first_and_the_region_below(imuge):
    result = imuge("verify", "tampered.png")
    assert result.exit_code == EXIT_STATUS["tampered"]
    first, second = result.stdout.splitlines()
    assert first.startswith("tampered: 1 region (")
    assert second.startswith("  1. ")
    assert " pixels at (" in second


@pytest.mark.usefixtures("held")
def test_a_picture_without_protection(imuge):
    assert imuge("verify", "plain.png").exit_code == EXIT_STATUS["unprotected"]


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_json_is_the_verdicts_and_so_is_the_file(folder, imuge, guard):
    result = imuge("verify", "--json", "tampered.png", "--out", "report")
    expected = json.loads(guard.verify(folder / "tampered.png").to_json())
    assert json.loads(result.stdout) == expected | {
        "key_name": "default",
        "sentence": expected["sentence"].replace("key test", "key default"),
    }
    assert (folder / "report" / "tampered.verdict.json").read_text() == result.stdout
    assert result.stdout.startswith('{\n  "schema": "imuge.verdict/2",\n  "verdict": "tampered"')


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_the_report_is_where_it_is_said_to_be(folder, imuge):
    result = imuge("verify", "tampered.png", "protected.png", "--out", "some/report")
    assert result.exit_code == EXIT_STATUS["tampered"]
    assert "Reports: some/report" in result.stderr
    written = {path.name for path in (folder / "some/report").iterdir()}
    whole = set(REPORT_ENDINGS) - {"uncropped.png"}  # of which nothing was cut away
    assert {f"tampered.{ending}" for ending in whole} <= written
    assert "protected.mask.png" in written
    known = {f"{stem}.{ending}" for stem in ("tampered", "protected") for ending in REPORT_ENDINGS}
    assert written <= known


@pytest.mark.usefixtures("held")
def test_standard_input(folder, imuge):
    content = (folder / "tampered.png").read_bytes()
    result = imuge("verify", "-", "--out", "report", stdin=content)
    assert result.exit_code == EXIT_STATUS["tampered"]
    assert (folder / "report" / "stdin.report.html").exists()
    empty = imuge("verify", "-", stdin=b"")
    assert empty.exit_code == FAILED
    assert empty.stderr.startswith("imuge: standard input: the file is empty")


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_all_keys_held_are_tried_unless_one_is_named(imuge, monkeypatch):
    store_key(new_key("another"))
    assert imuge("verify", "protected.png").exit_code == 0
    assert imuge("verify", "protected.png", "--key", "another").exit_code == 13
    both = ("--key", "another", "--key", "default")
    assert imuge("verify", "protected.png", *both).exit_code == 0
    assert imuge("verify", "protected.png", "--key", key_path("default")).exit_code == 0
    monkeypatch.setenv("IMUGE_KEY_FILE", str(key_path("another")))
    assert imuge("verify", "protected.png").exit_code == 13


@pytest.mark.usefixtures("held")
def test_a_broken_key_does_not_hide_the_good_ones(imuge):
    (key_folder() / "broken.key").write_text("{}")
    result = imuge("verify", "protected.png")
    assert result.exit_code == 0
    assert result.stderr.startswith("Left out: ")
    assert "broken.key" in result.stderr


def test_without_any_key_it_says_what_is_missing(imuge):
    result = imuge("verify", "protected.png")
    assert result.exit_code == FAILED
    assert "there is no usable key" in result.stderr
    assert not key_folder().exists()


def test_a_verify_only_key_localizes(folder, imuge, key):
    write_key(verify_only(key), folder / "given.key")
    result = imuge("verify", "tampered.png", "--key", "given.key", "--out", "report")
    assert result.exit_code == EXIT_STATUS["tampered"]
    assert not (folder / "report" / "tampered.recovered.png").exists()


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["photo.png", "photo.mask.png", "--out", "."], "the report would replace the picture"),
        (["a/photo.png", "photo.png", "--out", "x"], "two pictures are called photo"),
        (["-", "-"], "can be read once only"),
    ],
)
def test_reports_that_would_replace_something_are_refused(imuge, arguments, complaint):
    result = imuge("verify", *arguments, stdin=b"")
    assert result.exit_code == USAGE
    assert complaint in result.stderr


@pytest.mark.usefixtures("held")
def test_an_earlier_report_is_kept_unless_asked(imuge, folder):
    assert imuge("verify", "protected.png", "--out", "r").exit_code == 0
    page = folder / "r" / "protected.report.html"
    page.write_text("the earlier one")
    again = imuge("verify", "protected.png", "--out", "r")
    assert again.exit_code == FAILED
    assert "holds a report on protected already" in again.stderr
    assert page.read_text() == "the earlier one"
    assert imuge("verify", "protected.png", "--out", "r", "--overwrite").exit_code == 0
    assert page.read_text() != "the earlier one"


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_unprotected_says_null_and_writes_no_mask(imuge, folder):
    result = imuge("verify", "plain.png", "--json", "--out", "r")
    assert result.exit_code == EXIT_STATUS["unprotected"]
    verdict = json.loads(result.stdout)
    assert (verdict["tampered_area"], verdict["geometry"]) == (None, None)
    assert sorted(path.name for path in (folder / "r").iterdir()) == [
        "plain.report.html",
        "plain.verdict.json",
    ]
    assert imuge("verify", "plain.png").stdout.startswith("unprotected: No protection of key")


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_what_was_found_is_told_though_the_report_cannot_be_written(imuge, monkeypatch):
    def full(*_, **__):
        raise ImageError("the disk is full")

    monkeypatch.setattr("imuge.cli.verify.write_report", full)
    result = imuge("verify", "tampered.png", "--out", "r")
    assert result.exit_code == FAILED
    assert result.stdout.startswith("tampered: 1 region (")
    assert "the disk is full" in result.stderr
    both = imuge("verify", "tampered.png", "protected.png", "--out", "r", "--json")
    assert [record["verdict"] for record in json.loads(both.stdout)] == ["tampered", "intact"]
    assert [record["error"] for record in json.loads(both.stdout)] == ["the disk is full"] * 2


@pytest.mark.usefixtures("held")
def test_an_earlier_report_is_spoken_of_before_any_work(imuge, folder, monkeypatch):
    (folder / "r").mkdir()
    (folder / "r" / "tampered.report.html").write_text("the earlier one")
    monkeypatch.setattr("imuge.cli.verify.Guard", None)  # nothing is computed
    result = imuge("verify", "protected.png", "tampered.png", "--out", "r")
    assert result.exit_code == FAILED
    assert "holds a report on tampered already" in result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_names_with_control_characters_are_shown_escaped(imuge, folder):
    name = "a\x1b[31mred\n.png"
    (folder / name).write_bytes((folder / "protected.png").read_bytes())
    result = imuge("verify", name, "plain.png")
    assert "\x1b" not in result.output
    assert result.stdout.startswith("a\\x1b[31mred\\n.png: intact: ")
    table = imuge("verify", "--json", name, "caf\u00e9.png").stdout
    assert table.isascii()
    assert [record["file"] for record in json.loads(table)] == [name, "caf\u00e9.png"]


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_a_part_is_found_by_searching_and_not_without(imuge, folder, guard, other_photograph):
    large = np.kron(other_photograph, np.ones((2, 2, 1), np.uint8))
    published = guard.immunize(large).image
    Image.fromarray(np.ascontiguousarray(np.rot90(published))).save(folder / "turned.png")
    found = imuge("verify", "turned.png", "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout)["geometry"]["turn"] in (90, -90)
    assert "is turned by" in imuge("verify", "turned.png", "--out", "r").stdout
    assert "<svg" in (folder / "r" / "turned.report.html").read_text()
    Image.fromarray(published[60:470, 40:480]).save(folder / "part.png")
    assert "of what was published" in imuge("verify", "part.png", "--out", "r").stdout
    with Image.open(folder / "r" / "part.uncropped.png") as whole:
        assert whole.size == (384, 384)
    assert imuge("verify", "turned.png", "--search", "off").exit_code == 13
    assert imuge("verify", "turned.png", "--search", "wide").exit_code == USAGE


@pytest.mark.usefixtures("held")
def test_the_limit_can_be_lowered_and_raised(imuge):
    result = imuge("verify", "protected.png", "--max-megapixels", "0.02")
    assert result.exit_code == FAILED
    assert "160×128 = 20,480 pixels, above the limit of 20,000" in result.stderr
    assert imuge("verify", "protected.png", "--max-megapixels", "0.021").exit_code == 0
