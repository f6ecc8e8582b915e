"""The reference grid sees edits and not re-saving; PDQ finds copies."""

import io

import numpy as np
import pytest
from PIL import Image

from imuge.registry import compare_grids, gather_evidence, perceptual_hash, reference_grid
from imuge.registry.evidence import thumbnail_of


@pytest.fixture(scope="module")
def reference(photograph):
    return reference_grid(photograph)


def saved(pixels, quality, size=None):
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.resize(size) if size else image).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB").resize(image.size, Image.Resampling.BICUBIC))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 64), (128, 192), (50, 97), (33, 70)])
def test_cells_are_averages_of_areas(size):
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    # Each pixel cut into so many parts that cells hold whole ones.
    parts = np.kron(pixels @ np.array([0.299, 0.587, 0.114]), np.ones((64, 64)))
    wanted = parts.reshape(64, size[0], 64, size[1]).mean((1, 3))
    found = reference_grid(pixels)
    assert (found.shape, found.dtype) == ((64, 64), np.uint8)
    np.testing.assert_allclose(found, wanted, atol=0.51)


@pytest.mark.parametrize("quality", [30, 50, 75])
@pytest.mark.parametrize("size", [None, (128, 128)])
def test_saving_again_is_no_edit(reference, photograph, quality, size):
    copy = reference_grid(saved(photograph, quality, size))
    assert compare_grids(reference, copy).maximum < 8


def test_contrast_and_brightness_are_fitted(reference, photograph):
    brighter = np.clip(photograph * 1.1 + 6, 0, 255).astype(np.uint8)
    found = compare_grids(reference, reference_grid(brighter))
    assert found.gain == pytest.approx(1.1, abs=0.02)
    assert found.maximum < 8


def test_pasted_content_is_seen_where_it_is(reference, photograph, other_photograph):
    edited = photograph.copy()
    edited[100:140, 60:100] = 255 - edited[100:140, 60:100]
    found = compare_grids(reference, reference_grid(edited))
    row, column = np.unravel_index(np.nanargmax(np.abs(found.difference)), (64, 64))
    assert 25 <= row < 35
    assert 15 <= column < 25
    assert found.maximum > 30
    assert 0.01 < found.share_above(15) < 0.06
    foreign = compare_grids(reference, reference_grid(other_photograph))
    assert foreign.share_above(15) > 0.4


def test_an_edit_does_not_bend_the_fit(reference):
    edited = reference.copy()
    edited[:16] = 255
    found = compare_grids(reference, edited)
    assert (found.gain, found.offset) == (pytest.approx(1, abs=1e-6), pytest.approx(0, abs=1e-4))
    assert np.nanmax(np.abs(found.difference[18:])) < 1e-3


def test_what_a_crop_does_not_show_is_not_compared(reference):
    copy, seen = reference.copy(), np.zeros((64, 64), bool)
    copy[:32], seen[32:] = 0, True
    found = compare_grids(reference, copy, seen)
    assert found.cells == 2048
    assert found.maximum < 1e-3
    assert np.isnan(found.difference[:32]).all()
    seen[:] = False
    seen[:3] = True
    assert compare_grids(reference, copy, seen) is None


def test_flat_pictures_are_compared_by_offset():
    grid = np.full((64, 64), 100, np.uint8)
    found = compare_grids(grid, grid + 20)
    assert (found.gain, found.offset, found.maximum) == (1.0, 20.0, 0.0)


def test_a_copy_is_near_and_another_picture_is_not(photograph, other_photograph):
    def bits(pixels):
        return np.unpackbits(np.frombuffer(perceptual_hash(pixels)[0], np.uint8))

    here = bits(photograph)
    assert np.sum(here != bits(saved(photograph, 50, (128, 128)))) <= 40
    assert np.sum(here != bits(other_photograph)) > 90


def test_evidence_of_a_picture(photograph):
    found = gather_evidence(photograph, photograph[:192, :128], thumbnail=True)
    assert len(found.pdq) == 32
    assert 0 <= found.pdq_quality <= 100
    assert found.grid == reference_grid(photograph[:192, :128]).tobytes()
    with Image.open(io.BytesIO(found.thumbnail)) as small:
        assert max(small.size) == 256
        assert not small.getexif()
    assert gather_evidence(photograph, photograph).thumbnail is None
    with Image.open(io.BytesIO(thumbnail_of(photograph, 40))) as small:
        assert small.size == (40, 40)


def test_the_commitment_hides_and_binds(photograph):
    one = gather_evidence(photograph, photograph)
    assert one.commitment(bytes(32)) != one.commitment(bytes(31) + b"\1")
    changed = type(one)(pdq=one.pdq, pdq_quality=one.pdq_quality, grid=one.grid, thumbnail=b"x")
    assert changed.commitment(bytes(32)) != one.commitment(bytes(32))
