"""One number about a judge, with its interval, and what it is evidence of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from judges.statistics import LEVEL, Estimate, proportion

Floats = NDArray[np.float64]

UNKNOWN = Estimate(None, None, None)


class Evidence(NamedTuple):
    """`p_value`: how likely a sound judge looks at least this bad. `finding`: what the judge then is, with its sign.

    `weight` (above 0): how many tests' share of the false alarms this one may use; tests of one question share one.
    """

    p_value: float
    finding: str
    weight: float = 1.0


@dataclass(frozen=True)
class Statistic:
    """A value over `n` items with its interval of 95 %, None where it cannot be had.

    `evidence` is None for what is only described: no value of it is a fault.
    """

    name: str
    n: int
    estimate: Estimate
    evidence: Evidence | None = None


def share(name: str, hits: int, n: int, evidence: Evidence | None = None) -> Statistic:
    """hits / n with Wilson's interval."""
    return Statistic(name, n, proportion(hits, n), evidence)


def bounded_mean(values: Sequence[float] | Floats, low: float, high: float) -> Estimate:
    """The mean of values from `low` to `high`, with Student's interval.

    The interval is taken as if half a value at each end and one in the middle had been seen as well (Agresti and Min
    2005, for matched pairs): all values being equal is no proof that no other exists.
    """
    values_N = np.asarray(values, dtype=float)
    if len(values_N) < 2:
        return UNKNOWN
    centre, error = _padded(values_N, low, high)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values_N) + 1)) * error
    return Estimate(float(values_N.mean()), max(low, centre - half), min(high, centre + half))


def below_mean_p(values: Sequence[float] | Floats, low: float, high: float, least: float) -> float:
    """How likely the mean of values from `low` to `high` is at most this where the true one is at least `least`."""
    values_N = np.asarray(values, dtype=float)
    centre, error = _padded(values_N, low, high)
    return float(stats.t.cdf((centre - least) / error, len(values_N) + 1))


def _padded(values_N: Floats, low: float, high: float) -> tuple[float, float]:
    """Mean and standard error of the values with half a value at each end and one in the middle."""
    middle, half_range, n = (low + high) / 2, (high - low) / 2, len(values_N) + 2
    shifted_N = values_N - middle
    centre = float(shifted_N.sum()) / n
    variance = (float((shifted_N**2).sum()) + half_range**2) / n - centre**2
    return middle + centre, math.sqrt(variance / (n - 1))


def plain_mean(values: Sequence[float] | Floats) -> Estimate:
    """The mean of values that have no ends, with Student's interval."""
    values_N = np.asarray(values, dtype=float)
    n = len(values_N)
    if n < 2:
        return UNKNOWN
    value = float(values_N.mean())
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * values_N.std(ddof=1) / math.sqrt(n))
    return Estimate(value, value - half, value + half)


def sign_p(values: Sequence[float] | Floats) -> float:
    """How likely values that are as often above 0 as below lean at least this far to one side: the exact sign test."""
    values_N = np.asarray(values)
    above, below = int((values_N > 0).sum()), int((values_N < 0).sum())
    return min(1.0, float(2 * stats.binom.cdf(min(above, below), above + below, 0.5)))


def above_share_p(hits: int, n: int, tolerated: float) -> float:
    """How likely at least this many hits are where their true share is at most `tolerated`: exact binomial."""
    return float(stats.binom.sf(hits - 1, n, tolerated))


def share_difference(hits_1: int, n_1: int, hits_2: int, n_2: int) -> Estimate:
    """hits_1 / n_1 less hits_2 / n_2, with Newcombe's interval of Wilson's two (1998, method 10)."""
    first, second = proportion(hits_1, n_1), proportion(hits_2, n_2)
    if first.value is None or second.value is None:
        return UNKNOWN
    assert first.low is not None and first.high is not None and second.low is not None and second.high is not None
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - below, value + above)
