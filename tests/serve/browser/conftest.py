"""The service as a process, a Chromium, and a page that is watched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_page import DESKTOP, Page, chromium, start
from page_service import serving
from PIL import Image

from imuge.guard import Guard
from imuge.keys import Key

SIZE = 384  # of the pictures; large enough for regions, small enough for a second


@pytest.fixture(scope="session")
def desk_key() -> Key:
    return Key.from_secret("newsdesk", bytes(range(32)))


@pytest.fixture(scope="session")
def desk(desk_key: Key) -> Guard:
    """Who checks what the page gives out."""
    return Guard(desk_key)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory, desk: Guard) -> Path:
    """A folder: photo.jpg, immunized.png, edited.jpg (a grey block, JPEG 85), other.png."""
    folder = tmp_path_factory.mktemp("pictures")
    data = Path(__file__).parents[2] / "data"
    with Image.open(data / "astronaut.webp") as image:
        photo = image.convert("RGB").resize((SIZE, SIZE))
    with Image.open(data / "maldives.webp") as image:
        image.convert("RGB").crop((0, 0, SIZE, SIZE)).save(folder / "other.png")
    photo.save(folder / "photo.jpg", quality=95)
    desk.immunize(folder / "photo.jpg", format="PNG").save(folder / "immunized.png")
    with Image.open(folder / "immunized.png") as image:
        edited = image.copy()
    edited.paste((120, 120, 120), (60, 180, 160, 270))
    edited.save(folder / "edited.jpg", quality=85)
    return folder


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, desk_key: Key) -> Iterator[str]:
    """Where the service runs that most tests use."""
    options = ("--max-megabytes", "2", "--max-megapixels", "3")
    with serving(tmp_path_factory.mktemp("service"), desk_key, *options) as (address, _):
        yield address


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory):
    if chromium() is None:
        pytest.skip("no chromium and chromedriver here; make browser installs them")
    driver = start(tmp_path_factory.mktemp("profile"), tmp_path_factory.mktemp("downloads"))
    yield driver
    driver.quit()


@pytest.fixture
def page(chrome, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, loaded; afterwards its console must be empty and its requests its own."""
    chrome.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    for kind in ("browser", "performance"):
        chrome.get_log(kind)  # what earlier tests left
    address = request.getfixturevalue("address")
    kept = {"origin": address.rstrip("/"), "storageTypes": "all"}  # by earlier tests
    chrome.execute_cdp_cmd("Storage.clearDataForOrigin", kept)
    page = Page(chrome, address, tmp_path)
    page.open(size=DESKTOP)
    yield page
    assert page.complaints() == []
    foreign = [
        sent["url"]
        for sent in page.sent()
        if not sent["url"].startswith((page.address, "blob:", "data:", "about:"))
    ]
    assert foreign == []
    page.driver.get("about:blank")  # ends what still runs
