"""A copy's pixels are brought to the frame, and what was found there back to the copy."""

import numpy as np
import pytest
from scipy import ndimage

from imuge.protection.placement import Placement
from imuge.protection.warp import unwarp, warp

# Pillow moves pixels by a cubic that is off by up to a tenth of a pixel an axis; on `slow_waves`:
TENTH = 0.6  # grey levels


def slow_waves(x, y):
    """A picture that can be computed at any place of the frame, grey levels."""
    return np.stack([128 + 50 * np.sin(x / 22 + y / 34), 128 + 50 * np.cos(x / 26 - y / 18)], -1)


@pytest.mark.parametrize("angle", [0, 0.2, 7, 33, 100])
def test_warp_brings_a_copy_to_its_place_and_unwarp_takes_it_back(angle):
    size, turned = (240, 320), np.radians(angle)
    matrix = 0.8 * np.array(((np.cos(turned), -np.sin(turned)), (np.sin(turned), np.cos(turned))))
    offset = np.array([160.0, 120.0]) - matrix @ (150, 110)
    placement = Placement(matrix=matrix, offset=offset, width=300, height=220)
    x, y = np.meshgrid(np.arange(300) + 0.5, np.arange(220) + 0.5)
    at = placement.at(np.column_stack([x.ravel(), y.ravel()])).reshape(220, 300, 2)
    copy = np.rint(slow_waves(at[..., 0], at[..., 1]) * 257).astype(np.uint16)
    moved, there = warp(copy, placement, size)
    x, y = np.meshgrid(np.arange(320) + 0.5, np.arange(240) + 0.5)
    wanted = slow_waves(x, y)
    inner = there & ~_near(~there, 6)
    assert 0.4 < there.mean() < 0.8
    assert np.abs(moved - wanted)[inner].max() < TENTH
    assert moved[~there].min() > 70, "what is not there is filled with what is near"
    again = unwarp(wanted[..., 0].astype(np.float32), placement)
    inside = np.all((at > 3) & (at < (317, 237)), axis=2)
    assert np.abs(again - copy[..., 0] / 257)[inside].max() < TENTH


def _near(mask, reach):
    return ndimage.binary_dilation(mask, np.ones((3, 3)), reach)


def test_beyond_the_frame_there_is_nothing():
    placement = Placement(matrix=np.eye(2), offset=np.array([-10.0, 0.0]), width=40, height=20)
    back = unwarp(np.ones((20, 25), np.float32), placement)
    assert back[:, :8].max() == 0
    assert back[:, 12:33].min() > 0.99
    assert back[:, 37:].max() == 0


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.3, -0.2), (-12.6, 9.1)])
def test_an_upright_copy_shows_the_frame_where_it_lies(offset):
    """Scaled, as it mostly is: exactly in place, up to the frame's edge and not beyond."""
    matrix = np.diag([0.32, 0.29])
    placement = Placement(matrix=matrix, offset=np.array(offset), width=500, height=400)
    x, y = np.meshgrid(np.arange(120) + 0.5, np.arange(100) + 0.5)
    back = unwarp(slow_waves(x, y)[..., 0].astype(np.float32), placement)
    x, y = np.meshgrid(np.arange(500) + 0.5, np.arange(400) + 0.5)
    at = placement.at(np.column_stack([x.ravel(), y.ravel()])).reshape(400, 500, 2)
    wanted = slow_waves(at[..., 0], at[..., 1])[..., 0]
    there = np.all((at >= 0) & (at < (120, 100)), axis=2)
    inner = np.all((at > 3) & (at < (117, 97)), axis=2)
    assert back.shape == wanted.shape
    assert np.abs(back - wanted)[inner].max() < TENTH / 10
    assert np.abs(back - wanted)[there].max() < 3
    assert there.mean() < 1
    assert np.all(back[~there] == 0)
