"""What a file says about itself reaches the report as plain text, whatever it says."""

import io

import numpy as np
import pytest
from PIL import Image

from imuge.image import described, load


def picture(exif):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((128, 128, 3), np.uint8)).save(buffer, "JPEG", exif=exif)
    return load(buffer.getvalue())


def test_origin_is_told_and_places_are_not():
    exif = Image.Exif()
    exif[0x010F], exif[0x013B], exif[0x0131] = "Maker", "<b>Somebody</b>", "Editor 3"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:20 09:30:00"
    exif.get_ifd(0x8825)[1] = "N"
    assert described(picture(exif)) == {
        "Camera make": "Maker",
        "Software": "Editor 3",
        "Artist": "<b>Somebody</b>",
        "Date taken": "2026:11:20 09:30:00",
    }


@pytest.mark.parametrize("block", [b"II*\0" + b"\xff" * 40, b"MM\0*\0\0\0\x08\xff\xff"])
def test_a_broken_block_says_nothing(block):
    assert described(picture(b"Exif\0\0" + block)) == {}


def test_no_block_says_nothing():
    assert described(picture(b"")) == {}
