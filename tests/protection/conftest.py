"""Pictures that were published once for all tests of the steps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imuge.protection import embed
from imuge.protection.frame import add_to_picture, published_frame, to_frame
from imuge.protection.pilot import pilot, waves
from imuge.protection.shaping import local_deviation, luminance


@pytest.fixture(scope="session")
def large_photograph():
    """The whole portrait, (512, 512, 3) uint8."""
    with Image.open(Path(__file__).parents[1] / "data" / "astronaut.webp") as image:
        return np.asarray(image.convert("RGB")).copy()


@pytest.fixture(scope="session")
def published(immunize_as, large_photograph):
    """It, immunized: on a frame of 384x384."""
    return immunize_as(large_photograph, 2).image


@pytest.fixture(scope="session")
def keyed(key):
    """The waves of `key`."""
    return waves(key.root("pilot"))


@pytest.fixture(scope="session")
def piloted(large_photograph, keyed):
    """The portrait with the waves alone, which no network had to compute."""
    frame = published_frame(512, 512)
    deviation = local_deviation(luminance(to_frame(large_photograph, frame)))
    added = np.repeat(pilot(keyed, deviation)[..., None], 3, 2)
    return add_to_picture(large_photograph, added, frame)


@pytest.fixture
def with_geometry(monkeypatch):
    """Makes `geometry_of` of what is published next say something else."""

    def change(**parts):
        real = embed.geometry_of
        monkeypatch.setattr(embed, "geometry_of", lambda frame: replace(real(frame), **parts))

    return change
