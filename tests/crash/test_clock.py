"""A clock that jumps changes when things seem to have been done, and nothing else."""

import random
import time
from collections.abc import Callable

import pytest

from runs.store import Store
from tests.crash.conftest import Tally
from tests.crash.whole_run import FULL, go_on, new_home, what_is_wrong_at_the_end

HOUR_S, DAY_S = 3600, 86_400
JUMPS_S = (HOUR_S, -HOUR_S, DAY_S, -DAY_S, -10 * 365 * DAY_S, 10 * 365 * DAY_S)


def jumping(rng: random.Random) -> Callable[[], float]:
    """A clock that somebody sets each time before it is read."""
    real, ahead_s = time.time, 0.0

    def now() -> float:
        nonlocal ahead_s
        ahead_s += rng.choice(JUMPS_S)
        return real() + ahead_s

    return now


def test_with_a_clock_that_jumps_nothing_is_missed_or_doubled_and_nothing_ends_before_it_began(
    monkeypatch: pytest.MonkeyPatch, tally: Tally
) -> None:
    runs, bad = 20 if FULL else 1, []
    for seed in range(runs):
        with new_home() as home:
            with monkeypatch.context() as patch:
                patch.setattr(time, "time", jumping(random.Random(seed)))
                go_on(home)
            took_s = [
                receipt["provenance"]["ended"] - receipt["provenance"]["began"] for receipt in Store(home).receipts()
            ]
            wrong = what_is_wrong_at_the_end(home)
        if wrong or not all(0 <= seconds < HOUR_S for seconds in took_s):
            bad.append(f"seed {seed}: {wrong or took_s}")
    tally("E1", runs, len(bad))
    assert not bad
