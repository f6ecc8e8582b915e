#!/usr/bin/env python3
"""Publish the pictures of tests/golden/published: every later version must read them.

    python scripts/golden_pictures.py

Three pictures with a key that is no secret, each as it was published and as a copy of it, and what
verify must say of each. Run it again before a release whose format has changed, and never after.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imuge import Guard
from imuge.files import write_atomically
from imuge.keys import Key
from imuge.results import Pixels, Verdict

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
FOLDER = ROOT / "tests" / "golden" / "published"
SECRET = bytes(range(32))
BOX = (60, 105, 130, 175)  # left, top, right, bottom of what is forged in a copy
# Name, source, its part (left, top, right, bottom), format.
PICTURES = (
    ("portrait", "astronaut.webp", (60, 0, 380, 260), "PNG"),
    ("beach", "maldives.webp", (0, 150, 320, 390), "WEBP"),
    ("press", "astronaut.webp", (32, 64, 480, 512), "JPEG"),
)


def main() -> None:
    """Write the pictures, and the key and what is expected."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.[!m]*"):  # all but CREDITS.md
        old.unlink()
    guard = Guard(Key.from_secret("golden", SECRET))
    expected: dict[str, Any] = {}
    for name, source, part, form in PICTURES:
        with Image.open(DATA / source) as image:
            given = np.asarray(image.convert("RGB").crop(part))
        made = guard.immunize(encoded(given, form))
        _keep(guard, expected, f"{name}.{form.lower()}", made.image)
        with Image.open(io.BytesIO(made.image)) as published:
            pixels = np.asarray(published.convert("RGB"))
        _keep(guard, expected, f"{name}-forged.jpeg", encoded(forged(pixels), "JPEG"))
    told = {"secret": SECRET.hex(), "pictures": expected}
    text = json.dumps(told, indent=2) + "\n"
    write_atomically(FOLDER / "expected.json", text.encode(), overwrite=True)


def encoded(pixels: Pixels, form: str) -> bytes:
    """A file of these pixels: lossless, or a JPEG of quality 85."""
    buffer = io.BytesIO()
    options = {"quality": 85} if form == "JPEG" else {"lossless": True}
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def forged(pixels: Pixels) -> Pixels:
    """A copy at nine tenths of the size, with a part of it turned over inside a box."""
    height, width = pixels.shape[:2]
    size = (round(0.9 * width), round(0.9 * height))
    copy = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    left, top, right, bottom = BOX
    copy[top:bottom, left:right] = copy[top:bottom, left:right][::-1, ::-1].copy()
    return copy


def _keep(guard: Guard, expected: dict[str, Any], name: str, file: bytes) -> None:
    write_atomically(FOLDER / name, file, overwrite=True)
    expected[name] = facts(guard.verify(file))
    print(f"{name}: {len(file) / 1000:.0f} kB, {expected[name]['verdict']}")


def facts(verdict: Verdict) -> dict[str, Any]:
    """What every later version must say, in numbers that arithmetic does not blur."""
    return {
        "verdict": verdict.verdict,
        "key": verdict.key_name,
        "image_id": verdict.image_id,
        "hidden_copy": verdict.hidden_copy,
        "frame": None if verdict.geometry is None else list(verdict.geometry.frame),
        "share": None if verdict.geometry is None else verdict.geometry.share,
        "boxes": [list(region.box) for region in verdict.regions],
    }


if __name__ == "__main__":
    main()
