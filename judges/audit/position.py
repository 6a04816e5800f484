"""Whether it matters to a judge which answer is shown first (2306.05685; 2406.07791).

Only pairs that were judged in both orders count: in one order alone, a good first answer and a taste for first answers
look the same, unless labels tell them apart (`position/coefficient` of `judges.audit.attraction`).
"""

from collections.abc import Sequence

import numpy as np

from judges.audit.records import JudgedPair
from judges.audit.statistic import Evidence, Statistic, bounded_mean, share, sign_p


def position(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    """How far the first answer is preferred for being first.

    - `first_beyond_half` (-0.5..0.5): share of showings in which the first is preferred (a tie is half), beyond a half.
    - `first_when_inconsistent` (0..1): of pairs whose two verdicts lean to one place, the share that leans to the
      first. Each answer was in either place once, so a sound judge has a half.
    - `consistency` (0..1): share of pairs with the same verdict in both orders.
    - `chance_shift` (-1..1): mean chance of an answer shown first less its chance shown second.
    """
    both = [(p.ab, p.ba) for p in pairs if isinstance(p.ab, float | int) and isinstance(p.ba, float | int)]
    chances_N_2 = np.array(both, dtype=float).reshape(-1, 2)
    verdicts_N_2 = np.sign(chances_N_2 - 0.5)
    n = len(both)
    # 2: the first both times; -2: the second both times; 1 and -1: one of them and a tie.
    leaning_N = verdicts_N_2[:, 0] - verdicts_N_2[:, 1]
    inconsistent = int((leaning_N != 0).sum())
    to_first = int((leaning_N > 0).sum())
    where = "first" if 2 * to_first > inconsistent else "second"
    evidence = Evidence(sign_p(leaning_N), f"position bias: {where}") if n else None
    return (
        Statistic("position/first_beyond_half", n, bounded_mean(leaning_N / 4, -0.5, 0.5), evidence),
        share("position/first_when_inconsistent", to_first, inconsistent),
        share("position/consistency", n - inconsistent, n),
        Statistic("position/chance_shift", n, bounded_mean(chances_N_2[:, 0] - chances_N_2[:, 1], -1, 1)),
    )


def consistency(pairs: Sequence[JudgedPair]) -> Statistic:
    """The share of pairs with the same verdict in both orders."""
    return next(one for one in position(pairs) if one.name == "position/consistency")
