"""Verify: one sentence, the places, before and after, the report."""

import base64
import json
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
    first = page.shown("#verify-result .look-first").text
    assert re.fullmatch(r"Look at region 1, .*: changed, .* of the picture\.", first)
    page.screenshot("tampered-light")


@pytest.mark.slow
def test_the_marks_can_be_taken_away(verifying, pictures):
    page = verifying
    verify(page, pictures / "edited.jpg")
    left = page.shown("#verify-result .slider img.left")
    marked = left.get_attribute("src")
    assert "marked" in left.get_attribute("alt")
    page.click("#verify-result .marks-label")
    assert left.get_attribute("src") != marked
    assert left.get_attribute("alt") == "The copy as it was received"
    page.click("#verify-result .marks-label")
    assert left.get_attribute("src") == marked


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert page.find("#verify-result .badge").text.split("\n")[-1].endswith("No change found")
    assert not page.find("#verify-result .handle").is_displayed()
    assert not page.find("#verify-result .places").is_displayed()
    page.screenshot("intact-light")


@pytest.mark.slow
def test_a_picture_without_protection_is_no_accusation(verifying, pictures):
    page = verifying
    verify(page, pictures / "other.png")
    assert page.find("#verify-result .badge").text.split() == ["?", "Unprotected"]
    words = page.find("#verify-result .sentence").text
    assert words.endswith("this says nothing about whether the picture was changed.")
    page.screenshot("unprotected-light")


@pytest.mark.slow
def test_the_hidden_copy_is_shown_when_asked_for(verifying, pictures):
    page = verifying
    verify(page, pictures / "immunized.png")
    assert page.all("#verify-result .rights button") == []
    page.click("#verify-result .ask-hidden-copy")
    right = page.shown("#verify-result .slider .right img")
    page.until(lambda: "hidden description" in right.get_attribute("alt"))
    page.until(lambda: page.run("return arguments[0].naturalWidth", right) == 384)
    assert "Hidden copy" in page.find("#verify-result .handle").get_attribute("aria-valuetext")


@pytest.mark.slow
def test_a_changed_copy_comes_with_reconstruction_and_hidden_copy(verifying, pictures):
    page = verifying
    verify(page, pictures / "edited.jpg")
    right = page.shown("#verify-result .slider .right img")
    names = [button.text for button in page.all("#verify-result .rights button")]
    assert names == ["Reconstruction", "Hidden copy"]
    assert "reconstruction" in right.get_attribute("alt")
    page.click("#verify-result .rights button:last-child")
    page.until(lambda: "hidden description" in right.get_attribute("alt"))
    assert page.all("#verify-result .ask-hidden-copy") == []


@pytest.mark.slow
def test_a_part_is_drawn_in_its_place_and_what_was_cut_away_is_shown(verifying, pictures, tmp_path):
    page = verifying
    with Image.open(pictures / "immunized.png") as image:
        image.crop((0, 0, 384, 340)).save(tmp_path / "part.png")
    verify(page, tmp_path / "part.png")
    told = page.shown("#verify-result .whereabouts")
    assert "This copy shows 89 % of what was published." in told.text
    assert "rough reconstruction" not in told.text
    rest = page.find("#verify-result .whereabouts .rest")
    assert not rest.is_displayed()
    page.click("#verify-result .whereabouts label")
    assert rest.is_displayed()
    assert "rough reconstruction" in told.text
    size = "const image = new Image(); image.src = arguments[0].getAttribute('href');"
    size += "return image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    assert page.run(size, rest) == [256, 256]
    page.screenshot("cut-away-light")


SCALES = """
    const widths = [...document.querySelectorAll("#verify-result .plane img")]
      .map((image) => image.getBoundingClientRect());
    return widths.map(({ left, top, width }) => [left, top, width].map(Math.round));
"""


