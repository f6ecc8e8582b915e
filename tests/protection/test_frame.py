"""The frame's sizes, and that scaling is exact, in bands and at either depth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imuge.keys import Geometry
from imuge.protection import frame as module
from imuge.protection.frame import (
    DETAILS,
    LARGEST_SIDE,
    SIDES,
    Frame,
    add_to_picture,
    fitted_frame,
    geometry_of,
    published_frame,
    size_named,
    to_frame,
    to_picture,
    whole_frame,
)


def smooth(width, height, across=None, down=None):
    """A slow pattern of positions 0..1, so that any size of it can be computed: (h, w, 3)."""
    x = (np.arange(width) + 0.5) / (width if across is None else across)
    y = (np.arange(height) + 0.5) / (height if down is None else down)
    x, y = np.meshgrid(x, y)
    parts = np.sin(9 * x + 5 * y), np.cos(7 * x - 6 * y), np.sin(8 * y)
    return 128 + 60 * np.stack(parts, 2)


@pytest.mark.parametrize(
    ("size", "detail", "expected"),
    [
        ((4000, 3000), "normal", (768, 576)),
        ((3000, 4000), "normal", (576, 768)),
        ((4000, 3000), "robust", (512, 384)),
        ((4000, 3000), "fine", (1536, 1152)),
        ((512, 512), "normal", (384, 384)),
        ((512, 512), "fine", (512, 512)),
        ((960, 640), "normal", (768, 512)),
        ((959, 640), "normal", (512, 342)),  # 341.7 pixels: the last row is not wholly covered
        ((128, 128), "normal", (128, 128)),  # nothing smaller fits
        ((1600, 128), "normal", (768, 62)),
    ],
)
def test_the_frame_is_the_largest_that_leaves_room(size, detail, expected):
    frame = published_frame(*size, detail)
    assert (frame.width, frame.height) == expected


@given(
    width=st.integers(128, 20000), height=st.integers(128, 20000), detail=st.sampled_from(DETAILS)
)
def test_every_frame_is_covered_but_for_less_than_a_pixel(width, height, detail):
    frame = published_frame(width, height, detail)
    assert frame.side in SIDES
    assert frame.side <= LARGEST_SIDE[detail]
    assert frame.width - 1 < frame.across <= frame.width
    assert frame.height - 1 < frame.down <= frame.height
    assert frame.across / width == pytest.approx(frame.down / height)  # one scale for both axes


@given(
    width=st.integers(128, 20000), height=st.integers(128, 20000), detail=st.sampled_from(DETAILS)
)
def test_a_message_names_the_frame(width, height, detail):
    frame = published_frame(width, height, detail)
    assert size_named(geometry_of(frame)) == frame.size


@pytest.mark.parametrize(
    ("size", "named"),
    [
        ((4000, 3000), Geometry(side_number=5, tall=False, shorter=576)),
        ((3000, 4000), Geometry(side_number=5, tall=True, shorter=576)),
        ((512, 512), Geometry(side_number=3, tall=False, shorter=384)),
        ((20000, 128), Geometry(side_number=5, tall=False, shorter=5)),
    ],
)
def test_the_geometry_of_a_frame(size, named):
    assert geometry_of(published_frame(*size)) == named


@pytest.mark.parametrize(
    ("number", "shorter"), [(len(SIDES), 1), (15, 100), (0, 129), (7, 1537), (3, 2048)]
)
@pytest.mark.parametrize("tall", [True, False])
def test_a_frame_that_cannot_be_is_none(number, shorter, tall):
    assert size_named(Geometry(side_number=number, tall=tall, shorter=shorter)) is None


def test_the_largest_frame_can_be_named():
    square = Geometry(side_number=len(SIDES) - 1, tall=False, shorter=SIDES[-1])
    assert size_named(square) == (SIDES[-1], SIDES[-1])


@pytest.mark.parametrize("rounded", [(1001, 750), (999, 750), (1000, 751), (1000, 749), (640, 481)])
def test_a_copy_whose_sides_were_rounded_lies_edge_to_edge(rounded):
    published = published_frame(1000, 750)
    frame = fitted_frame(*rounded, published.size)
    assert frame.size == published.size
    assert frame.across == pytest.approx(published.across, abs=1)
    assert frame.down == pytest.approx(published.down, abs=1)


@pytest.mark.parametrize("size", [(1003, 751), (150, 700), (3001, 2002)])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_scaling_to_the_frame_is_exact(size, depth):
    frame = published_frame(*size)
    highest = np.iinfo(depth).max
    pixels = np.rint(smooth(*size) * (highest / 255)).astype(depth)
    wanted = smooth(frame.width, frame.height, frame.across, frame.down)
    error = np.abs(to_frame(pixels, frame) - wanted)[3:-3, 3:-3]
    assert error.max() < (0.8 if depth == np.uint8 else 0.15)  # grey levels; 8 bits round by half


def test_scaling_up_to_a_frame_is_exact_too():
    frame = whole_frame(300, 200, 512)
    wanted = smooth(frame.width, frame.height, frame.across, frame.down)
    pixels = np.rint(smooth(300, 200)).astype(np.uint8)
    assert np.abs(to_frame(pixels, frame) - wanted)[8:-8, 8:-8].max() < 0.8


def test_bands_and_threads_change_nothing(monkeypatch):
    pixels = np.random.default_rng(1).integers(0, 256, (431, 640, 3), np.uint8)
    frame = published_frame(640, 431)
    residual = np.random.default_rng(2).normal(0, 3, (*frame.size, 3)).astype(np.float32)
    whole, added = to_frame(pixels, frame), add_to_picture(pixels, residual, frame)
    monkeypatch.setattr(module, "BAND_PIXELS", 7 * 640)
    np.testing.assert_allclose(to_frame(pixels, frame, threads=3), whole, atol=1e-3)
    difference = add_to_picture(pixels, residual, frame, threads=3).astype(int) - added
    assert np.abs(difference).max() <= 1  # where a half is rounded
    assert np.mean(difference != 0) < 1e-4


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_added_lies_where_the_frame_says(depth):
    frame = published_frame(1003, 751)
    highest = np.iinfo(depth).max
    pixels = np.full((751, 1003, 3), highest // 2, depth)
    residual = smooth(frame.width, frame.height, frame.across, frame.down) / 8 - 16
    added = add_to_picture(pixels, residual.astype(np.float32), frame).astype(float)
    change = (added - highest // 2) * (255 / highest)
    wanted = smooth(1003, 751) / 8 - 16
    assert np.abs(change - wanted)[3:-3, 3:-3].max() < 0.6


def test_adding_clips_and_leaves_the_picture_given_alone():
    pixels = np.array([[[250, 3, 128]]], np.uint8).repeat(140, 0).repeat(150, 1)
    before = pixels.copy()
    residual = np.full((*published_frame(150, 140).size, 3), (20, -20, 0), np.float32)
    added = add_to_picture(pixels, residual, published_frame(150, 140))
    assert added[70, 70].tolist() == [255, 0, 128]
    np.testing.assert_array_equal(pixels, before)


@settings(max_examples=20, deadline=None)
@given(width=st.integers(128, 400), height=st.integers(128, 400))
def test_a_flat_picture_stays_flat_at_any_size(width, height):
    pixels = np.full((height, width, 3), 200, np.uint8)
    frame = published_frame(width, height)
    np.testing.assert_allclose(to_frame(pixels, frame), 200, atol=1e-3)
    grown = to_picture(np.full(frame.size, 0.25, np.float32), frame, (height, width))
    np.testing.assert_allclose(grown, 0.25, atol=1e-5)


def test_numbers_on_the_frame_come_back_in_their_place():
    frame = published_frame(1003, 751)
    values = smooth(frame.width, frame.height, frame.across, frame.down)[..., 0].astype(np.float32)
    grown = to_picture(values, frame, (751, 1003))
    assert np.abs(grown - smooth(1003, 751)[..., 0])[3:-3, 3:-3].max() < 0.1


def test_the_longer_side_names_the_frame():
    assert Frame(width=576, height=768, across=576.0, down=768.0).side == 768
