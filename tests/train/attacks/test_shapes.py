"""The masks and overlays of training: their law, their look as numbers, repeatability."""

import numpy as np
import pytest
import torch

from imuge.train.attacks.overlays import STICKERS, draw_overlay
from imuge.train.attacks.shapes import SHAPES, ShapeBank, draw_areas


@pytest.fixture(scope="module")
def bank():
    return ShapeBank.build(128, count=96, seed=5)


def test_bank_has_the_promised_form(bank):
    assert bank.side == 128
    assert bank.masks.shape == (96, 1, 128, 128)
    assert bank.masks.dtype == torch.bool
    assert bank.overlays.shape == (24, 4, 128, 128)
    assert bank.overlays.dtype == torch.uint8


def test_areas_are_those_of_the_masks_and_ascend(bank):
    covered = bank.masks.float().mean((1, 2, 3))
    torch.testing.assert_close(bank.areas, covered)
    alpha = (bank.overlays[:, 3] > 0).float().mean((1, 2))
    torch.testing.assert_close(bank.overlay_areas, alpha)
    for areas in (bank.areas, bank.overlay_areas):
        assert (areas.diff() >= 0).all()


def test_areas_follow_the_law():
    areas = draw_areas(1000, np.random.default_rng(0))
    assert 0.002 <= areas.min() < 0.003
    assert 0.49 < areas.max() <= 0.5
    # From the law: 0.5·ln(a/0.002)/ln(250) + 0.5·(a − 0.002)/0.498.
    for area, share in ((0.01, 0.154), (0.03, 0.273), (0.1, 0.453), (0.2, 0.616)):
        assert (areas < area).mean() == pytest.approx(share, abs=0.01)


def test_masks_of_a_bank_keep_the_law(bank):
    assert bank.areas[0] >= 0.0019
    assert bank.areas[-1] <= 0.51
    assert 0.2 < (bank.areas < 0.03).float().mean() < 0.35
    assert 0.3 < (bank.areas > 0.2).float().mean() < 0.45


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("area", [0.002, 0.02, 0.1, 0.5])
def test_each_shape_has_the_wanted_area(shape, area):
    rng = np.random.default_rng(7)
    for _ in range(5):
        mask = SHAPES[shape](256, round(area * 256**2), rng)
        assert mask.shape == (256, 256)
        assert area * 0.999 <= mask.mean() <= max(1.1 * area, area + 0.005)


def test_same_seed_same_bank_and_another_seed_another(bank):
    again, other = (ShapeBank.build(128, count=96, seed=seed) for seed in (5, 6))
    assert torch.equal(bank.masks, again.masks)
    assert torch.equal(bank.overlays, again.overlays)
    assert not torch.equal(bank.masks, other.masks)
    assert not torch.equal(bank.overlays, other.overlays)


@pytest.mark.parametrize(("side", "count"), [(63, 10), (64, 0)])
def test_too_small_a_bank_is_refused(side, count):
    with pytest.raises(ValueError, match=f"got side {side} and count {count}"):
        ShapeBank.build(side, count=count)


def test_overlays_are_clear_or_visible():
    rng = np.random.default_rng(0)
    for side in (64, 200):
        overlay = draw_overlay(side, rng)
        alpha = overlay[3]
        assert overlay.shape == (4, side, side)
        assert 0.002 <= (alpha > 0).mean() <= 0.2
        assert not ((alpha > 0) & (alpha < 32)).any()
        assert (overlay[:, alpha == 0] == 0).all()


def test_overlays_have_more_than_one_colour(bank):
    """Letters and rims are drawn, not only plates: opaque parts differ from each other."""
    spread = [
        np.ptp(overlay[:3, overlay[3] > 127].int().numpy(), axis=1).max()
        for overlay in bank.overlays
        if (overlay[3] > 127).any()
    ]
    assert np.mean(np.array(spread) > 60) > 0.7


def test_every_sticker_is_drawn(monkeypatch):
    drawn = []
    for name, drawer in STICKERS.items():

        def noted(draw, rng, name=name, drawer=drawer):
            drawn.append(name)
            drawer(draw, rng)

        monkeypatch.setitem(STICKERS, name, noted)
    rng = np.random.default_rng(0)
    for _ in range(40):
        draw_overlay(64, rng)
    assert set(drawn) == set(STICKERS)
