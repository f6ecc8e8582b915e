"""Oracle: tests of uniformity by hand; property: uniform values pass, others do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imuge.bench.presence.uniformity import band, ecdf, quantiles, small_excess_p, uniformity

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(values=P_VALUES)
def test_distances_are_those_of_the_steps(values):
    found = uniformity(np.array(values))
    ordered = np.sort(values)
    ranks = np.arange(1, len(values) + 1) / len(values)
    above, below = (ranks - ordered).max(), (ordered - ranks + 1 / len(values)).max()
    assert found.excess == pytest.approx(above, abs=1e-12)
    assert found.ks == pytest.approx(max(above, below), abs=1e-12)
    assert found.least == ordered[0]
    assert found.count == len(values)


def test_uniform_values_pass_and_small_ones_do_not():
    values = np.random.default_rng(0).random(2000)
    assert uniformity(values).ks_p > 0.05
    assert uniformity(values**1.2).excess_p < 1e-6


def test_values_too_great_are_no_excess():
    timid = uniformity(np.sqrt(np.random.default_rng(0).random(2000)))
    assert timid.ks_p < 1e-6
    assert timid.excess_p > 0.5


def test_an_excess_of_small_values_is_told_from_one_in_the_middle():
    rng = np.random.default_rng(0)
    crowded = rng.beta(3, 3, 2000)
    assert uniformity(crowded).excess_p < 1e-6
    assert small_excess_p(crowded, (0.1, 0.01)) > 0.5
    few = np.append(rng.random(2000), np.full(20, 1e-4))
    assert small_excess_p(few, (0.1, 0.01, 0.001)) < 1e-6


@given(values=P_VALUES, level=st.sampled_from([0.01, 0.1, 0.5]))
def test_the_chance_of_small_values_is_that_of_coins(values, level):
    below = sum(value <= level for value in values)
    expected = stats.binomtest(below, len(values), level, alternative="greater").pvalue
    assert small_excess_p(np.array(values), (level,)) == pytest.approx(expected)


@given(values=P_VALUES)
def test_ecdf_counts(values):
    levels = np.array([0, 1e-3, 0.25, 0.5, 1])
    expected = [sum(value <= level for value in values) / len(values) for level in levels]
    assert ecdf(np.array(values), levels) == pytest.approx(expected)


@given(values=P_VALUES)
def test_quantiles_go_from_the_least_to_the_greatest(values):
    expected, found = quantiles(np.array(values), points=10)
    assert len(expected) == len(found) <= 10
    assert (found[0], found[-1]) == (min(values), max(values))
    assert (np.diff(expected) > 0).all()
    assert (np.diff(found) >= 0).all()


def test_the_band_holds_the_ecdf_of_uniform_values():
    rng = np.random.default_rng(0)
    inside = [uniformity(rng.random(100)).ks <= band(100) for _ in range(200)]
    assert 0.9 < np.mean(inside) < 1
    assert band(400) == pytest.approx(band(100) / 2)


@pytest.mark.parametrize("values", [[], [[0.5]], [0.5, 1.1], [-0.1], [np.nan]])
def test_what_is_no_sample_of_p_values(values):
    with pytest.raises(ValueError, match="p-values"):
        uniformity(np.array(values))
