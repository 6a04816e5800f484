"""One stated budget of false alarms, spent over iterations without a horizon and split over groups of tests.

The chance that any of a run's tests ever rejects what is true is at most the budget (Bonferroni, twice): each group
with a test gets an equal share, each test an equal share of its group's, and of that the test's t-th look gets
6 / (pi^2 t^2), whose sum over all t is 1. Nobody has to say how long a run is going to be.
"""

import math
from collections import Counter
from collections.abc import Mapping

from loop.guards.finding import Group


def shares(budget: float, groups: Mapping[str, Group]) -> dict[str, float]:
    """What each test may spend in a whole run; `groups` says of which group each test is. They sum to `budget`."""
    tests = Counter(groups.values())
    return {test: budget / len(tests) / tests[group] for test, group in groups.items()}


def at_look(share: float, look: int) -> float:
    """What a test may spend at its `look`, counted from 1."""
    if look < 1:
        raise ValueError(f"looks are counted from 1, not {look}")
    return share * 6 / (math.pi * look) ** 2
