"""Playground: edits with pointer and keyboard, saved as others would, and what imuge finds."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import Keys

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def editing(page, pictures):
    """The page with the immunized photo in the playground."""
    page.open("playground")
    page.choose("#play-file", pictures / "immunized.png")
    page.shown("#editor")
    return page


def seen(page):
    """The edited photo as it is seen, (H, W, 3)."""
    return page.pixels("view")


def use(page, tool):
    page.click(f".tools label:has([value={tool}])")


def overlap(page):
    """Verify the copy; (changed, found, right) in per cent, as the page says them."""
    page.click("#play-verify")
    words = page.shown("#overlap").text
    return [float(number) for number in re.findall(r"([\d.]+) %", words)]


@pytest.mark.slow
def test_paint_and_text_then_jpeg_75_are_found(editing):
    page = editing
    page.drag("#marks", [(0.2, 0.55), (0.3, 0.6), (0.38, 0.75), (0.3, 0.8), (0.2, 0.6)])
    page.drag("#marks", [(0.22, 0.66), (0.3, 0.7), (0.33, 0.76)])
    page.run("document.getElementById('text-size').value = 22")
    use(page, "text")
    page.fill("#words", "SALE")
    page.click("#place-text")
    page.drag("#marks", [(0.5, 0.5), (0.6, 0.3)])
    page.screenshot("playground-light")
    page.click("#float-apply")
    assert page.find("#edit-count").text == "3 edits"
    assert page.find("#quality-value").text == "75"
    changed, found, right = overlap(page)
    assert page.shown("#play-result .badge").text.endswith("Tampered")
    assert changed > 5
    assert found > 70
    assert right > 60
    page.screenshot("playground-result-light")


@pytest.mark.slow
def test_the_true_mask_is_where_pixels_changed(editing, pictures):
    page = editing
    page.drag("#marks", [(0.2, 0.3), (0.6, 0.3)])
    page.click("#play-save")
    with Image.open(pictures / "immunized.png") as image:
        before = np.asarray(image.convert("RGB"), np.int16)
    differ = (seen(page) != before).any(axis=2)
    changed = overlap(page)[0]
    assert changed == pytest.approx(100 * differ.mean(), rel=0.02)
    page.downloaded("immunized.edited.jpg")


@pytest.mark.slow
def test_what_is_verified_is_the_jpeg_that_is_saved(editing, desk):
    page = editing
    page.drag("#marks", [(0.2, 0.3), (0.6, 0.3)])
    page.click("#play-save")
    with Image.open(io.BytesIO(page.downloaded("immunized.edited.jpg").read_bytes())) as image:
        assert image.format == "JPEG"
        saved = np.asarray(image.convert("RGB"), np.int16)
    assert np.abs(saved - seen(page)).mean() < 4
    size = page.find("#save-size").text
    assert "384 × 384" in size
    assert desk.verify(page.downloads / "immunized.edited.jpg").verdict == "tampered"


@pytest.mark.slow
def test_every_edit_can_be_taken_back_and_made_again(editing):
    page = editing
    start = seen(page)
    page.drag("#marks", [(0.2, 0.3), (0.6, 0.3)])
    painted = seen(page)
    use(page, "blur")
    page.drag("#marks", [(0.5, 0.6), (0.7, 0.6)])
    blurred = seen(page)
    assert (painted != start).any()
    assert (blurred != painted).any()
    page.click("#undo")
    assert (seen(page) == painted).all()
    page.click("#undo")
    assert (seen(page) == start).all()
    assert not page.find("#undo").is_enabled()
    page.click("#redo")
    page.chord(Keys.CONTROL, "y")
    assert (seen(page) == blurred).all()
    page.click("#reset")
    assert (seen(page) == start).all()


@pytest.mark.slow
def test_a_piece_is_cut_out_and_moved_by_numbers_alone(editing):
    page = editing
    start = seen(page)
    use(page, "select")
    for field, value in {"x": 40, "y": 200, "w": 80, "h": 60}.items():
        page.fill(f"#select-{field}", value)
    page.click("#lift-cut")
    page.fill("#float-x", 250)
    page.fill("#float-y", 20)
    page.click("#float-apply")
    after = seen(page)
    assert (after[20:80, 250:330] == start[200:260, 40:120]).all()
    hole = after[200:260, 40:120].astype(float)
    assert np.abs(np.diff(hole, axis=1)).mean() < 6  # smooth, from its border
    outside = np.ones(after.shape[:2], bool)
    outside[20:80, 250:330] = outside[200:260, 40:120] = False
    assert (after[outside] == start[outside]).all()


@pytest.mark.slow
def test_a_selection_drawn_with_the_pointer_is_removed(editing):
    page = editing
    start = seen(page)
    use(page, "select")
    assert not page.find("#fill").is_enabled()
    page.drag("#marks", [(0.25, 0.5), (0.5, 0.75)])
    page.click("#fill")
    rows, columns = np.nonzero((seen(page) != start).any(axis=2))
    assert columns.min() == pytest.approx(96, abs=4)
    assert rows.max() == pytest.approx(288, abs=4)


@pytest.mark.slow
def test_another_picture_is_pasted_and_nudged(editing, pictures):
    page = editing
    start = seen(page)
    use(page, "paste")
    page.choose("#patch-file", pictures / "other.png")
    page.shown("#floating")
    left = int(page.find("#float-x").get_attribute("value"))
    page.until(lambda: page.focused() == "marks")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert int(page.find("#float-x").get_attribute("value")) == left + 8  # 1 % of 384, twice
    page.press(Keys.ENTER)
    rows, columns = np.nonzero((seen(page) != start).any(axis=2))
    assert columns.min() == pytest.approx(left + 8, abs=2)
    assert np.ptp(rows) == pytest.approx(128, abs=3)


def test_a_stroke_with_the_keyboard_alone(editing):
    page = editing
    start = seen(page)
    page.run("document.getElementById('marks').focus()")
    page.press(Keys.ENTER, *[Keys.ARROW_LEFT] * 10, Keys.ENTER)
    assert page.find("#edit-count").text == "1 edit"
    rows, columns = np.nonzero((seen(page) != start).any(axis=2))
    assert np.ptp(columns) == pytest.approx(40 + 23, abs=4)  # ten times 4 pixels, and the brush
    assert np.ptp(rows) == pytest.approx(23, abs=4)


@pytest.mark.slow
def test_escape_leaves_no_trace_of_a_piece(editing):
    page = editing
    start = seen(page)
    use(page, "select")
    page.drag("#marks", [(0.25, 0.5), (0.5, 0.75)])
    page.click("#lift-cut")
    assert (seen(page) != start).any()
    page.press(Keys.ESCAPE)
    assert (seen(page) == start).all()
    assert page.find("#edit-count").text == "No edits yet"


@pytest.mark.slow
def test_a_crop_by_numbers_is_read_all_the_same(editing):
    page = editing
    assert not page.find("#geometry-note").is_displayed()
    page.drag("#marks", [(0.2, 0.5), (0.4, 0.6)])
    use(page, "crop")
    page.fill("#crop-left", 21)
    assert page.shown("#geometry-note").is_displayed()
    page.until(lambda: "363 × 384" in page.find("#save-size").text)
    page.click("#play-verify")
    assert not page.shown("#play-result .badge").text.endswith("Unprotected")
    assert page.shown("#overlap").text


def cropped(page):
    """Pixels off left, top, right and bottom, as the fields say."""
    sides = ("left", "top", "right", "bottom")
    return [int(page.find(f"#crop-{side}").get_attribute("value")) for side in sides]


@pytest.mark.slow
def test_a_frame_is_drawn_moved_and_drawn_by_its_corner(editing):
    page = editing
    start = seen(page)
    use(page, "crop")
    page.drag("#marks", [(0.25, 0.25), (0.75, 0.75)])
    assert cropped(page) == pytest.approx([96, 96, 96, 96], abs=2)
    page.drag("#marks", [(0.5, 0.5), (0.6, 0.4)])
    assert cropped(page) == pytest.approx([134, 58, 58, 134], abs=3)
    page.drag("#marks", [(0.85, 0.65), (1.0, 0.65)])
    assert cropped(page) == pytest.approx([134, 58, 0, 134], abs=3)
    assert (seen(page) == start).all(), "a crop is no edit"
    page.click("#crop-none")
    assert cropped(page) == [0, 0, 0, 0]
    page.run("document.getElementById('marks').focus()")
    page.press(Keys.ENTER, *[Keys.ARROW_LEFT] * 20, *[Keys.ARROW_UP] * 30, Keys.ENTER)
    across, down, right, bottom = cropped(page)
    assert (across + 80 + right, down + 120 + bottom) == (384, 384)
    page.press(Keys.ESCAPE)
    assert cropped(page) == [0, 0, 0, 0]


@pytest.mark.slow
def test_quarter_turns_and_mirroring_only_move_pixels(editing, pictures):
    page = editing
    page.pick("#save-format", "PNG")
    use(page, "crop")
    page.fill("#crop-left", 20)
    page.fill("#crop-bottom", 51)
    page.click("#turn-right")
    page.click("#mirror")
    page.click("#play-save")
    with Image.open(page.downloaded("immunized.edited.png")) as image:
        copy = np.asarray(image.convert("RGB"))
    with Image.open(pictures / "immunized.png") as image:
        whole = np.asarray(image.convert("RGB"))
    assert (copy == np.fliplr(np.rot90(whole[:-51, 20:], -1))).all()


@pytest.mark.slow
def test_a_changed_part_that_was_turned_is_judged_and_drawn_in_its_place(page, desk, tmp_path):
    photo = Path(__file__).parents[2] / "data" / "astronaut.webp"  # 512 pixels: turned, 384 are few
    desk.immunize(photo, format="PNG").save(tmp_path / "whole.png")
    page.open("playground")
    page.choose("#play-file", tmp_path / "whole.png")
    page.drag("#marks", [(0.3, 0.5), (0.4, 0.6), (0.3, 0.6), (0.42, 0.5)])
    use(page, "crop")
    page.drag("#marks", [(0.02, 0.06), (0.96, 0.98)])
    page.run(
        "const turn = document.getElementById('turn'); turn.value = 3;"
        "turn.dispatchEvent(new Event('input'))"
    )
    assert page.find("#turn-value").text == "3°"
    page.screenshot("playground-crop-light")
    changed, found, right = overlap(page)
    assert page.find("#play-result .badge").text.endswith("Tampered")
    assert changed > 2
    assert found > 50
    assert right > 40
    told = page.shown("#play-result .whereabouts").text
    share, turn = re.search(
        r"shows (\d+) % of what was published, turned by ([\d.]+)° clock", told
    ).groups()
    assert float(turn) == pytest.approx(3, abs=0.3)
    # The largest upright rectangle in a crop of 0.94 x 0.92 that is turned by 3°.
    assert int(share) == pytest.approx(78, abs=2)
    page.click("#play-result .whereabouts label")
    assert page.find("#play-result .whereabouts .rest").is_displayed()
    page.screenshot("playground-part-light")
    page.look((360, 780), dark=True)
    page.screenshot("playground-part-phone-dark")


@pytest.mark.slow
def test_from_immunize_straight_into_the_playground(page, pictures):
    page.choose("#immunize-file", pictures / "photo.jpg")
    page.click("#immunize-form .primary")
    page.click("#immunize-play")
    page.shown("#editor")
    assert page.find("#tab-playground").get_attribute("aria-selected") == "true"
    assert overlap(page) == [0]
    assert page.find("#play-result .badge").text.endswith("No change found")
    assert not page.find("#play-unprotected").is_displayed()


@pytest.mark.slow
def test_a_photo_that_is_not_protected_is_told_so_at_once(page, pictures):
    page.open("playground")
    page.choose("#play-file", pictures / "other.png")
    assert "not protected" in page.shown("#play-unprotected").text
    page.click("#play-immunize")
    assert "other.png" in page.shown("#immunize-chosen").text


def test_a_finger_can_scroll_past_the_photo(editing):
    page = editing
    touches = "return getComputedStyle(document.getElementById('marks')).pointerEvents"
    assert page.run(touches) == "auto"
    page.run("document.querySelector('.tools [value=scroll]').click()")
    assert page.run(touches) == "none"
    use(page, "brush")
    assert page.run(touches) == "auto"
