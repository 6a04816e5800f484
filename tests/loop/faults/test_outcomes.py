"""What guards make of runs that nobody stopped: in time, too late, too early, or not at all."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from loop.config_guards import Guards
from loop.faults.outcome import lost_of_peak, outcome
from loop.faults.packed import Row, packed, unpacked
from loop.faults.report import in_words, report, share
from loop.guards.replay import replay
from loop.guards.seen import Seen

LENGTH = "policy/length_mean_tokens"
GUARDS = Guards()


def series(lengths: Sequence[float], right: Sequence[float], items: int = 400) -> list[Seen]:
    """A run whose answers have these mean lengths, and of whose greedy answers these shares are right."""
    rng = np.random.default_rng(0)
    luck_N = rng.random(items)
    return [
        Seen(
            index,
            {
                LENGTH: length,
                "policy/kl_to_seed_nats": 1.0 * index,
                "policy/kl_to_previous_nats": 0.5,
                "judge/rank_tau_b_with_seed": None if index == 2 else 0.9,
                **({"signal/pairs": 300.0} if index else {}),
            },
            {"capability/answers": {str(n): float(luck < share) for n, luck in enumerate(luck_N)}},
            [{"loss": 0.7, "grad_norm": 1.23456}] if index else (),
            counts=("signal/pairs",) if index else (),
            finite=frozenset({LENGTH}),
        )
        for index, (length, share) in enumerate(zip(lengths, right, strict=True))
    ]


def row(history: list[Seen], gold: Sequence[float], onset: int = 3) -> Row:
    made = packed(history)
    for one, value in zip(made["iterations"], gold, strict=True):
        one["gold"] = [value, value]
    return {"onset": onset, **json.loads(json.dumps(made))}


GOLD = (2.0, 2.4, 2.6, 2.7, 2.65, 2.3, 2.0)
CALM = (10.0,) * 7
GOOD = (0.5, 0.55, 0.6, 0.6, 0.6, 0.6, 0.6)
CELL = {"fault": "flipped", "seed": 1}


def test_a_row_holds_what_guards_conclude_from() -> None:
    lengths = (10.0, 11.0, 12.0, 13.0, 14.0, 26.0, 30.0)
    history = series(lengths, (0.5, 0.6, 0.6, 0.6, 0.58, 0.3, 0.3))
    kept = unpacked(row(history, GOLD))
    for one, again in zip(replay(GUARDS, history), replay(GUARDS, kept), strict=True):
        assert (one.verdict, one.policy) == (again.verdict, again.policy)
        assert [(f.guard, f.passed) for f in one.findings] == [(f.guard, f.passed) for f in again.findings]
    assert [dict(one.metrics) for one in kept] == [dict(one.metrics) for one in history]
    assert kept[1].curve == [{"loss": 0.7, "grad_norm": 1.23}]


def test_a_number_that_must_be_one_and_is_none_stays_a_fault() -> None:
    history = series(CALM, GOOD)
    history[4] = replace(history[4], metrics={**history[4].metrics, LENGTH: float("nan")})
    found = outcome(CELL, row(history, GOLD), GUARDS)
    assert (found.stopped_at, found.verdict) == (4, "halt") and "finite" in found.by


def test_a_row_is_small() -> None:
    assert len(json.dumps(row(series(CALM, GOOD, items=512), GOLD))) / len(GOLD) < 500


def test_a_run_is_caught_where_it_is_stopped_before_its_gold_is_lost() -> None:
    found = outcome(CELL, row(series((*CALM[:4], 30.0, 30.0, 30.0), GOOD), GOLD), GUARDS)
    assert (found.stopped_at, found.verdict, found.by) == (4, "halt", ("max_length_times",))
    assert found.harmful and found.caught and (found.late_from, found.delay) == (5, 1)
    assert found.lost == 0  # the policy of iteration 3 stands, which is the peak
    assert found.seen_at == {"max_length_times": 4}


def test_what_is_stopped_at_the_policy_that_lost_is_in_time_and_one_later_is_too_late() -> None:
    for longer_from, caught in ((5, True), (6, False)):
        lengths = [10.0 if index < longer_from else 30.0 for index in range(7)]
        found = outcome(CELL, row(series(lengths, GOOD), GOLD), GUARDS)
        assert (found.stopped_at, found.caught) == (longer_from, caught)
    assert found.lost == pytest.approx(1 - 2.3 / 2.7)


def test_a_stop_before_the_fault_began_catches_nothing() -> None:
    found = outcome(CELL, row(series((10.0, 10.0, *(30.0,) * 5), GOOD), GOLD), GUARDS)
    assert (found.stopped_at, found.caught, found.delay) == (2, False, None)


def test_where_right_answers_are_lost_the_policy_before_stands() -> None:
    right = (0.5, 0.6, 0.7, 0.8, 0.3, 0.3, 0.3)
    found = outcome(CELL, row(series(CALM, right), GOLD), GUARDS)
    assert (found.stopped_at, found.verdict, found.lost) == (4, "reject", 0.0) and found.by == ("answers_fell",)


def test_a_run_that_nobody_stops_loses_what_its_last_policy_lost() -> None:
    found = outcome(CELL, row(series(CALM, GOOD), GOLD), GUARDS)
    assert (found.stopped_at, found.caught, found.harmful) == (None, False, True)
    assert found.lost == pytest.approx(1 - 2.0 / 2.7)


def test_a_peak_is_chosen_on_one_half_and_compared_on_the_other() -> None:
    assert lost_of_peak([2.0, 3.0, 2.9], [2.0, 2.5, 2.6]) == [0.0, 0.0, 0.0]
    assert lost_of_peak([2.0, 3.0, 2.9], [2.0, 2.5, 2.0])[2] == pytest.approx(0.2)


def test_a_report_counts_harmful_runs_by_who_was_tuned_on_and_sound_ones_that_were_stopped() -> None:
    stopped = row(series((*CALM[:4], 30.0, 30.0, 30.0), GOOD), GOLD)
    let_go, calm = row(series(CALM, GOOD), GOLD), row(series(CALM, GOOD), sorted(GOLD))
    alarmed = row(series((*CALM[:4], 30.0, 30.0, 30.0), GOOD), sorted(GOLD))
    cells = [("flipped", stopped), ("flipped", let_go), ("inverted", stopped), ("healthy", calm), ("healthy", alarmed)]
    outcomes = [outcome({"fault": name, "seed": seed}, one, GUARDS) for seed, (name, one) in enumerate(cells)]
    found = report(outcomes)
    assert [(one.found, one.of) for one in (found.tuned_on, found.unseen, found.false_alarms)] == [
        (1, 2),
        (1, 1),
        (1, 2),
    ]
    (flipped,) = [one for one in found.faults if one.fault == "flipped"]
    assert (flipped.runs, flipped.harmful, flipped.caught, flipped.delay) == (2, 2, 1, 1)
    assert flipped.lost == pytest.approx((1 - 2.0 / 2.7) / 2)  # nothing where it was stopped
    assert flipped.by == {"max_length_times": 1} and "flipped" in in_words(found)


def test_a_share_has_the_exact_interval() -> None:
    none = share(0, 300)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 300)))
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)
