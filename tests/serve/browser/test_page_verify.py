"""Verify: one sentence, the places, before and after, the report."""

import base64
import re

import pytest
from PIL import Image
from selenium.webdriver import ActionChains, Keys

pytestmark = pytest.mark.browser


def verify(page, copy):
    """Choose a copy and wait for the verdict."""
    page.choose("#verify-file", copy)
    return page.shown("#verify-result .sentence")


@pytest.fixture
def verifying(page):
    page.open("verify")
    return page


def test_a_changed_copy_is_told_and_shown(verifying, pictures):
    page = verifying
    sentence = verify(page, pictures / "edited.jpg")
    assert re.fullmatch(r"1 region .* changed since .* key newsdesk\.", sentence.text)
    assert page.find("#verify-result .badge").text.split() == ["!", "Tampered"]
    assert page.run("return document.activeElement === arguments[0]", sentence)
    words = page.find("#verify-result").text.lower()
    assert "reconstruction" in words
    assert "authentic" not in words
    assert "original" not in words
    handle = page.shown("#verify-result .handle")
    assert "Reconstruction" in handle.get_attribute("aria-valuetext")
    page.screenshot("tampered-light")


def test_the_marks_can_be_taken_away(verifying, pictures):
    page = verifying
    verify(page, pictures / "edited.jpg")
    left = page.shown("#verify-result .slider .left")
    marked = left.get_attribute("src")
    assert "marked" in left.get_attribute("alt")
    page.click("#verify-result .marks-label")
    assert left.get_attribute("src") != marked
    assert left.get_attribute("alt") == "The copy as it was received"
    page.click("#verify-result .marks-label")
    assert left.get_attribute("src") == marked


def test_a_region_is_lit_by_pointer_and_by_focus(verifying, pictures):
    page = verifying
    verify(page, pictures / "edited.jpg")
    region, box = page.shown("#verify-result .region"), page.find("#verify-result .box")
    assert "lit" not in box.get_attribute("class")
    page.run("arguments[0].scrollIntoView({block: 'center'})", region)
    ActionChains(page.driver).move_to_element(region).perform()
    page.until(lambda: "lit" in box.get_attribute("class"))
    ActionChains(page.driver).move_to_element(page.find("#verify h2")).perform()
    page.until(lambda: "lit" not in box.get_attribute("class"))
    page.run("arguments[0].focus()", region)
    page.until(lambda: "lit" in box.get_attribute("class"))
    page.press(Keys.SPACE)  # stays lit when the focus leaves
    page.press(Keys.TAB)
    assert "lit" in box.get_attribute("class")
    frame, picture = box.rect, page.find("#verify-result .slider").rect
    left = 384 * (frame["x"] - picture["x"]) / picture["width"]
    right = 384 * (frame["x"] + frame["width"] - picture["x"]) / picture["width"]
    assert left == pytest.approx(60, abs=12)
    assert right == pytest.approx(160, abs=12)


def test_report_and_reconstruction_are_downloaded(verifying, pictures):
    page = verifying
    verify(page, pictures / "edited.jpg")
    links = {link.get_attribute("download"): link for link in page.all("#verify-result .actions a")}
    links["edited.report.html"].click()
    report = page.downloaded("edited.report.html").read_text("utf-8")
    assert "Tampered" in report
    assert "<script" not in report
    links["edited.recovered.png"].click()
    with Image.open(page.downloaded("edited.recovered.png")) as recovered:
        assert recovered.size == (384, 384)


def test_an_untouched_copy_is_intact_and_nothing_more(verifying, pictures):
    page = verifying
    sentence = verify(page, pictures / "immunized.png")
    assert sentence.text.startswith("No change was found")
    assert "does not prove" in page.find("#verify-result .meaning").text
    assert page.all("#verify-result .slider") == []
    assert not page.find("#verify-result .places").is_displayed()
    page.screenshot("intact-light")


def test_a_picture_without_protection_is_no_accusation(verifying, pictures):
    page = verifying
    verify(page, pictures / "other.png")
    assert page.find("#verify-result .badge").text.split() == ["?", "Unprotected"]
    assert page.all("#verify-result .warnings li")
    page.screenshot("unprotected-light")


def test_the_hidden_copy_is_shown_when_asked_for(verifying, pictures):
    page = verifying
    page.click("label[for=hidden-copy]")
    verify(page, pictures / "immunized.png")
    image = page.shown("#verify-result .hidden-copy img")
    page.until(lambda: page.run("return arguments[0].naturalWidth", image) == 384)


def test_a_copy_from_the_clipboard(verifying, pictures):
    page = verifying
    page.run(
        """
        const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
        const clipboard = new DataTransfer();
        clipboard.items.add(new File([bytes], "image.png", { type: "image/png" }));
        const paste = { clipboardData: clipboard, bubbles: true, cancelable: true };
        document.body.dispatchEvent(new ClipboardEvent("paste", paste));
        """,
        encoded(pictures / "immunized.png"),
    )
    assert page.shown("#verify-result .sentence").text.startswith("No change was found")


def test_a_copy_is_dropped_on_the_page(verifying, pictures):
    page = verifying
    script = """
        const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
        const dragged = new DataTransfer();
        dragged.items.add(new File([bytes], "copy.png", { type: "image/png" }));
        const zone = document.querySelector("#verify .drop");
        for (const type of ["dragenter", "dragover", "drop"]) {
          const event = { dataTransfer: dragged, bubbles: true, cancelable: true };
          zone.dispatchEvent(new DragEvent(type, event));
        }
        return zone.classList.contains("over");
    """
    assert page.run(script, encoded(pictures / "immunized.png")) is False
    assert page.shown("#verify-result .sentence").text.startswith("No change was found")


def encoded(path):
    return base64.b64encode(path.read_bytes()).decode("ascii")
