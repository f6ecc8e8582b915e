"""Whom the page must not shut out: keyboard, screen reader, contrast, dark, narrow, calm."""

import re
from itertools import pairwise

import pytest
from browser_page import DESKTOP, PHONE
from selenium.webdriver import Keys

pytestmark = pytest.mark.browser

LOOKS = [("phone-light", PHONE, False), ("phone-dark", PHONE, True), ("dark", DESKTOP, True)]
CONTROLS = "button, input, select, a[href], [role=slider], [role=application], summary"
NAMELESS = f"""
    const named = (e) =>
      e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.[0]?.textContent.trim();
    const controls = [...document.querySelectorAll("{CONTROLS}")];
    return controls.filter((e) => !named(e)).map((e) => e.outerHTML);
"""
HEADINGS = """
    return [...document.querySelectorAll("h1, h2, h3, h4")]
      .filter((e) => e.checkVisibility()).map((e) => Number(e.tagName[1]));
"""
CONTRASTS = r"""
    // Of every text that is seen: [ratio, needed, text]. Backgrounds of this page are plain.
    const parse = (colour) => {
      const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
      return colour.startsWith("color(") ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => a * c + (1 - a) * below[i]);
    const background = (element) => {
      if (!element) return [255, 255, 255];
      const own = parse(getComputedStyle(element).backgroundColor);
      return own[3] === 1 ? own.slice(0, 3) : over(own, background(element.parentElement));
    };
    const linear = (c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = (rgb) => {
      const [r, g, b] = rgb.map((c) => linear(c / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.textContent.trim();
      const element = walker.currentNode.parentElement;
      if (!text || !element.checkVisibility() || element.closest("template, :disabled")) continue;
      if (element.closest(".visually-hidden, .skip, .tag")) continue;
      const style = getComputedStyle(element);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const below = background(element);
      const lights = [light(over(parse(style.color), below)), light(below)];
      const ratio = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
      found.push([ratio, large ? 3 : 4.5, text.slice(0, 40)]);
    }
    return found;
"""


def states(page, pictures):
    """Bring the page into its main states, one after another."""
    yield "start"
    page.choose("#immunize-file", pictures / "photo.jpg")
    page.shown("#immunize-form")
    page.run("document.querySelector('.options').open = true")
    yield "options"
    page.run("document.querySelector('.options').open = false")
    page.click("#immunize-form .primary")
    page.shown("#residual-figure")
    yield "immunized"
    page.click("#tab-verify")
    page.choose("#verify-file", pictures / "edited.jpg")
    page.shown("#verify-result .sentence")
    page.run("document.querySelector('.facts-details').open = true")
    yield "tampered"
    page.click("#tab-playground")
    yield "playground-start"
    page.choose("#play-file", pictures / "immunized.png")
    page.shown("#editor")
    page.drag("#marks", [(0.2, 0.6), (0.4, 0.7), (0.3, 0.8)])
    yield "playground"
    page.run("document.querySelector('.tools [value=crop]').click()")
    page.fill("#crop-left", 21)
    page.until(lambda: "363 × 384" in page.find("#save-size").text)
    yield "playground-crop"
    page.click("#play-verify")
    page.shown("#overlap")
    page.click("#play-result .whereabouts label")
    yield "playground-result"


