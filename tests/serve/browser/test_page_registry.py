"""With a registry: a record and a receipt after immunizing, publisher and date after verifying."""

import pytest
from browser_page import DESKTOP, PHONE
from page_service import serving
from PIL import Image

from imuge.registry import Receipt, Registry, verify_receipt

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IMUGE_REGISTRY_URL", str(folder / "registry.sqlite"))
        with Registry.create(name="registry.example.org/page") as made:
            yield made


@pytest.fixture(scope="module")
def address(registry, tmp_path_factory, desk_key):
    assert registry.show().size == 0
    options = ("--registry", "--publisher", "The Example Times", "--thumbnail")
    with serving(tmp_path_factory.mktemp("service"), desk_key, *options) as (address, _):
        yield address


def test_published_here_and_found_again(page, pictures, registry, tmp_path):
    assert "recorded in the registry registry.example.org/page" in page.find("#immunize-kept").text
    assert not any(each.is_displayed() for each in page.all(".sample"))  # they would be recorded
    page.choose("#immunize-file", pictures / "photo.jpg")
    page.click("#immunize-form .primary")
    page.shown("#immunize-result")
    assert page.find("#immunize-record").text == "It is record 0 of this service’s registry."
    page.click("#immunize-receipt")
    receipt = Receipt.parse(page.downloaded("photo.immunized.jpg.receipt.json").read_bytes())
    page.click("#immunize-download")
    made = page.downloaded("photo.immunized.jpg")
    assert verify_receipt(receipt, registry.verifier, file=made.read_bytes()).file_agrees
    page.screenshot("published-light")

    copy = tmp_path / "copy.jpg"
    with Image.open(made) as image:
        image.save(copy, quality=80)
    page.click("#tab-verify")
    page.choose("#verify-file", copy)
    text = page.shown(".published").text
    assert "Published by The Example Times on 2" in text
    assert "It shows the same as the record, as far as" in text
    assert page.run("return document.querySelector('.published img').naturalWidth") == 256
    page.screenshot("verified-published-light")
    page.look(PHONE, dark=False)
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.screenshot("verified-published-phone")
    page.look(DESKTOP, dark=True)
    page.screenshot("verified-published-dark")


def test_without_a_record_the_registry_says_so(page, pictures):
    page.click("#tab-verify")
    page.choose("#verify-file", pictures / "edited.jpg")
    text = page.shown(".published").text
    assert "registry.example.org/page has no record of it" in text
    assert page.run("return document.querySelectorAll('.published img').length") == 0
