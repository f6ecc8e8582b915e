"""Immunize: from a chosen photo to a downloaded one that verifies."""

import hashlib
import json
import re

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import Keys

from imuge.image import load

pytestmark = pytest.mark.browser


def immunize(page, photo):
    """Choose a photo and wait for the result."""
    page.choose("#immunize-file", photo)
    page.click("#immunize-form .primary")
    page.shown("#immunize-result")


def test_a_photo_goes_in_and_an_immunized_one_comes_out(page, pictures, desk):
    immunize(page, pictures / "photo.jpg")
    sentence = page.find("#immunize-sentence").text
    psnr_db = float(re.search(r"PSNR ([\d.]+) dB", sentence)[1])
    assert "key newsdesk" in sentence
    assert page.focused() == "immunize-sentence"  # a screen reader reads it at once
    page.click("#immunize-download")
    saved = page.downloaded("photo.immunized.jpg")
    verdict = desk.verify(saved)
    assert verdict.verdict == "intact"
    assert verdict.image_id == page.find("#immunize-id").text
    before = load(pictures / "photo.jpg").pixels.astype(float)
    error = np.mean((before - load(saved).pixels) ** 2)
    assert psnr_db == pytest.approx(10 * np.log10(255**2 / error), abs=0.06)
    page.screenshot("immunized-light")


@pytest.mark.slow
def test_the_residual_is_ten_times_the_difference(page, pictures):
    page.choose("#immunize-file", pictures / "photo.jpg")
    page.shown("#immunize-form")
    page.run("document.querySelector('.options').open = true")
    page.pick("#format", "PNG")
    page.click("#immunize-form .primary")
    page.shown("#residual-figure")
    page.click("#immunize-download")
    after = load(page.downloaded("photo.immunized.png")).pixels.astype(int)
    before = load(pictures / "photo.jpg").pixels.astype(int)
    drawn = page.pixels("residual")
    expected = np.clip(10 * np.abs(after - before), 0, 255)
    # Chromium's decoder of JPEG is not Pillow's: some pixels differ by a step or two.
    assert np.mean(np.abs(drawn - expected)) < 4
    assert np.corrcoef(drawn.ravel(), expected.ravel())[0, 1] > 0.97


@pytest.mark.slow
def test_the_slider_obeys_keys_and_pointer(page, pictures):
    immunize(page, pictures / "photo.jpg")
    handle = page.shown("#immunize-slider .handle")
    left = page.find("#immunize-slider .plane.left")

    def shown():
        """Per cent of the width in which the left picture is seen."""
        clip = left.value_of_css_property("clip-path")
        hidden = re.search(r"inset\(0px (?:calc\(100% - )?([\d.]+)%", clip)
        return float(hidden[1]) if "calc" in clip else 100 - float(hidden[1])

    page.run("arguments[0].focus()", handle)
    page.press(Keys.ARROW_RIGHT)
    assert handle.get_attribute("aria-valuenow") == "52"
    page.press(Keys.HOME)
    assert handle.get_attribute("aria-valuenow") == "0"
    assert shown() == 0
    page.press(Keys.PAGE_UP, Keys.ARROW_LEFT)
    assert handle.get_attribute("aria-valuenow") == "8"
    assert handle.get_attribute("aria-valuetext") == "8 % Before, 92 % Immunized"
    page.drag("#immunize-slider .slider", [(0.3, 0.5), (0.6, 0.4), (0.75, 0.3)])
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(75, abs=1)
    assert shown() == pytest.approx(75, abs=1)


def test_cancel_ends_the_job_and_the_service_forgets_it(page, pictures, tmp_path):
    with Image.open(pictures / "photo.jpg") as image:
        image.resize((1024, 1024)).save(tmp_path / "large.jpg")
    page.choose("#immunize-file", tmp_path / "large.jpg")
    page.click("#immunize-form .primary")
    page.until(lambda: "%" in page.shown(".job .step").text)
    page.screenshot("progress-light")
    page.click(".job .cancel")
    page.until(lambda: not page.all(".job"))
    assert not page.find("#immunize-result").is_displayed()
    assert "Cancelled" in page.find("#announcer").get_attribute("textContent")
    page.until(lambda: any(sent["method"] == "DELETE" for sent in page.sent()))
    forgotten = next(sent["url"] for sent in page.sent() if sent["method"] == "DELETE")
    assert status_of(page, forgotten) == 404


@pytest.mark.slow
def test_nothing_of_a_finished_job_is_kept(page, pictures):
    immunize(page, pictures / "photo.jpg")
    sent = page.sent()
    job = re.compile(r".*/v1/jobs/[\w-]+")
    jobs = {request["url"] for request in sent if job.fullmatch(request["url"])}
    deleted = {request["url"] for request in sent if request["method"] == "DELETE"}
    assert len(jobs) == 1
    assert deleted == jobs
    assert status_of(page, jobs.pop()) == 404
    kept = "return localStorage.length + sessionStorage.length + document.cookie.length"
    assert page.run(kept) == 0


def status_of(page, url):
    script = "return fetch(arguments[0]).then((answer) => answer.status)"
    return page.run(script, url)


@pytest.mark.slow
def test_a_protected_photo_is_refused_and_can_be_verified_instead(page, pictures):
    page.choose("#immunize-file", pictures / "immunized.png")
    page.click("#immunize-form .primary")
    alert = page.shown("#immunize-job [role=alert]")
    assert "protected with key newsdesk already" in alert.text
    page.screenshot("protected-already-light")
    assert "More options" in alert.text  # where the page has what the service calls --replace
    assert page.all("#immunize-job .retry") == []  # would end the same
    page.click("#immunize-job .row button")
    assert page.shown("#verify-result .badge").text.endswith("No change found")


@pytest.mark.slow
def test_a_photo_that_the_browser_cannot_show_is_immunized_all_the_same(page, pictures, desk):
    with Image.open(pictures / "photo.jpg") as image:
        image.save(page.downloads / "scan.tif")
    immunize(page, page.downloads / "scan.tif")
    assert "cannot show" in page.find("#immunize-slider").text
    page.click("#immunize-download")
    assert desk.verify(page.downloaded("scan.immunized.tif")).verdict == "intact"


@pytest.mark.slow
def test_the_receipt_goes_with_the_photo(page, pictures):
    immunize(page, pictures / "photo.jpg")
    page.click("#immunize-receipt")
    facts = json.loads(page.downloaded("photo.immunized.jpg.receipt.json").read_text())
    page.click("#immunize-download")
    made = page.downloaded("photo.immunized.jpg").read_bytes()
    assert facts["record"]["sha256_published"] == hashlib.sha256(made).hexdigest()
    assert facts["record"]["image_id"] == page.find("#immunize-id").text
    assert page.find("#immunize-record").text == ""
