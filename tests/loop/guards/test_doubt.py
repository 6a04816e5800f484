"""The t test of a fixed number of items agrees with scipy, and doubts by chance no more often than it says."""

import math

import numpy as np
import pytest
from scipy import stats

from loop.guards.doubt import p_together, p_worse


def test_it_is_the_paired_t_test_of_scipy_by_bonferroni_over_groups_and_the_harmonic_mean_over_references() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.random((3, 90)), rng.random(90) - 0.1
    groups = np.arange(90) % 2 == np.arange(2)[:, None]
    each = [
        min(
            2 * stats.ttest_1samp(after[chosen] - one[chosen] + 0.05, 0.0, alternative="less").pvalue
            for chosen in groups
        )
        for one in before
    ]
    assert p_worse(before, after, groups, margin=0.05) == pytest.approx(stats.hmean(each), rel=1e-9)


def test_what_does_not_differ_is_not_in_doubt_and_what_differs_in_every_item_is() -> None:
    ones, everything = np.ones(20), np.ones((1, 20), dtype=bool)
    assert p_worse(ones[None], ones, everything) == 1.0
    assert p_worse(ones[None], 0 * ones, everything) == pytest.approx(0.5**20)
    assert p_worse(ones[None, :1], 0 * ones[:1], everything[:, :1]) == 0.5
    assert p_worse(0.8 * ones[None], 0.7 * ones, everything, margin=0.1) == 1.0
    assert p_worse(0 * ones[None], ones, everything) == 1.0


def test_sets_of_items_are_combined_by_fisher() -> None:
    assert p_together([[0.04], [0.2, 0.01], [0.9]]) == pytest.approx(
        stats.combine_pvalues([0.04, 0.02, 0.9]).pvalue, rel=1e-12
    )
    assert p_together([[0.0], [1.0]]) < 1e-100


@pytest.mark.parametrize("moves", [0.05, 0.2, 0.6])
def test_policies_that_are_no_worse_are_rarely_in_doubt(moves: float) -> None:
    """Right and wrong answers of which so many are drawn anew, in 12 groups of 43."""
    rng, trials, level = np.random.default_rng(1), 400, 0.02
    groups = np.arange(516) % 12 == np.arange(12)[:, None]
    doubted = 0
    for _ in range(trials):
        before = (rng.random((2, 516)) < 0.6).astype(float)
        after = np.where(rng.random(516) < moves, rng.random(516) < 0.6, before[0]).astype(float)
        doubted += p_worse(before, after, groups) <= level
    assert doubted / trials <= level + 3 * math.sqrt(level / trials)
