"""Marks that carry bits, where their packages are installed, and the message where they are not."""

import sys

import numpy as np
import pytest

from imuge.bench.peers import BIT_MARKS
from imuge.bench.peers.bits import CAPACITY
from imuge.bench.scores import psnr_db
from imuge.errors import ConfigError, ImageError

MODULES = {"blind": ("blind_watermark", "blind-watermark")}
MODULES |= {"invisible": ("imwatermark", "invisible-watermark")}


@pytest.fixture(params=BIT_MARKS)
def mark(request):
    return BIT_MARKS[request.param]()


@pytest.fixture
def bits():
    return np.random.default_rng(3).integers(2, size=CAPACITY).astype(bool)


def test_bits_come_back(mark, photograph, bits):
    pytest.importorskip(MODULES[mark.name.partition("-")[0]][0], exc_type=ImportError)
    given = bits.copy()
    marked = mark.embed(photograph, bits, seed=5)
    np.testing.assert_array_equal(bits, given)
    assert marked.shape == photograph.shape
    assert marked.dtype == np.uint8
    assert 30 < psnr_db(photograph, marked) < 50
    np.testing.assert_array_equal(mark.embed(photograph, bits, seed=5), marked)
    found = mark.read(marked, seed=5)
    assert found.shape == (mark.capacity,)
    assert found.dtype == bool
    assert (found == bits).mean() > 0.9


def test_a_missing_package_is_named(mark, photograph, bits, monkeypatch):
    module, package = MODULES[mark.name.partition("-")[0]]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=f"pip install {package}"):
        mark.embed(photograph, bits, seed=0)
    with pytest.raises(ConfigError, match=f"pip install {package}"):
        mark.read(photograph, seed=0)


def test_a_tiny_picture_is_refused(mark, bits):
    pytest.importorskip(MODULES[mark.name.partition("-")[0]][0], exc_type=ImportError)
    with pytest.raises(ImageError, match="65536 pixels or more, got 200x200"):
        mark.embed(np.zeros((200, 200, 3), np.uint8), bits, seed=0)
