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


def p_worse(before_R_N: "Floats", after_N: "Floats", groups_G_N: "NDArray[np.bool_]", margin: float = 0.0) -> float:
    """How likely chance alone makes `after` look so much worse, by more than `margin`, than the worst of the references
    in the worst of the groups: one-sided, and Bonferroni over both. 1 where nothing differs."""
    import numpy as np
    from scipy.stats import t

    smallest = 1.0
    for chosen in groups_G_N:
        differences_R_N = after_N[chosen] - before_R_N[:, chosen] + margin
        n = differences_R_N.shape[1]
        means_R, errors_R = differences_R_N.mean(axis=1), differences_R_N.std(axis=1, ddof=1) / np.sqrt(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            ps_R = t.cdf(np.where(means_R == 0, 0.0, means_R / errors_R), n - 1)
        smallest = min(smallest, float(ps_R.min()))
    return min(1.0, smallest * len(before_R_N) * len(groups_G_N))


def p_together(tests: Sequence[Sequence[float]]) -> float:
    """How likely chance alone gives such p-values of tests of several sets of items, which have no item in common.

    Of tests of the same items the smallest counts, Bonferroni over them; the sets are independent where nothing became
    worse, and are combined by Fisher's method (Fisher 1925).
    """
    from scipy.stats import combine_pvalues

    each = [min(1.0, len(same) * min(same)) for same in tests]
    return float(combine_pvalues([max(p, 1e-300) for p in each], method="fisher").pvalue)
