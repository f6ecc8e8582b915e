import base64
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from imuge.errors import ImageError
from imuge.report.pictures import RECONSTRUCTION
from imuge.report.write import write_report
from imuge.results import EXIT_STATUS, Region

ALWAYS = ["p.verdict.json", "p.mask.png", "p.overlay.png"]


def _open(path):
    with Image.open(path) as picture:
        picture.load()
        return picture


def test_all_files_of_a_tampered_picture(make_verdict, tmp_path):
    verdict = make_verdict()
    folder = tmp_path / "new" / "folder"
    paths = write_report(verdict, folder, "p")
    names = [*ALWAYS, "p.recovered.png", "p.hidden-copy.png", "p.report.html"]
    assert [path.name for path in paths] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)

    mask = _open(folder / "p.mask.png")
    assert mask.mode == "L"
    assert ((np.asarray(mask) == 255) == verdict.mask).all()
    assert set(np.unique(mask)) == {0, 255}
    assert _open(folder / "p.overlay.png").size == (verdict.width, verdict.height)


@pytest.mark.parametrize("name", ["recovered", "hidden-copy"])
def test_reconstructions_are_exact_and_say_what_they_are(name, make_verdict, tmp_path):
    verdict = make_verdict()
    write_report(verdict, tmp_path, "p")
    picture = _open(tmp_path / f"p.{name}.png")
    assert (np.asarray(picture) == verdict.recovered).all()
    assert picture.text["Description"] == RECONSTRUCTION


def test_a_part_has_its_whole_picture_beside_it(make_verdict, tmp_path):
    part = make_verdict()
    part = replace(part, uncropped=part.image)
    write_report(part, tmp_path, "p")
    picture = _open(tmp_path / "p.uncropped.png")
    assert (np.asarray(picture) == part.image).all()
    assert picture.text["Description"] == RECONSTRUCTION
    assert 'href="p.uncropped.png"' in (tmp_path / "p.report.html").read_text("utf-8")
    write_report(make_verdict(), tmp_path, "p", overwrite=True)
    assert not (tmp_path / "p.uncropped.png").exists()


@pytest.mark.parametrize("finding", EXIT_STATUS)
def test_the_record_is_the_verdicts_own(finding, make_verdict, tmp_path):
    verdict = make_verdict(finding)
    write_report(verdict, tmp_path, "p")
    text = (tmp_path / "p.verdict.json").read_text("utf-8")
    assert text == verdict.to_json() + "\n"
    assert json.loads(text) == verdict.to_dict()


def test_no_earlier_mask_and_reconstruction_stay_beside_a_verdict_without_one(
    make_verdict, tmp_path
):
    write_report(make_verdict(), tmp_path, "p")
    write_report(make_verdict("unprotected"), tmp_path, "p", overwrite=True)
    assert not (tmp_path / "p.recovered.png").exists()
    assert not (tmp_path / "p.hidden-copy.png").exists()
    assert not (tmp_path / "p.mask.png").exists()


def test_no_reconstruction_no_file(make_verdict, tmp_path):
    paths = write_report(make_verdict("intact"), tmp_path, "p")
    assert [path.name for path in paths] == [*ALWAYS, "p.report.html"]
    assert set(np.unique(_open(tmp_path / "p.mask.png"))) == {0}


@pytest.mark.parametrize("finding", ["unprotected", "degraded", "foreign"])
def test_where_nothing_was_judged_there_is_no_mask(finding, make_verdict, tmp_path):
    paths = write_report(make_verdict(finding), tmp_path, "p")
    assert [path.name for path in paths] == ["p.verdict.json", "p.report.html"]
    assert json.loads(paths[0].read_text())["tampered_area"] is None
    assert "could not be judged" in paths[1].read_text()


@pytest.mark.slow
def test_the_page_stays_small_and_leads_to_the_full_pictures(make_verdict, tmp_path):
    rng = np.random.default_rng(3)
    image = np.kron(rng.integers(0, 256, (300, 400, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    mask = np.zeros(image.shape[:2], bool)
    mask[1000:1500, 1000:1800] = True
    region = Region(
        box=(1000, 1000, 1800, 1500), area_pixels=400_000, area=1 / 30, mean_probability=0.9
    )
    verdict = make_verdict(
        width=4000, height=3000, image=image, mask=mask, recovered=image, hidden_copy_image=image,
        regions=(region,),
    )  # fmt: skip
    page = write_report(verdict, tmp_path, "a b#1")[-1]
    assert page.stat().st_size < 6_000_000
    text = page.read_text()
    for ending in ("overlay", "recovered", "hidden-copy"):
        assert f'href="a%20b%231.{ending}.png"' in text
    for address in re.findall(r"data:image/jpeg;base64,([^\"]+)", text):
        with Image.open(io.BytesIO(base64.b64decode(address))) as shown:
            assert max(shown.size) <= 1600


def test_an_earlier_report_is_kept_unless_asked(make_verdict, tmp_path):
    paths = write_report(make_verdict(), tmp_path, "p")
    before = [path.read_bytes() for path in paths]
    with pytest.raises(ImageError, match="holds a report on p already"):
        write_report(make_verdict("intact"), tmp_path, "p")
    assert [path.read_bytes() for path in paths] == before


def test_a_second_report_replaces_the_first_where_asked_and_repeats_it(make_verdict, tmp_path):
    made = datetime(2026, 11, 20, tzinfo=UTC)

    def contents(verdict):
        paths = write_report(verdict, tmp_path, "p", made=made, overwrite=True)
        return [path.read_bytes() for path in paths]

    first = contents(make_verdict())
    assert contents(make_verdict()) == first
    assert contents(make_verdict("intact")) != first


def test_file_facts_and_odd_names_reach_the_page(make_verdict, tmp_path):
    name = "Zoë <b> & \u202f写真 \udcff"
    paths = write_report(make_verdict(), tmp_path, name, file_facts={"Artist": "Jane \ud800 Doe"})
    page = paths[-1].read_text("utf-8")
    assert "Zoë &lt;b&gt; &amp;" in page
    assert "Jane \ufffd Doe" in page


@pytest.mark.parametrize("name", ["", "..", "../p", "a/b", "/p", "a\\b", "a\0b"])
def test_names_that_leave_the_folder_are_refused(name, make_verdict, tmp_path):
    with pytest.raises(ImageError, match="expected a plain file name"):
        write_report(make_verdict(), tmp_path / "new", name)
    assert not (tmp_path / "new").exists()


def test_endless_names_are_refused(make_verdict, tmp_path):
    with pytest.raises(ImageError, match="at most 200 bytes"):
        write_report(make_verdict(), tmp_path, "写" * 70)


def test_a_folder_that_cannot_be_made_is_an_image_error(make_verdict, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ImageError, match="cannot make the folder"):
        write_report(make_verdict(), tmp_path / "file" / "folder", "p")
