"""Property: strips give the result of the whole picture."""

from itertools import pairwise

import numpy as np
import pytest

from imuge.engine import Engine
from imuge.engine.strips import strips
from imuge.errors import ImageError
from imuge.weights import Release, load_release

HEIGHT, WIDTH = 1024, 128
RNG = np.random.default_rng(0)


def tall_picture(photograph):
    tall = np.concatenate([photograph, photograph[::-1]] * 2)[:HEIGHT, :WIDTH]
    return np.ascontiguousarray(tall.transpose(2, 0, 1).astype(np.float32) / 255)


def results(engine, image):
    grid = (HEIGHT // 8, WIDTH // 8)
    rng = np.random.default_rng(1)
    payload = rng.normal(size=(30, *grid)).astype(np.float32)
    template = rng.choice([-1, 1], (6, *grid)).astype(np.float32)
    mask = (rng.random((1, HEIGHT, WIDTH)) < 0.3).astype(np.float32)
    codes = rng.normal(size=(26, *grid)).astype(np.float32)
    return {
        "encode": engine.encode(image),
        "embed": engine.embed(image, payload, 1.0),
        "reveal": engine.reveal(image),
        "localize": engine.localize(image, payload, template),
        "recover": engine.recover(image, mask, codes),
    }


@pytest.fixture(scope="module")
def whole(photograph):
    return results(Engine(pixel_budget=HEIGHT * WIDTH), tall_picture(photograph))


def test_strips_give_the_whole_result(whole, photograph):
    calls = []
    engine = Engine(pixel_budget=640 * WIDTH, progress=lambda name, _: calls.append(name))
    in_strips = results(engine, tall_picture(photograph))
    for name, expected in whole.items():
        assert calls.count(name) > 1, f"{name} was not cut into strips"
        np.testing.assert_allclose(in_strips[name], expected, rtol=0, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("name", ["encode", "reveal", "localize", "recover"])
def test_a_halo_that_is_too_small_would_be_noticed(name, whole, photograph):
    release = load_release()
    graphs = release.record.graphs
    cut = {k: v.model_copy(update={"halo": v.halo // 4 // 16 * 16}) for k, v in graphs.items()}
    record = release.record.model_copy(update={"graphs": cut})
    engine = Engine(Release(record, release.graphs), pixel_budget=400 * WIDTH)
    wrong = results(engine, tall_picture(photograph))[name]
    assert np.abs(wrong - whole[name]).max() > 1e-4


def test_rows_wanted_are_the_rows_of_the_whole(whole, photograph):
    engine = Engine(pixel_budget=HEIGHT * WIDTH)
    image = tall_picture(photograph)
    rng = np.random.default_rng(1)
    grid = (HEIGHT // 8, WIDTH // 8)
    rng.normal(size=(30, *grid)), rng.choice([-1, 1], (6, *grid))
    mask = (rng.random((1, HEIGHT, WIDTH)) < 0.3).astype(np.float32)
    codes = rng.normal(size=(26, *grid)).astype(np.float32)
    part = engine.recover(image, mask, codes, rows=(320, 400))
    np.testing.assert_allclose(part, whole["recover"][:, 320:400], rtol=0, atol=2e-5)


@pytest.mark.parametrize("budget", [1, 5_000, 100_000, 10**9])
@pytest.mark.parametrize("rows", [None, (0, 16), (130, 500), (1000, 1024)])
def test_strips_cover_every_row_once(budget, rows):
    found = list(strips(HEIGHT, WIDTH, halo=48, pixel_budget=budget, rows=rows))
    first, last = rows or (0, HEIGHT)
    assert found[0].keep_top <= first < found[0].keep_top + 16
    assert found[-1].keep_bottom >= last
    for above, below in pairwise(found):
        assert above.keep_bottom == below.keep_top
    for strip in found:
        assert 0 <= strip.top <= strip.keep_top < strip.keep_bottom <= strip.bottom <= HEIGHT
        assert strip.top == 0 or strip.keep_top - strip.top >= 48
        assert strip.bottom == HEIGHT or strip.bottom - strip.keep_bottom >= 48
        assert strip.top % 16 == strip.bottom % 16 == 0


def test_sides_off_the_grid_are_refused():
    with pytest.raises(ImageError, match="multiples of 16, got 100x128"):
        Engine().encode(np.zeros((3, 128, 100), np.float32))