@pytest.mark.slow
def test_every_state_can_be_read_whatever_the_screen(page, pictures):
    """Contrast, width, names, texts and headings, in one walk: the walk is what takes time."""
    for state in states(page, pictures):
        for name, size, dark in LOOKS:
            page.look(size, dark=dark)
            assert unreadable(page) == [], f"{state} {name}"
            wide, seen = page.run("return [document.documentElement.scrollWidth, innerWidth]")
            assert wide <= seen, f"{state} {name}"
            page.screenshot(f"{state}-{name}")
        page.look(DESKTOP, dark=False)
        assert page.run(NAMELESS) == [], state
        images = page.run("return [...document.images].map((e) => e.getAttribute('alt'))")
        assert None not in images, state
        ids = page.run("return [...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert len(ids) == len(set(ids)), state
        levels = page.run(HEADINGS)
        assert levels[0] == 1, state
        assert max(b - a for a, b in pairwise(levels)) == 1, state  # no level is left out


def unreadable(page):
    """Texts whose contrast is below WCAG AA: [ratio, needed, text]."""
    contrasts = page.run(CONTRASTS)
    assert len(contrasts) > 10
    return [text for text in contrasts if text[0] < text[1]]


def test_the_tabs_are_tabs(page):
    page.run("document.getElementById('tab-immunize').focus()")
    page.press(Keys.ARROW_RIGHT)
    assert page.focused() == "tab-verify"
    assert page.find("#verify").is_displayed()
    assert not page.find("#immunize").is_displayed()
    page.press(Keys.END)
    assert page.focused() == "tab-help"
    assert page.find("#help-verdicts").is_displayed()
    page.press(Keys.ARROW_RIGHT)
    assert page.focused() == "tab-immunize"
    assert page.driver.current_url.endswith("#immunize")


def test_tab_goes_through_in_the_order_of_reading_and_is_seen(page):
    page.run("document.activeElement.blur()")
    order = []
    for _ in range(6):
        page.press(Keys.TAB)
        order.append(page.focused() or page.run("return document.activeElement.className"))
    assert order == ["skip", "to-help", "", "tab-immunize", "immunize-file", "immunize-sample"]
    page.run("document.getElementById('tab-immunize').focus()")
    page.press(Keys.TAB)
    zone = page.find("#immunize .drop")
    assert zone.value_of_css_property("outline-style") == "solid"
    assert zone.value_of_css_property("outline-width") == "3px"


@pytest.mark.slow
def test_a_photo_is_immunized_and_compared_with_the_keyboard_alone(page, pictures):
    page.choose("#immunize-file", pictures / "photo.jpg")  # the browser's dialog is not ours
    page.shown("#immunize-form")
    page.press(Keys.ENTER)  # the focus is on the button
    page.shown("#immunize-result")
    page.press(Keys.TAB)
    assert page.focused() == "immunize-download"
    # Past the receipt, the playground and the picture, which zooms.
    page.press(*[Keys.TAB] * 4, Keys.ARROW_LEFT)
    assert page.find("#immunize-slider .handle").get_attribute("aria-valuenow") == "48"


@pytest.mark.slow
def test_progress_and_verdict_are_announced(page, pictures):
    page.run(
        "window.said = [];"
        "new MutationObserver(() => said.push(document.getElementById('announcer').textContent))"
        ".observe(document.getElementById('announcer'), { childList: true })"
    )
    page.click("#tab-verify")
    page.choose("#verify-file", pictures / "edited.jpg")
    page.shown("#verify-result .sentence")
    said = page.run("return said")
    assert said[0] == "Sending the picture"
    assert "Fetching the result" in said
    assert page.find("#announcer").get_attribute("role") == "status"
    assert page.run("return document.activeElement.className") == "sentence"


def test_people_who_want_no_motion_get_none(page):
    moving = "return getComputedStyle(document.querySelector('.drop')).transitionDuration"
    page.prefer(reduced_motion="no-preference")
    assert "0.15s" in page.run(moving)
    page.prefer(reduced_motion="reduce")
    assert "0.15s" not in page.run(moving)


def test_the_page_says_what_is_kept_and_runs_no_inline_code(page):
    for panel in ("immunize", "verify", "playground"):
        page.open(panel)
        assert re.match(
            "Nothing is kept:|The service keeps nothing:", page.shown(f"#{panel} .kept").text
        )
    source = page.run("return fetch('./').then((answer) => answer.text())")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", source)
    assert not re.search(r"(src|href)=\"(https?:)?//", source)
