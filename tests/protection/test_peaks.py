"""What stands out in a spectrum is found at every scale, turn and stretch, and nothing else is."""

from dataclasses import replace

import numpy as np
import pytest

from imuge.protection.peaks import ANGLES, SCALE_STEP, Maps, hits, polished
from imuge.protection.pilot import CAP, Spectrum, power_at, waves

BINS = 1024
ROOT = bytes(range(32))


def spectrum_of(matrix, keyed, *, fainter=()):
    """Exponential noise, and the waves where a copy under this map has them.

    `fainter` are maps under which half of the waves are seen, too.
    """
    shape = (BINS, BINS // 2 + 1)
    power = np.random.default_rng(0).exponential(1, shape).astype(np.float32)
    for one, shown in ((matrix, slice(None)), *((one, slice(0, None, 2)) for one in fainter)):
        u, v = (np.array([keyed.u, keyed.v]).T @ one).T[:, shown]
        flip = np.where(u < 0, -1.0, 1.0)
        rows = np.rint(flip * v * BINS).astype(int) % BINS
        columns = np.rint(flip * u * BINS).astype(int)
        power[rows, columns] = 9
    excess = np.minimum(power, CAP)
    return Spectrum(
        detail=np.zeros((4, 4), np.float32),
        ratio=(1.0, 1.0),
        power=power,
        noise=np.ones(shape, np.float32),
        excess=excess,
        mean=float(excess.mean()),
        spread=float(excess.std()),
        bins=BINS,
    )


def rotation(degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def off(found, wanted):
    """How far two maps differ; of a map and its opposite, which look the same, the nearer."""
    return min(np.abs(found - wanted).max(), np.abs(found + wanted).max()) / np.abs(wanted).max()


@pytest.mark.parametrize("mirrored", [1, -1])
@pytest.mark.parametrize(("degrees", "scale"), [(0, 0.75), (90, 1.1), (-37.3, 0.42), (141, 1.4)])
def test_scale_turn_and_mirroring_are_found(degrees, scale, mirrored):
    keyed = waves(ROOT)
    matrix = scale * rotation(degrees) @ np.diag([mirrored, 1])
    seen = spectrum_of(matrix, keyed)
    best = hits(Maps(seen), keyed)[0]
    assert best.score > 15
    assert off(best.matrix, matrix) < SCALE_STEP + np.pi / ANGLES
    assert off(polished(seen, keyed, best), matrix) < 0.002


@pytest.mark.parametrize(
    ("scales", "degrees"),
    [((1.0, 0.8), 0), pytest.param((0.4, 0.75), 90, marks=pytest.mark.slow)],
)
def test_unlike_scales_are_found_only_where_they_are_asked_for(scales, degrees):
    keyed = waves(ROOT)
    matrix = np.rint(rotation(degrees)) @ np.diag(scales)
    maps = Maps(spectrum_of(matrix, keyed))
    assert off(hits(maps, keyed, stretches=True)[0].matrix, matrix) < 0.01
    assert max((hit.score for hit in hits(maps, keyed)), default=0) < 12


def test_what_is_not_turned_is_looked_at_though_turns_stand_out_further():
    keyed = waves(ROOT)
    turned, faint = 0.75 * rotation(30), 0.6 * np.eye(2)
    mirrored = 0.9 * rotation(-50) @ np.diag([-1, 1])
    maps = Maps(spectrum_of(turned, keyed, fainter=(mirrored, faint)))
    found = hits(maps, keyed, most=1)
    assert off(found[0].matrix, turned) < 0.01
    (upright,) = [hit for hit in found[1:] if off(hit.matrix, faint) < 0.01]
    assert upright.upright
    assert not found[0].upright
    # Between the bins its scale is sought, and no turn.
    fine = polished(maps.seen, keyed, upright)
    assert off(fine, faint) < 0.002
    np.testing.assert_array_equal(fine, fine[0, 0] * np.eye(2))
    alike = Maps(spectrum_of(faint, keyed))
    same = [hit.upright for hit in hits(alike, keyed) if off(hit.matrix, faint) < 0.01]
    assert same == [False, True]


def test_another_key_hears_nothing_of_it():
    keyed, other = waves(ROOT), waves(bytes(32))
    maps = Maps(spectrum_of(0.75 * np.eye(2), keyed))
    assert max((hit.score for hit in hits(maps, other)), default=0) < 8
    silent = replace(maps.seen, excess=np.ones_like(maps.seen.excess), mean=1.0)
    assert hits(Maps(silent), keyed, stretches=True) == []


def test_a_half_spectrum_is_read_on_both_sides():
    values = np.arange(8 * 5, dtype=np.float32).reshape(8, 5)
    at = power_at(values, 8, np.array([0.25, -0.25]), np.array([-0.125, 0.125]))
    assert at.tolist() == [values[7, 2], values[7, 2]]