@pytest.mark.slow
def test_all_pictures_are_zoomed_and_moved_together(verifying, pictures):
    page = verifying
    verify(page, pictures / "edited.jpg")
    view = page.shown("#verify-result .slider")
    page.until(lambda: page.find("#verify-result .scale").text.endswith("%"))
    page.click("#verify-result .zoom[aria-label*='twice']")
    assert page.find("#verify-result .scale").text == "200 %"
    left, right = page.run(SCALES)
    assert left == right
    assert left[2] == 2 * 384
    page.run("arguments[0].focus()", view)
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    moved, also = page.run(SCALES)
    assert moved == also
    assert moved[0] == left[0] - 40
    handle = page.find("#verify-result .handle").get_attribute("aria-valuenow")
    page.drag(
        "#verify-result .slider", [(0.8, 0.3), (0.7, 0.3)]
    )  # moves the picture, not the handle
    assert page.run(SCALES)[0][0] < moved[0]
    assert page.find("#verify-result .handle").get_attribute("aria-valuenow") == handle
    page.press("0")
    assert page.run(SCALES)[0][2] == pytest.approx(view.rect["width"], abs=1)


@pytest.mark.slow
def test_a_region_is_looked_at_close_up(verifying, pictures):
    page = verifying
    verify(page, pictures / "edited.jpg")
    closer = page.shown("#verify-result .closer")
    assert [each.text for each in page.all("#verify-result .close-up")] == [
        "As received",
        "Reconstruction",
        "Hidden copy",
    ]
    sizes = {tuple(canvas.size.values()) for canvas in page.all("#verify-result .close-up canvas")}
    assert len(sizes) == 1
    fit = page.run(SCALES)[0][2]
    page.run("arguments[0].click()", closer)
    view, box = page.find("#verify-result .slider").rect, page.find("#verify-result .box").rect
    assert page.run(SCALES)[0][2] > fit
    middle = view["x"] + view["width"] / 2
    assert box["x"] + box["width"] / 2 == pytest.approx(middle, abs=view["width"] / 4)
    page.screenshot("close-up-light")


@pytest.mark.slow
def test_several_copies_in_a_list_survive_a_reload_until_they_are_cleared(verifying, pictures):
    page = verifying
    names = ["edited.jpg", "immunized.png", "other.png"]
    page.find("#verify-file").send_keys("\n".join(str(pictures / name) for name in names))
    page.until(lambda: [s.text for s in page.all(".copy .state")] == STATES)
    assert [each.text for each in page.all(".copy strong")] == names
    page.screenshot("several-light")
    page.click(".copies li:nth-child(2) .copy")
    page.until(lambda: page.find("#verify-result .file-name").text == "immunized.png")
    page.driver.refresh()
    page.until(lambda: [s.text for s in page.all(".copy .state")] == STATES)
    assert page.shown("#verify-result .file-name").text == "other.png"
    page.click(".copies li:nth-child(1) .copy")
    page.shown("#verify-result .region")
    assert "survive a reload" in page.find("#verify-kept-note").text
    page.click("#verify-clear")
    page.until(lambda: page.all(".copy") == [])
    page.driver.refresh()
    page.until(lambda: page.run("return document.documentElement.dataset.ready"))
    assert page.all(".copy") == page.all("#verify-result .sentence") == []


STATES = ["! Tampered", "= No change found", "? Unprotected"]


@pytest.mark.slow
def test_a_sample_is_protected_changed_and_verified_with_one_click(verifying):
    page = verifying
    page.click("#verify-sample")
    assert "changed since" in page.shown("#verify-result .sentence").text
    assert page.find("#verify-result .file-name").text == "sample.changed.jpg"
    page.screenshot("sample-light")


@pytest.mark.slow
def test_the_result_is_downloaded_as_json(verifying, pictures):
    page = verifying
    verify(page, pictures / "immunized.png")
    page.find("a[download='immunized.verdict.json']").click()
    record = json.loads(page.downloaded("immunized.verdict.json").read_text())
    assert (record["schema"], record["verdict"]) == ("imuge.verdict/2", "intact")


@pytest.mark.slow
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


@pytest.mark.slow
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
