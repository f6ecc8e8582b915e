"""Errors: told in one sentence, with what to do, and a way to try again."""

import signal

import numpy as np
import pytest
from browser_page import Page
from page_service import serving
from PIL import Image
from selenium.webdriver import Keys

from imuge.serve.tokens import new_token, write_tokens

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "made"
    made.mkdir()
    return made


def verify_error(page, file):
    """Choose a file to verify; the words of the alert."""
    page.open("verify")
    page.choose("#verify-file", file)
    return page.shown("#verify-job [role=alert]").text


def use_token(page, token):
    page.fill("#token", token)
    page.click("#token-form button")
    page.until(lambda: "accepted" in page.find("#token-state").text)


def posted(page):
    return [sent["url"] for sent in page.sent() if sent["method"] == "POST"]


@pytest.mark.slow
def test_a_file_that_is_no_picture_is_not_even_sent(page, folder):
    (folder / "notes.txt").write_text("not a picture")
    words = verify_error(page, folder / "notes.txt")
    assert "got “notes.txt” (text/plain)" in words
    assert posted(page) == []
    page.screenshot("not-a-picture-light")


@pytest.mark.slow
def test_what_only_calls_itself_a_picture_is_refused_by_the_service(page, folder):
    (folder / "fake.jpg").write_bytes(b"GIF89a nothing of the kind")
    words = verify_error(page, folder / "fake.jpg")
    assert words.startswith("This is not a picture that imuge takes")
    assert len(posted(page)) == 1


@pytest.mark.slow
def test_a_file_beyond_the_limit_is_not_sent(page, folder):
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    Image.fromarray(noise).save(folder / "large.png")
    words = verify_error(page, folder / "large.png")
    assert "at most 2.1 MB, got 2.4 MB" in words
    assert posted(page) == []


@pytest.mark.slow
def test_a_picture_of_too_many_pixels_is_not_sent(page, folder):
    Image.new("RGB", (2500, 1500)).save(folder / "wide.png")
    words = verify_error(page, folder / "wide.png")
    assert "at most 3.0 megapixels, got 2500 × 1500" in words
    assert posted(page) == []


@pytest.mark.slow
def test_a_picture_that_is_too_small_is_told_by_the_service(page, folder):
    Image.new("RGB", (40, 30)).save(folder / "tiny.png")
    words = verify_error(page, folder / "tiny.png")
    assert "128" in words


@pytest.fixture
def guarded(chrome, tmp_path_factory, desk_key):
    """A page whose service wants tokens and takes three pictures a minute; tokens; the process."""
    folder = tmp_path_factory.mktemp("guarded")
    made = {role: new_token(role, role) for role in ("verify-coarse", "verify")}
    write_tokens(folder / "tokens.json", tuple(token for _, token in made.values()))
    options = ("--tokens", str(folder / "tokens.json"), "--rate", "3")
    with serving(folder, desk_key, *options) as (address, process):
        yield (
            Page(chrome, address, folder),
            {role: text for role, (text, _) in made.items()},
            process,
        )
        chrome.get("about:blank")


@pytest.mark.slow
def test_token_then_too_many_requests_then_no_service(guarded, pictures):
    page, tokens, process = guarded
    page.open("verify")
    assert page.shown("#token-form").is_displayed()
    page.choose("#verify-file", pictures / "edited.jpg")
    assert "token" in page.shown("#verify-job [role=alert]").text
    assert page.focused() == "token"
    page.screenshot("token-light")

    page.press("wrong", Keys.ENTER)
    page.until(lambda: "does not know" in page.find("#token-state").text)
    use_token(page, tokens["verify-coarse"])
    page.click("#verify-job .retry")
    assert page.shown("#verify-result .badge").text.endswith("Tampered")
    blocks = page.shown("#verify-result canvas")
    assert blocks.get_attribute("width") == "384"
    assert not page.find("#verify-result .facts-details").is_displayed()
    assert page.all("#verify-result .ask-hidden-copy") == []
    assert not page.find("#tab-immunize").is_displayed()
    assert not page.find("#verify-sample").is_displayed()
    page.screenshot("coarse-light")

    page.click("#token-change")
    use_token(page, tokens["verify"])
    assert page.run("return sessionStorage.getItem('imuge-token')") == tokens["verify"]
    assert page.run("return localStorage.length") == 0
    for _ in range(4):  # more than the minute allows
        page.choose("#verify-file", pictures / "immunized.png")
        page.until(lambda: page.all("#verify-result .sentence") or page.all("#verify-job .retry"))
    retry = page.shown("#verify-job .retry")
    assert "busy" in page.find("#verify-job [role=alert]").text
    assert retry.text.startswith("Try again in ")
    assert not retry.is_enabled()
    page.screenshot("busy-light")

    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    page.choose("#verify-file", pictures / "immunized.png")
    page.until(lambda: "cannot be reached" in page.find("#verify-job").text)
    assert page.find("#verify-job .retry").is_enabled()
    page.screenshot("unreachable-light")
