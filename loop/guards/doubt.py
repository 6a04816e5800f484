"""Whether one candidate is in doubt: a paired t test of a fixed number of items, for one decision.

Betting (`loop.guards.betting`) proves a promise for all of a run's decisions, and pays for it: it needs one to two
orders of magnitude more evidence than a test whose number of items is fixed. Keeping one candidate out undoes nothing
and is tried again, so that a rate of errors for each decision is promise enough. The t test is not exact for few
items; `benchmarks/sequential.py` simulates its rate.

Shape letters: N items, R references, G groups of items.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


ROUNDING = 1e-12
TINY = 1e-300
"""What is no smaller is not told apart."""


def p_worse(before_R_N: "Floats", after_N: "Floats", groups_G_N: "NDArray[np.bool_]", margin: float = 0.0) -> float:
    """How likely chance alone makes `after` look so much worse, by more than `margin`, than the references do, in the
    worst of the groups: one-sided, and 1 where nothing differs. (The harmonic mean is a little generous: with five
    references a level of 0.05 is one of up to 0.06.)

    Bonferroni over the groups, which have nothing to do with each other. References share the items and all that is
    wrong with `after`: of theirs the harmonic mean counts (Wilson 2019, "The harmonic mean p-value for combining
    dependent tests"), which is small where several agree.
    """
    import numpy as np
    from scipy.stats import t

    smallest_R = np.ones(len(before_R_N))
    for chosen in groups_G_N:
        differences_R_N = after_N[chosen] - before_R_N[:, chosen] + margin
        n = differences_R_N.shape[1]
        means_R, spreads_R = differences_R_N.mean(axis=1), differences_R_N.std(axis=1)
        # Where all differences are the same there is no error to divide by: each falls to one side by a coin's throw.
        alike_R = np.where(means_R < -ROUNDING, 0.5**n, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ps_R = np.where(spreads_R > ROUNDING, t.cdf(means_R / spreads_R * np.sqrt(n - 1), n - 1), alike_R)
        smallest_R = np.minimum(smallest_R, ps_R * len(groups_G_N))
    return float(1 / np.mean(1 / np.maximum(smallest_R, TINY)))


def p_together(tests: Sequence[Sequence[float]]) -> float:
    """How likely chance alone gives such p-values of tests of several sets of items, which have no item in common.

    Of tests of the same items the smallest counts, Bonferroni over them; the sets are independent where nothing became
    worse, and are combined by Fisher's method (Fisher 1925).
    """
    from scipy.stats import combine_pvalues

    each = [min(1.0, len(same) * min(same)) for same in tests]
    return float(combine_pvalues([max(p, TINY) for p in each], method="fisher").pvalue)
