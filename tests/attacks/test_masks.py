import numpy as np
import pytest

from imuge.attacks.masks import SHAPES, draw_mask
from imuge.errors import ConfigError


@pytest.mark.parametrize("shape_name", SHAPES)
@pytest.mark.parametrize("area", [0.005, 0.02, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("size", [(64, 64), (48, 200), (131, 77)])
def test_the_area_is_within_a_tenth_of_the_wanted_one(shape_name, area, size):
    for seed in range(5):
        mask = draw_mask(shape_name, *size, area, np.random.default_rng(seed))
        assert mask.shape == size
        assert mask.dtype == np.bool_
        assert mask.mean() == pytest.approx(area, rel=0.1)


@pytest.mark.parametrize("shape_name", SHAPES)
def test_the_seed_decides_the_mask(shape_name):
    first, again, another = (
        draw_mask(shape_name, 60, 80, 0.1, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != another).any()


@pytest.mark.parametrize("shape_name", SHAPES)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 5), (64, 64)])
def test_extreme_sizes_and_areas_give_at_least_a_pixel(shape_name, size):
    for area in (1e-6, 0.9):
        mask = draw_mask(shape_name, *size, area, np.random.default_rng(0))
        assert mask.any()


def test_a_box_is_a_filled_rectangle_and_a_banner_is_wide():
    for name, (low, high) in {"box": (0.5, 2.0), "banner": (3.0, 8.0)}.items():
        rows, columns = np.nonzero(draw_mask(name, 200, 200, 0.05, np.random.default_rng(3)))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert rows.size == height * width
        assert low <= width / height <= high


def test_an_ellipse_fills_pi_quarters_of_its_box():
    rows, columns = np.nonzero(draw_mask("ellipse", 200, 200, 0.1, np.random.default_rng(3)))
    box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    assert rows.size / box == pytest.approx(np.pi / 4, abs=0.03)


def test_a_stroke_is_long_and_thin():
    mask = draw_mask("stroke", 200, 200, 0.05, np.random.default_rng(3))
    rows, columns = np.nonzero(mask)
    assert max(np.ptp(rows), np.ptp(columns)) > 2 * np.sqrt(mask.sum())


def test_an_unknown_shape_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'star'.*blob, box, ellipse, stroke"):
        draw_mask("star", 10, 10, 0.1, np.random.default_rng(0))


@pytest.mark.parametrize("area", [0, -0.1, 0.91, float("nan")])
def test_an_area_out_of_range_is_refused(area):
    with pytest.raises(ConfigError, match=r"area above 0 and up to 0\.9"):
        draw_mask("box", 10, 10, area, np.random.default_rng(0))


def test_an_empty_size_is_refused():
    with pytest.raises(ConfigError, match="got 10x0"):
        draw_mask("box", 0, 10, 0.1, np.random.default_rng(0))
