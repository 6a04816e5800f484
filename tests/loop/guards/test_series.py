"""Collapses halt with the right guard named first (K4), and healthy series go on (K5)."""

from itertools import pairwise

import pytest

from benchmarks.synthetic_series import befallen, forgotten, healthy, truth
from loop.config_guards import Guards
from loop.guards.decision import Conclusion
from loop.guards.replay import replay
from loop.guards.seen import Seen

ONSET = 4
COLLAPSES: dict[str, dict[str, float]] = {
    "max_length_times": {"length_mean_tokens": 40.0},
    "min_length_times": {"length_mean_tokens": 3.0},
    "max_commonest_answer_plus": {"commonest_answer_frac": 0.8},
    "max_at_high_frac": {"at_high_frac": 0.99, "score_sd": 0.1},
    "min_score_sd_times": {"score_sd": 0.0},
    "min_pairs": {"pairs": 3.0, "pairs_used": 3.0, "pair_yield_frac": 3 / 384},
    "max_kl_to_seed_nats": {"kl_to_seed_nats": 60.0, "kl_to_previous_nats": 30.0},
}
"""What befalls the series, by the guard that is to say so first."""


def halts(history: list[Seen]) -> Conclusion:
    """The first conclusion that promotes nothing, and those after it up to the halt."""
    concluded = list(replay(Guards(), history))
    assert all(one.verdict == "promote" for one in concluded[:ONSET])
    at = next(index for index, one in enumerate(concluded) if one.verdict == "halt")
    assert ONSET <= at < ONSET + Guards().patience
    assert not any(one.verdict == "promote" for one in concluded[ONSET : at + 1])
    return concluded[ONSET]


@pytest.mark.parametrize("guard", COLLAPSES)
def test_a_collapse_halts_at_once_and_its_guard_is_named_first(guard: str) -> None:
    found = halts(befallen(list(healthy(1, 6, 128, 0.1)), ONSET, **COLLAPSES[guard]))
    assert found.failed[0].guard == guard


def test_a_policy_that_forgets_is_undone_and_then_halted() -> None:
    found = halts(forgotten(list(healthy(1, 8, 512, 0.1)), ONSET, 0.25))
    assert found.failed[0].guard == "answers_fell" and found.verdict in ("reject", "roll back")


@pytest.mark.parametrize("gain", [0.0, 0.15])
def test_healthy_series_go_on_and_few_of_their_iterations_are_tried_again(gain: float) -> None:
    """`benchmarks/sequential.py` does this with 200 iterations of 20 seeds, and 512 items."""
    concluded = [one for seed in range(24) for one in replay(Guards(), healthy(seed, 6, 256, gain))]
    verdicts = [one.verdict for one in concluded]
    assert set(verdicts) <= {"promote", "reject"}
    assert verdicts.count("reject") < 0.1 * len(verdicts)  # 0.05 is allowed, more while one brakes


def test_the_best_follows_a_gain_that_is_there_and_no_chance() -> None:
    def best(gain: float) -> int:
        *_, last = replay(Guards(), healthy(1, 12, 512, gain))
        return last.standing.best.index

    assert best(0.0) == 0 < best(0.2)


def test_the_best_goes_from_plateau_to_plateau_and_is_no_policy_that_was_worse() -> None:
    better = truth("plateaus", 1, 26, 0.6)
    best = [one.standing.best.index for one in replay(Guards(), healthy(1, 26, 512, 0.6, "plateaus"))]
    plateaus = [better[index] for index in best]
    assert plateaus == sorted(plateaus) and len(set(plateaus)) > 1
    assert all(index <= now for now, index in enumerate(best))


def test_a_policy_that_wanders_is_not_undone() -> None:
    verdicts = [one.verdict for one in replay(Guards(), healthy(1, 30, 128, 0.03, "wanders"))]
    assert set(verdicts) <= {"promote", "reject"}
    steps = truth("wanders", 1, 30, 0.03)
    assert max(steps) > 0 and min(after - before for before, after in pairwise(steps)) < 0
