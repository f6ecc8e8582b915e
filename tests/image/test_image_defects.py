"""Defects of our own are not blamed on the file; odd errors of a decoder are."""

import pytest
from PIL import Image

from imuge.errors import ImageError
from imuge.image import load, sniff


@pytest.fixture
def picture(tmp_path, photograph):
    Image.fromarray(photograph[:32, :32]).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def raising(error, module):
    """A function that raises, as if it stood in `module`."""
    place = {"__name__": module, "error": error}
    exec("def check(*_):\n    raise error", place)
    return place["check"]


@pytest.mark.parametrize("kind", [NameError, TypeError, AttributeError, AssertionError])
def test_a_defect_of_ours_is_shown_as_one(picture, monkeypatch, kind):
    monkeypatch.setattr(sniff, "check_png", raising(kind("ours"), "imuge.image.sniff"))
    with pytest.raises(kind, match="ours"):
        load(picture)


@pytest.mark.parametrize("kind", [TypeError, AttributeError, AssertionError, KeyError])
def test_what_a_decoder_raises_is_the_files(picture, monkeypatch, kind):
    monkeypatch.setattr(sniff, "check_png", raising(kind("theirs"), "PIL.PngImagePlugin"))
    with pytest.raises(ImageError, match="damaged or cut short"):
        load(picture)
