"""Whether a judge says the same twice, and whether its preferences fit into an order."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from scipy import stats

from judges.audit.records import Repeated, Triad
from judges.audit.statistic import UNKNOWN, Evidence, Statistic, above_share_p, share
from judges.statistics import LEVEL, Estimate
from runs.records import Unscored

CYCLES_BY_CHANCE = 0.25
"""Of the eight outcomes of three comparisons by coin, two are cycles."""


def repetition(repeated: Sequence[Repeated]) -> tuple[Statistic, ...]:
    """`retest/equal` (0..1): share of items given the same number twice; `retest/correlation` (-1..1): Spearman's."""
    numbers = [
        (one.first, one.again)
        for one in repeated
        if not isinstance(one.first, Unscored) and not isinstance(one.again, Unscored)
    ]
    equal = share("retest/equal", sum(first == again for first, again in numbers), len(numbers))
    return equal, Statistic("retest/correlation", len(numbers), _correlation(numbers))


def same_verdict(repeated: Sequence[Repeated]) -> Statistic:
    """`retest/same_verdict` (0..1): share of pairs whose chance is on the same side of a half (or there) both times."""
    sides = [
        (np.sign(one.first - 0.5), np.sign(one.again - 0.5))
        for one in repeated
        if not isinstance(one.first, Unscored) and not isinstance(one.again, Unscored)
    ]
    return share("retest/same_verdict", sum(bool(first == again) for first, again in sides), len(sides))


def transitivity(triads: Sequence[Triad]) -> tuple[Statistic, ...]:
    """`triads/cyclic` (0..1): of the triads without a tie, the share in which each answer beats the next in a circle.

    Noise makes cycles, but never more than a coin's quarter; more are a preference that no order of merit can have.
    """
    scored = [[c for c in (one.ab, one.bc, one.ca) if not isinstance(c, Unscored) and c != 0.5] for one in triads]
    decided = [[chance > 0.5 for chance in one] for one in scored if len(one) == 3]
    cyclic = sum(all(one) or not any(one) for one in decided)
    evidence = Evidence(above_share_p(cyclic, len(decided), CYCLES_BY_CHANCE), "intransitive") if decided else None
    return (share("triads/cyclic", cyclic, len(decided), evidence),)


def _correlation(numbers: Sequence[tuple[float, float]]) -> Estimate:
    """Spearman's correlation with the interval of Bonett and Wright (2000), on Fisher's scale; a whole one has none."""
    first_N, again_N = np.array(numbers, dtype=float).reshape(-1, 2).T
    n = len(numbers)
    if n < 4 or first_N.std() == 0 or again_N.std() == 0:
        return UNKNOWN
    value = float(stats.spearmanr(first_N, again_N).statistic)
    if abs(value) > 1 - 1e-12:
        return Estimate(value, None, None)
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * math.sqrt((1 + value * value / 2) / (n - 3))
    return Estimate(value, math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half))
