"""Property: a canvas holds the picture, on sides of 16, and gives it back."""

import numpy as np
import pytest

from imuge.engine.canvas import to_canvas, to_pixels


@pytest.mark.parametrize("size", [(128, 128), (129, 143), (200, 137), (16, 31)])
def test_a_picture_comes_back_as_it_was(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    canvas = to_canvas(pixels)
    assert canvas.image.dtype == np.float32
    assert canvas.image.shape[1] % 16 == canvas.image.shape[2] % 16 == 0
    assert canvas.image.shape[1] - size[0] < 16
    assert np.array_equal(to_pixels(canvas.image[:, : size[0], : size[1]]), pixels)


def test_only_whole_blocks_are_inside():
    canvas = to_canvas(np.zeros((131, 152, 3), np.uint8))
    assert canvas.grid == (18, 20)
    assert canvas.inside.sum() == 16 * 19
    assert not canvas.inside[16].any()
    assert not canvas.inside[:, 19].any()


def test_the_edge_is_reflected_not_repeated():
    pixels = np.arange(17, dtype=np.uint8)[:, None, None] * np.ones((1, 16, 3), np.uint8)
    image = to_pixels(to_canvas(pixels).image)
    assert image[17, 0, 0] == 15


def test_what_is_out_of_range_is_clipped():
    assert to_pixels(np.array([[[-0.2]], [[0.5]], [[1.7]]], np.float32)).tolist() == [
        [[0, 128, 255]]
    ]


def test_the_window_holds_what_is_there_and_no_more_than_needed():
    pixels = np.zeros((70, 100, 3), np.uint8)
    assert to_canvas(pixels).window == (slice(0, 80), slice(0, 112))
    shown = np.zeros((70, 100), bool)
    shown[20:60, 33:48] = True
    assert to_canvas(pixels, shown).window == (slice(16, 64), slice(32, 48))
    assert to_canvas(pixels, np.zeros((70, 100), bool)).window == (slice(0, 80), slice(0, 112))
