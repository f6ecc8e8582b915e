"""The map from a copy to its frame."""

import numpy as np
import pytest

from imuge.protection.placement import Placement


def test_a_placement_goes_there_and_back():
    turned = np.radians(12)
    matrix = 0.7 * np.array(((np.cos(turned), -np.sin(turned)), (np.sin(turned), np.cos(turned))))
    placement = Placement(matrix=matrix, offset=np.array([30.0, -4.0]), width=400, height=300)
    points = np.random.default_rng(0).uniform(-50, 500, (20, 2))
    np.testing.assert_allclose(placement.back(placement.at(points)), points, atol=1e-9)
    assert placement.corners()[0] == pytest.approx((30, -4))
    assert placement.scale == pytest.approx(0.7)
    assert placement.turn == pytest.approx(-12)  # the copy has to be turned on to lie upright
    moved = placement.moved(5, 6)
    np.testing.assert_allclose(moved.corners(), placement.corners() + np.array([5, 6]))
