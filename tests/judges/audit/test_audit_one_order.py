"""A taste for place is seen in one order alone where labels tell it from quality, and a sound judge is not accused."""

import numpy as np
import pytest

from judges.audit.attraction import attraction
from judges.audit.findings import Judged, audit, findings
from judges.audit.known_bias import KnownJudge, simulate
from judges.audit.records import JudgedPair
from judges.statistics import Label


def shown_once(label: Label, first: int, second: int) -> list[JudgedPair]:
    """Pairs of this label of which the judge took so many first and so many second answers; lengths by turns."""
    said = [1.0] * first + [0.0] * second
    return [JudgedPair(label, chance, None, 100 + n % 7, 100 + n % 5) for n, chance in enumerate(said)]


def test_errors_towards_the_first_are_position_bias_though_no_pair_was_turned() -> None:
    pairs = [*shown_once("b", 100, 60), *shown_once("a", 139, 1)]
    assert "position bias: first" in [one.name for one in audit(Judged(pairs)).findings]
    turned = [*shown_once("a", 60, 100), *shown_once("b", 1, 139)]
    assert "position bias: second" in [one.name for one in audit(Judged(turned)).findings]


def test_who_always_says_first_is_bound_by_place_and_near_chance() -> None:
    found = {one.name for one in audit(Judged([*shown_once("b", 100, 0), *shown_once("a", 100, 0)])).findings}
    assert found == {"position bias: first", "near chance"}


def test_a_sound_judge_is_not_accused_where_the_better_answer_is_mostly_shown_first() -> None:
    """It sees by how much an answer is better, and answers shown first are better by more: plain labels accuse it."""
    plainly, accused = 0, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        quality_N = rng.logistic(1.5, 1, 600)
        says_first_N = quality_N + 0.5 * rng.logistic(0, 1, 600) > 0
        drawn = attraction(
            [
                JudgedPair("a" if quality > 0 else "b", float(says), None, *map(int, rng.integers(50, 150, 2)))
                for quality, says in zip(quality_N, says_first_N, strict=True)
            ]
        )
        plain = next(one for one in drawn if one.name == "position/coefficient").estimate
        plainly += plain.low is not None and plain.low > 0
        accused += bool(findings(drawn))
    assert (accused, plainly > 6) == (0, True)


def test_labels_that_all_name_the_first_leave_place_unseen_and_length_seen() -> None:
    found = audit(Judged([*shown_once("a", 150, 40)]))
    assert found.statistic("position/coefficient").n == 0 and found.statistic("length/coefficient").n > 100
    assert "position bias" in {one.fault for one in found.unseen}


def test_pairs_in_both_orders_or_none_have_no_coefficient_of_place() -> None:
    both = simulate(KnownJudge(first=1.0), 0, n=50).pairs
    none = [JudgedPair("a", None, None, 10 + n, 20, verdict=float(n % 2)) for n in range(40)]
    for pairs in (both, none):
        assert audit(Judged(pairs)).statistic("position/coefficient").n == 0


def test_a_pair_without_a_verdict_and_without_an_order_is_refused() -> None:
    with pytest.raises(ValueError, match="a judged pair has a verdict"):
        JudgedPair("a", None, None, 1, 2)
