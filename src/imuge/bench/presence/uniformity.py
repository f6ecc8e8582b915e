"""Whether p-values mean what they say: where nothing is there, they must be uniform on [0, 1].

Then the share of p-values at or below x, their empirical distribution function (ECDF), is x. Above
this diagonal there are more false alarms than told; below it fewer, which errs on the safe side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]
LEVELS = (0.5, 0.1, 0.01, 0.001)  # of p-values whose share is reported
BAND = 0.95
DRAWN_POINTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniformity:
    """Tests of Kolmogorov and Smirnov of a sample of p-values against the uniform distribution."""

    count: int
    least: float  # the least p-value
    ks: float  # greatest distance between ECDF and diagonal, 0..1
    ks_p: float  # chance of as much or more among independent, uniform values
    excess: float  # greatest height of the ECDF above the diagonal: p-values that are too small
    excess_p: float  # chance of as much or more, likewise


def uniformity(p_values: Values) -> Uniformity:
    """Test p-values.

    Args:
        p_values: (n,), in [0, 1], one or more.

    Raises:
        ValueError: there is none, or one is not in [0, 1].
    """
    values = _checked(p_values)
    both = stats.kstest(values, "uniform")
    above = stats.kstest(values, "uniform", alternative="greater")
    return Uniformity(
        count=len(values),
        least=float(values.min()),
        ks=float(both.statistic),
        ks_p=float(both.pvalue),
        excess=float(above.statistic),
        excess_p=float(above.pvalue),
    )


def small_excess_p(p_values: Values, levels: Sequence[float]) -> float:
    """The chance of so many small values among independent, uniform ones.

    Where few things are summed up, p-values crowd in the middle: not uniform, and yet no alarm too
    many. This looks at small values alone: binomial tests, corrected for their number.

    Args:
        p_values: (n,), in [0, 1], one or more.
        levels: Values at or below each of them are counted.

    Raises:
        ValueError: there is no p-value, or one is not in [0, 1].
    """
    values = _checked(p_values)
    counts = [int((values <= level).sum()) for level in levels]
    tails = [stats.binom.sf(k - 1, len(values), x) for k, x in zip(counts, levels, strict=True)]
    return float(min(1.0, len(levels) * min(tails)))


def ecdf(p_values: Values, levels: Values) -> Values:
    """The share of p-values at or below each level, 0..1.

    Args:
        p_values: (n,), in [0, 1], one or more.
        levels: (m,).

    Returns:
        (m,).

    Raises:
        ValueError: there is no p-value, or one is not in [0, 1].
    """
    values = np.sort(_checked(p_values))
    shares: Values = np.searchsorted(values, levels, side="right") / len(values)
    return shares


def quantiles(p_values: Values, points: int = DRAWN_POINTS) -> tuple[Values, Values]:
    """The points of a plot of expected against found p-values, from the least to the greatest.

    Spread evenly over the logarithm, since the small ones are what matters.

    Args:
        p_values: (n,), in [0, 1], one or more.
        points: How many at most.

    Returns:
        What uniform values would be, i/(n + 1) for the i-th of n, and what was found; both (m,).

    Raises:
        ValueError: there is no p-value, or one is not in [0, 1].
    """
    values = np.sort(_checked(p_values))
    count = len(values)
    ranks = np.unique(np.geomspace(1, count, min(points, count)).round().astype(np.int64))
    return ranks / (count + 1), values[ranks - 1]


def band(count: int, confidence: float = BAND) -> float:
    """How far from the diagonal the whole ECDF of uniform values stays with this confidence.

    The inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant (1990): for any
    number of independent values.
    """
    return float(np.sqrt(np.log(2 / (1 - confidence)) / (2 * count)))


def _checked(p_values: Values) -> Values:
    values = np.asarray(p_values, np.float64)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"expected a list of one or more p-values, got shape {values.shape}")
    if outside := int((~((values >= 0) & (values <= 1))).sum()):
        raise ValueError(f"expected p-values in [0, 1], got {outside} outside of it")
    return values
