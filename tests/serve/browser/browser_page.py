"""A real Chromium with the page in it, and what the tests do there again and again.

Chromium and its driver are Debian's (`make browser`); nothing is downloaded. The profile is new
each time.
"""

import base64
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

SCREENSHOTS = Path(__file__).parents[3] / "out" / "screenshots"
WAIT_S = 120  # for what takes a second on a machine that has nothing else to do
DESKTOP, PHONE = (1200, 900), (360, 780)
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
)


def chromium() -> tuple[str, str] | None:
    """Where Chromium and its driver are, or None."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


def start(profile: Path, downloads: Path) -> webdriver.Chrome:
    """Start a browser that keeps its console and its requests for us."""
    found = chromium()
    assert found is not None
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(executable_path=found[1]))


class Page:
    """The page as a person has it, at `address`."""

    def __init__(self, driver: webdriver.Chrome, address: str, downloads: Path) -> None:
        self.driver = driver
        self.address = address
        self.downloads = downloads
        self.requests: list[dict[str, Any]] = []  # all that the page has sent

    def open(self, panel: str = "", *, size: tuple[int, int] = DESKTOP, dark: bool = False) -> None:
        """Load the page afresh."""
        self.look(size, dark=dark)
        self.driver.get("about:blank")  # the same address with another # would not be loaded
        self.driver.get(f"{self.address}#{panel}")
        self.until(lambda: self.run("return document.documentElement.dataset.ready === 'yes'"))

    def look(self, size: tuple[int, int], *, dark: bool) -> None:
        """Give the screen a size and the person a taste for light or dark."""
        self.resize(size)
        # Without motion, or colours would be read while they change.
        self.prefer(color_scheme="dark" if dark else "light", reduced_motion="reduce")

    def prefer(self, **choices: str) -> None:
        """Set what the person prefers, all else as by default: `color_scheme="dark"`."""
        features = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in choices.items()
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def resize(self, size: tuple[int, int]) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript."""
        return self.driver.execute_script(script, *arguments)

    def until(self, condition: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
        """Wait until `condition` gives something true, and give that."""
        return WebDriverWait(self.driver, timeout_s, 0.05).until(lambda _: condition())

    def find(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def shown(self, css: str) -> WebElement:
        """Wait for an element that can be seen."""
        return self.until(lambda: next((e for e in self.all(css) if e.is_displayed()), None))

    def click(self, css: str) -> None:
        element = self.shown(css)
        # To the middle: the bar with the tabs covers what lies at the upper edge.
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def choose(self, css: str, file: Path) -> None:
        """Choose a file, as with the browser's own dialog."""
        self.find(css).send_keys(str(file))

    def pick(self, css: str, words: str) -> None:
        """Pick an option of a <select> by its words."""
        Select(self.find(css)).select_by_visible_text(words)

    def pixels(self, canvas_id: str) -> NDArray[np.int16]:
        """What a canvas shows, (H, W, 3)."""
        address = self.run("return document.getElementById(arguments[0]).toDataURL()", canvas_id)
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
            return np.asarray(image.convert("RGB"), np.int16)

    def fill(self, css: str, value: object) -> None:
        """Type a number or words into a field, and leave it."""
        self.find(css).send_keys(Keys.CONTROL, "a")
        self.find(css).send_keys(str(value), Keys.TAB)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def chord(self, held: str, key: str) -> None:
        """Press a key while another is held."""
        ActionChains(self.driver).key_down(held).send_keys(key).key_up(held).perform()

    def focused(self) -> str:
        """The id of the focused element."""
        return str(self.run("return document.activeElement.id"))

    def drag(self, css: str, path: list[tuple[float, float]]) -> None:
        """Press the pointer, move it along `path` and release it: shares of the element's size."""
        element = self.shown(css)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        width, height = element.rect["width"], element.rect["height"]
        points = [(round((x - 0.5) * width), round((y - 0.5) * height)) for x, y in path]
        actions = ActionChains(self.driver, duration=60)
        actions.move_to_element_with_offset(element, *points[0]).click_and_hold()
        for point in points[1:]:
            actions.move_to_element_with_offset(element, *point)
        actions.release().perform()

    def downloaded(self, name: str) -> Path:
        """Wait until the browser has saved a file under `name`."""
        path = self.downloads / name
        self.until(lambda: path.exists() and path.stat().st_size > 0)
        return path

    def screenshot(self, name: str) -> Path:
        """Keep a picture of the whole page, however long it is."""
        width, height = self.run("return [innerWidth, innerHeight]")
        whole = self.run("return document.documentElement.scrollHeight")
        self.resize((width, max(height, whole)))
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        assert self.driver.save_screenshot(path)
        self.resize((width, height))
        return path

    def sent(self) -> list[dict[str, Any]]:
        """All requests of the page until now: {"url", "method", ...}."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"])
        return self.requests

    def complaints(self) -> list[str]:
        """What the console says, but for answers that are errors: the page shows those."""
        entries = self.driver.get_log("browser")
        return [e["message"] for e in entries if "Failed to load resource" not in e["message"]]
