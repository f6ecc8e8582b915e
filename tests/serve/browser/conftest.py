"""The service as a process, a Chromium, and a page that is watched."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

pytest.importorskip("selenium", reason="selenium is not installed: pip install 'imuge[dev]'")

from browser_page import DESKTOP, Page, chromium, start  # noqa: E402 - needs selenium
from PIL import Image  # noqa: E402

from imuge.guard import Guard  # noqa: E402
from imuge.keys import Key, write_key  # noqa: E402

STARTS_WITHIN_S = 90
SIZE = 384  # of the pictures; large enough for regions, small enough for a second


@contextmanager
def serving(folder: Path, key: Key, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`imuge serve` on a free port; gives its address and the process."""
    key_file = folder / "newsdesk.key"
    write_key(key, key_file)
    command = [str(Path(sys.executable).with_name("imuge")), "serve", "--port", "0"]
    command += ["--key", str(key_file), "--rate", "0", *options]
    log = folder / "service.log"
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield address_of(process, log), process
        finally:
            process.kill()


def address_of(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the service answers, and give its address."""
    ends = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < ends and process.poll() is None:
        if (said := re.search(r"listens on (http://\S+)", log.read_text())) and answers(said[1]):
            return f"{said[1]}/"
        time.sleep(0.1)
    raise AssertionError(f"the service did not start: {log.read_text()[-2000:]}")


def answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:  # not yet
        return False


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
    options = ("--max-megabytes", "2", "--max-megapixels", "1.2")
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
