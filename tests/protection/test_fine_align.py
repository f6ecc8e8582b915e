"""The template, once known, tells where blocks are to a fraction of a pixel."""

from types import SimpleNamespace

import numpy as np
import pytest

from imuge.protection.fine_align import fine_aligned
from imuge.protection.placement import Placement

ROWS, COLUMNS = 40, 48
EXPECTED = np.where(np.random.default_rng(0).random((6, ROWS, COLUMNS)) < 0.5, -1, 1)
EXPECTED = EXPECTED.astype(np.float32)


def placement(angle=0.0, scale=1.0, x=0.0, y=0.0):
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    return Placement(matrix=matrix, offset=np.array([x, y]), width=384, height=320)


def receiver(true, *, tampered=False, noise=0.3):
    """What a copy at `true` reveals at another place: signs that fade with the distance."""
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS]
    centres = np.stack([columns.ravel() * 8 + 4, rows.ravel() * 8 + 4], 1).astype(float)
    rng = np.random.default_rng(1)
    asked = []

    def reveal(place):
        asked.append(place)
        apart = np.linalg.norm(true.at(place.back(centres)) - centres, axis=1)
        strength = (1 - (apart / 2) ** 2).reshape(ROWS, COLUMNS)
        signs = EXPECTED * strength + rng.normal(0, noise, EXPECTED.shape)
        if tampered:
            signs[:, 5:20, 5:25] = rng.normal(0, 1, (6, 15, 20))
        return SimpleNamespace(inside=np.ones((ROWS, COLUMNS), bool)), signs.astype(np.float32)

    return reveal, asked


def apart(one, other):
    return np.abs(one.corners() - other.corners()).max()


@pytest.mark.parametrize("tampered", [False, True])
@pytest.mark.parametrize(
    "true", [placement(x=0.5, y=-0.4), placement(angle=0.002), placement(scale=1.0015, x=-0.3)]
)
def test_it_comes_within_a_fifth_of_a_pixel(true, tampered):
    given = placement()
    reveal, _ = receiver(true, tampered=tampered)
    found = fine_aligned(given, EXPECTED, reveal)
    assert apart(found, true) < 0.2 < apart(given, true)


def test_what_lies_right_stays_and_is_not_looked_at_twice():
    reveal, asked = receiver(placement())
    found = fine_aligned(placement(), EXPECTED, reveal)
    assert apart(found, placement()) < 0.05
    assert len(asked) <= 6  # itself, four neighbours, the correction


def test_where_nothing_agrees_nothing_moves():
    def reveal(_):
        noise = np.random.default_rng(2).normal(0, 1, EXPECTED.shape).astype(np.float32)
        return SimpleNamespace(inside=np.ones((ROWS, COLUMNS), bool)), noise

    assert apart(fine_aligned(placement(), EXPECTED, reveal), placement()) < 0.5


def test_too_little_to_see_moves_nothing():
    def reveal(_):
        seen = np.zeros((ROWS, COLUMNS), bool)
        seen[:4, :4] = True
        return SimpleNamespace(inside=seen), EXPECTED

    assert fine_aligned(placement(), EXPECTED, reveal) is not None
    assert apart(fine_aligned(placement(), EXPECTED, reveal), placement()) == 0
