"""Property: forgeries do what they say, and a copied protection really comes along."""

import numpy as np
import pytest

from imuge.bench.security import forgeries
from imuge.engine.canvas import to_canvas
from imuge.keys import TEMPLATE_CHANNELS
from imuge.protection.frame import published_frame, to_frame


@pytest.mark.parametrize("how", ["Wiener", "median"])
def test_denoising_finds_much_of_what_was_added(photograph, immunized, how):
    exact = immunized.image.astype(np.float32) - photograph
    found = forgeries.estimated_residual(immunized.image, how)
    unprotected = forgeries.estimated_residual(photograph, how)

    def correlation(a):
        return float(np.corrcoef(a.ravel(), exact.ravel())[0, 1])

    assert correlation(found) > correlation(unprotected) + 0.1


def test_denoising_a_flat_picture_leaves_it(recwarn):
    flat = np.full((32, 32, 3), 200, np.uint8)
    np.testing.assert_allclose(forgeries.denoised(flat, "Wiener")[4:-4, 4:-4], 200, atol=1e-3)
    assert not recwarn


def test_adding_and_taking_away_rounds_and_stays_in_range():
    picture = np.array([[[0, 100, 255]]], np.uint8)
    residual = np.array([[[2.6, 2.6, 2.6]]], np.float32)
    assert forgeries.add(picture, residual).tolist() == [[[3, 103, 255]]]
    assert forgeries.add(picture, residual, -2).tolist() == [[[0, 95, 250]]]


def test_a_patchwork_knows_where_its_pixels_are_from():
    pictures = [np.full((6, 4, 3), value, np.uint8) for value in (10, 20, 30, 40)]
    made, source = forgeries.patchwork(pictures)
    assert made.shape == (6, 4, 3)
    np.testing.assert_array_equal(made[..., 0], 10 * (source + 1))
    assert np.bincount(source.ravel()).tolist() == [6, 6, 6, 6]
    assert source[0, 0] == 0
    assert source[0, -1] == 1


def test_moving_keeps_the_content_and_the_size(photograph):
    made = forgeries.moved(photograph, 3, 5)
    assert made.shape == photograph.shape
    np.testing.assert_array_equal(made[3:, 5:], photograph[:-3, :-5])


@pytest.mark.parametrize("own_code", [False, True])
def test_signs_are_embedded_anew_without_any_key(guard, immunized, other_photograph, own_code):
    engine = guard.engine
    made = forgeries.embed_revealed(engine, immunized.image, other_photograph, own_code=own_code)
    height, width = immunized.image.shape[:2]
    frame = published_frame(width, height)
    first, again = (
        engine.reveal(to_canvas(to_frame(picture, frame)).image)
        for picture in (immunized.image, made)
    )
    signs = np.sign(first[-TEMPLATE_CHANNELS:]) == np.sign(again[-TEMPLATE_CHANNELS:])
    assert signs.mean() > 0.8
    code = [part[:-TEMPLATE_CHANNELS].ravel() for part in (first, again)]
    assert (np.corrcoef(*code)[0, 1] > 0.8) is not own_code
