"""How far two judges order the same things alike, over all of them at once.

`judges.consistency` has CREAM's number, prompt by prompt.
"""

from collections.abc import Sequence

import numpy as np


def kendall_tau_b(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Kendall's tau-b (1945), -1 to 1, over the things that both judges gave a number; None where one never varies."""
    from scipy import stats  # a second of processor time, which few starts need

    both_N_2 = np.array([(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None])
    if len(both_N_2) < 2 or np.ptp(both_N_2, axis=0).min() == 0:
        return None
    return float(stats.kendalltau(*both_N_2.T).statistic)
