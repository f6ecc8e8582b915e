"""Pictures are taken whole, and what a copy shows is brought to the published size."""

import numpy as np
import pytest
from PIL import Image

from imuge.bench.pictures import (
    covering,
    longer_sides,
    mask_at,
    photographs,
    picture_at,
    sampled,
    values_at,
)
from imuge.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number, size in enumerate([(300, 200), (128, 140), (256, 256), (150, 400)]):
        pixels = rng.integers(256, size=(*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_pictures_are_whole_unless_a_side_is_named(folder):
    shapes = [picture.pixels.shape[:2] for picture in photographs(folder)]
    assert shapes == [(300, 200), (128, 140), (256, 256), (150, 400)]
    assert longer_sides(photographs(folder)) == [140, 400]
    squares = photographs(folder, side=200)
    assert [picture.name for picture in squares] == ["0.png", "2.png"]
    assert {picture.pixels.shape for picture in squares} == {(200, 200, 3)}


def test_longer_samples_begin_with_shorter_ones(folder):
    longer = [picture.name for picture in sampled(folder, 9)]
    assert sorted(longer) == ["0.png", "1.png", "2.png", "3.png"]
    assert [picture.name for picture in sampled(folder, 2)] == longer[:2]


def test_a_folder_without_pictures_is_said(tmp_path):
    with pytest.raises(ConfigError, match="expected a folder of photographs, got"):
        sampled(tmp_path / "none", 1)
    with pytest.raises(ConfigError, match=r"holds no photograph$"):
        photographs(tmp_path)


def test_what_covers_keeps_its_shape_and_its_middle():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, 50:150] = 200
    cut = covering(picture, (50, 50))
    assert cut.shape == (50, 50, 3)
    assert cut.min() > 180, "the middle half of the width"
    assert covering(picture, (100, 200)) is picture


@pytest.mark.parametrize(("host", "donor"), [((300, 200), (161, 97)), ((280, 228), (243, 50))])
def test_rounding_cuts_nothing_beyond_the_picture(host, donor):
    assert covering(np.zeros((*donor, 3), np.uint8), host).shape == (*host, 3)


@pytest.mark.parametrize("size", [(40, 60), (200, 300), (99, 151)])
def test_a_mask_keeps_its_place_and_its_share_at_any_size(size):
    mask = np.zeros((100, 150), bool)
    mask[20:60, 30:90] = True
    there = mask_at(mask, size)
    assert there.shape == size
    assert there.mean() == pytest.approx(mask.mean(), rel=0.06)
    rows, columns = np.nonzero(there)
    assert (rows.mean() + 0.5) / size[0] == pytest.approx(0.4, abs=0.01)
    assert (columns.mean() + 0.5) / size[1] == pytest.approx(0.4, abs=0.01)
    back = mask_at(there, mask.shape)
    assert (back & mask).sum() / (back | mask).sum() > 0.9


def test_nothing_is_touched_at_its_own_size():
    mask = np.eye(9, dtype=bool)
    values = mask.astype(np.float32)
    picture = np.zeros((9, 9, 3), np.uint8)
    assert mask_at(mask, (9, 9)) is mask
    assert values_at(values, (9, 9)) is values
    assert picture_at(picture, (9, 9)) is picture
    np.testing.assert_allclose(values_at(values, (18, 18)).mean(), values.mean(), atol=0.02)
