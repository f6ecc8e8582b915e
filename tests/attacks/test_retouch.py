import numpy as np
import pytest

from imuge.attacks.masks import SHAPES
from imuge.attacks.retouch import KINDS, tamper
from imuge.errors import ConfigError, ImageError


def _tamper(picture, kind, other, seed=0, **options):
    return tamper(picture, kind, rng=np.random.default_rng(seed), other=other, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("area", [0.005, 0.1, 0.5])
def test_only_the_mask_changes_and_nearly_all_of_it_does(kind, shape, area, picture, other):
    before = picture.copy()
    result = _tamper(picture, kind, other, shape=shape, area=area)
    changed = (result.picture != picture).any(axis=2)
    assert result.picture.dtype == np.uint8
    assert not changed[~result.mask].any()
    assert changed[result.mask].mean() >= 0.9
    assert result.mask.mean() == pytest.approx(area, rel=0.15)
    assert (picture == before).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_everything(kind, picture, other):
    first, again, another = (_tamper(picture, kind, other, seed) for seed in (5, 5, 6))
    assert (first.picture == again.picture).all()
    assert (first.mask == again.mask).all()
    assert (first.picture != another.picture).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(16, 16), (17, 90)])
def test_small_and_narrow_pictures_go_through(kind, size, picture, other):
    piece = picture[: size[0], : size[1]]
    assert _tamper(piece, kind, other, area=0.9).picture.shape == piece.shape


def test_a_splice_shows_the_other_picture(picture):
    red = np.zeros((30, 300, 3), np.uint8)
    red[..., 0] = 255
    result = _tamper(picture, "splice", red)
    assert (result.picture[result.mask] == (255, 0, 0)).all()


def test_copied_content_comes_from_the_same_picture(picture):
    result = _tamper(picture, "copy-move", None)
    present = {tuple(pixel) for pixel in picture.reshape(-1, 3)}
    assert {tuple(pixel) for pixel in result.picture[result.mask]} <= present


def test_inpainting_hides_a_spot_on_a_plain_slope():
    """Oracle: the slope itself, which the fill cannot see."""
    slope = np.zeros((96, 96, 3), np.uint8)
    slope += np.linspace(60, 180, 96).astype(np.uint8)[:, None]
    result = _tamper(slope, "inpaint", None, shape="ellipse")
    error = result.picture.astype(float) - slope
    assert np.abs(error[result.mask]).mean() < 6


def test_inpainting_adds_the_grain_of_its_surroundings():
    grey = np.full((96, 96, 3), 128.0)
    noisy = (grey + np.random.default_rng(1).normal(0, 8, grey.shape)).astype(np.uint8)
    result = _tamper(noisy, "inpaint", None, shape="ellipse")
    assert result.picture[result.mask].std() == pytest.approx(8, rel=0.25)


def test_text_has_ink_and_paper(picture):
    result = _tamper(picture, "text", None, area=0.2)
    levels = result.picture[result.mask].astype(int).sum(axis=1)
    assert levels.max() - levels.min() > 300


def test_plain_pictures_still_get_a_mask():
    plain = np.full((64, 64, 3), 255, np.uint8)
    result = _tamper(plain, "fill", None)
    assert (result.picture != plain).any(axis=2)[result.mask].all()


def test_an_unknown_kind_is_refused_with_the_known_ones(picture):
    with pytest.raises(ConfigError, match=r"'smudge'; known are splice, copy-move"):
        _tamper(picture, "smudge", None)


def test_a_splice_needs_another_picture(picture):
    with pytest.raises(ConfigError, match="splice needs `other`"):
        _tamper(picture, "splice", None)


@pytest.mark.parametrize("options", [{"area": 0}, {"area": 0.95}, {"shape": "star"}])
def test_bad_areas_and_shapes_are_refused(options, picture):
    with pytest.raises(ConfigError):
        _tamper(picture, "fill", None, **options)


def test_other_kinds_of_array_are_refused(picture):
    with pytest.raises(ImageError, match=r"got \(96, 130\) uint8"):
        _tamper(picture[..., 0], "fill", None)
    with pytest.raises(ImageError, match="float32"):
        _tamper(picture.astype(np.float32), "fill", None)
    with pytest.raises(ImageError, match="expected other"):
        _tamper(picture, "splice", picture[..., :2])
    with pytest.raises(ImageError, match="16x16 pixels to tamper with, got 15x20"):
        _tamper(picture[:20, :15], "fill", None)
