"""Golden: pictures that an earlier version published are read by this one, and say the same."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from imuge.guard import Guard
from imuge.keys import Key

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "golden" / "published"
TOLD = json.loads((FOLDER / "expected.json").read_text())
sys.path.append(str(ROOT / "scripts"))
script = importlib.import_module("golden_pictures")


@pytest.fixture(scope="module")
def golden(guard):
    return Guard(Key.from_secret("golden", bytes.fromhex(TOLD["secret"])), engine=guard.engine)


@pytest.mark.parametrize("name", TOLD["pictures"])
def test_a_picture_published_earlier_is_read(golden, name):
    wanted = dict(TOLD["pictures"][name])
    found = script.facts(golden.verify(FOLDER / name))
    boxes, wanted_boxes = found.pop("boxes"), wanted.pop("boxes")
    assert found == wanted
    # Other processors round otherwise, and outlines follow.
    np.testing.assert_allclose(boxes, wanted_boxes, atol=6)


def test_they_are_what_they_are_meant_to_be():
    pictures = TOLD["pictures"]
    assert {path.name for path in FOLDER.iterdir()} == {*pictures, "expected.json", "CREDITS.md"}
    verdicts = [told["verdict"] for told in pictures.values()]
    assert verdicts == ["intact", "tampered"] * 3
    assert all(told["share"] == 1 for told in pictures.values())
    for name, told in pictures.items():
        forged = [script.BOX] if "forged" in name else np.zeros((0, 4))
        np.testing.assert_allclose(told["boxes"] or np.zeros((0, 4)), forged, atol=10)
    endings = {Path(name).suffix for name in pictures if "forged" not in name}
    assert endings == {".png", ".webp", ".jpeg"}
