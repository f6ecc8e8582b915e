"""Makes docs/images/page-*.webp out of the screenshots that the tests of the page keep.

pytest tests/serve/browser && python scripts/page_pictures.py out/screenshots
"""

import sys
from pathlib import Path

from PIL import Image

WIDTH = 1000  # of the pictures made
PHONE_HEIGHT, GAP = 1000, 24
DESKTOP = {
    "page-immunize": "immunized-light",
    "page-verify": "tampered-light",
    "page-published": "verified-published-light",
    "page-playground": "playground-light",
}
PHONES = ("tampered-phone-light", "immunized-phone-dark", "playground-phone-light")


def desktop(screenshot: Image.Image) -> Image.Image:
    """A screenshot at the width of the documentation."""
    height = round(screenshot.height * WIDTH / screenshot.width)
    return screenshot.resize((WIDTH, height), Image.Resampling.LANCZOS)


def phones(screenshots: list[Image.Image]) -> Image.Image:
    """The upper parts of several, side by side."""
    each = screenshots[0].width
    made = Image.new("RGB", (len(screenshots) * (each + GAP) - GAP, PHONE_HEIGHT), "#8a9099")
    for place, screenshot in enumerate(screenshots):
        made.paste(screenshot.crop((0, 0, each, PHONE_HEIGHT)), (place * (each + GAP), 0))
    return made


def main(folder: Path) -> None:
    """Write the pictures of the documentation."""
    target = Path(__file__).parents[1] / "docs" / "images"
    made = {name: desktop(opened(folder, source)) for name, source in DESKTOP.items()}
    made["page-phone"] = phones([opened(folder, source) for source in PHONES])
    for name, picture in made.items():
        path = target / f"{name}.webp"
        picture.save(path, quality=80, method=6)
        print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


def opened(folder: Path, name: str) -> Image.Image:
    """One screenshot."""
    with Image.open(folder / f"{name}.png") as image:
        return image.convert("RGB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
