"""Makes the pictures of docs/tutorial.md and the outputs it shows, by doing what it tells to do.

    python scripts/tutorial_pictures.py

tests/docs/test_tutorial.py does the same and fails where the page shows something else.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from how_it_works_strips import Panel, strip
from page_session import session
from PIL import Image

from imuge.image import load
from imuge.results import Pixels

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "tutorial.md"
QUALITY = 78  # of the WebP files
FOUR, THREE = 320, 384  # width of a panel where so many stand in a row
GAIN = 10  # of the difference shown
Files = Callable[[str], Pixels]


def immunized(file: Files) -> Image.Image:
    """Before, after, and the difference."""
    before, after = file("photo.jpg"), file("published.jpg")
    difference = after.astype(np.float32) - before
    enlarged = np.clip(np.rint(128 + GAIN * difference), 0, 255).astype(np.uint8)
    panels = [
        Panel("photo.jpg", before),
        Panel("published.jpg", after),
        Panel(f"their difference, {GAIN} times", enlarged),
    ]
    return strip(panels, width=THREE, columns=3)


def tampered(file: Files) -> Image.Image:
    """The copy beside what was published."""
    panels = [
        Panel("published.jpg", file("published.jpg")),
        Panel("suspicious.jpg", file("suspicious.jpg")),
    ]
    return strip(panels, width=THREE, columns=2)


def report(file: Files) -> Image.Image:
    """What the report shows."""
    panels = [
        Panel("suspicious.overlay.png", file("report/suspicious.overlay.png")),
        Panel("suspicious.mask.png", file("report/suspicious.mask.png")),
        Panel("suspicious.recovered.png", file("report/suspicious.recovered.png")),
        Panel("suspicious.hidden-copy.png", file("report/suspicious.hidden-copy.png")),
    ]
    return strip(panels, width=FOUR, columns=4)


def copies(file: Files) -> Image.Image:
    """Honest copies, at their sizes beside what was published."""
    whole = file("published.jpg")
    panels = [
        Panel("published.jpg", whole),
        Panel("shared.jpg: intact", _in_place(file("shared.jpg"), whole.shape)),
        Panel("cropped.jpg: intact", _in_place(file("cropped.jpg"), whole.shape)),
        Panel("turned.jpg: intact", file("turned.jpg")),
    ]
    return strip(panels, width=FOUR, columns=4)


def measured(file: Files) -> Image.Image:
    """A change beside the truth about it and what was found."""
    panels = [
        Panel("moved.jpg", file("moved.jpg")),
        Panel("truth.png", file("truth.png")),
        Panel("found.png", file("found.png")),
        Panel("recovered.png", file("recovered.png")),
    ]
    return strip(panels, width=FOUR, columns=4)


def _in_place(part: Pixels, shape: tuple[int, ...]) -> Pixels:
    """A smaller picture in the middle of a grey field of `shape`."""
    field = np.full(shape, 225, np.uint8)
    top, left = (shape[0] - part.shape[0]) // 2, (shape[1] - part.shape[1]) // 2
    field[top : top + part.shape[0], left : left + part.shape[1]] = part
    return field


PICTURES: dict[str, Callable[[Files], Image.Image]] = {
    "tutorial-immunized.webp": immunized,
    "tutorial-tampered.webp": tampered,
    "tutorial-report.webp": report,
    "tutorial-copies.webp": copies,
    "tutorial-measured.webp": measured,
}


def read(path: Path) -> Pixels:
    """A file's pixels as RGB, masks of one channel too."""
    if path.suffix == ".png":
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    return load(path).pixels


def save(picture: Image.Image, path: Path) -> None:
    """Write a picture as it stands in the page."""
    picture.save(path, quality=QUALITY, method=6)


def main() -> None:
    """Run the page, write its outputs and pictures."""
    parser = argparse.ArgumentParser(description="Make the tutorial's pictures and outputs.")
    parser.add_argument("--out", type=Path, default=DOCS / "images", help="of the pictures")
    out = parser.parse_args().out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, session(Path(folder)) as terminal:
        page = terminal.rewritten(PAGE.read_text())
        for name, draw in PICTURES.items():
            save(draw(lambda file: read(Path(folder) / file)), out / name)
            print(f"{out / name}: {(out / name).stat().st_size / 1000:.0f} kB")
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
