"""Strengths from comparisons: planted ones come back, nothing diverges, and nothing depends on places in a list."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.statistics import Estimate
from judges.tournament import Compared, pairs_of, strengths

PLANTED = {"a": 1.5, "b": 0.5, "c": 0.0, "d": -2.0}
KEY = st.sampled_from("abcde")
VERDICT = st.builds(
    lambda pair, probability, weight: Compared(*pair, probability, weight),
    st.tuples(KEY, KEY).filter(lambda pair: pair[0] != pair[1]),
    st.floats(0, 1),
    st.floats(0, 100),
)
VERDICTS = st.lists(VERDICT, min_size=1, max_size=12)


def chance(first: float, second: float) -> float:
    return 1 / (1 + math.exp(second - first))


def played(planted: dict[str, float], rounds: int, rng: random.Random) -> list[Compared]:
    """Every pair, so often, with wins and losses by lot."""
    return [
        Compared(first, second, float(rng.random() < chance(planted[first], planted[second])))
        for first, second in pairs_of(planted)
        for _ in range(rounds)
    ]


def test_strengths_that_soft_labels_state_come_back() -> None:
    verdicts = [Compared(x, y, chance(PLANTED[x], PLANTED[y]), 1e6) for x, y in pairs_of(PLANTED)]
    assert {key: own.value for key, own in strengths(verdicts).items()} == pytest.approx(PLANTED, abs=1e-4)


def test_strengths_behind_wins_and_losses_come_back_within_their_error() -> None:
    found = strengths(played(PLANTED, 2000, random.Random(0)))
    assert {key: own.value for key, own in found.items()} == pytest.approx(PLANTED, abs=0.15)


def test_intervals_hold_the_truth_at_their_rate() -> None:
    # 300 intervals of 95 %. Over 300 tournaments of 4 to 8 that meet 3 to 20 times, 95 to 96 % hold it; once, 99 %.
    rng, held = random.Random(1), 0
    for _ in range(60):
        drawn = {key: rng.gauss(0, 1) for key in "abcde"}
        middle = math.fsum(drawn.values()) / 5
        for key, (_, low, high) in strengths(played(drawn, 4, rng)).items():
            assert low is not None and high is not None
            held += low <= drawn[key] - middle <= high
    assert 0.91 <= held / 300 <= 0.99


def test_who_always_wins_is_strong_and_unsure_but_not_infinite() -> None:
    found = strengths([Compared("winner", "loser", 1.0)])
    (value, low, high) = found["winner"]
    assert value is not None and low is not None and high is not None
    assert 1 - chance(value, -value) == pytest.approx(value / 9)  # where the likelihood's slope is the prior's
    assert low < 0 < high
    assert found["loser"].value == pytest.approx(-value)


def test_more_comparisons_make_narrower_intervals() -> None:
    few, many = (strengths(played(PLANTED, rounds, random.Random(0)))["b"] for rounds in (5, 500))
    assert _width(many) < _width(few) / 5


def test_intervals_hold_the_truth_where_all_six_answers_to_a_prompt_are_compared_with_each_other() -> None:
    # 300 intervals of 95 %. Taken for evidence of their own, the 15 verdicts on a prompt hold it in 81 %.
    lot, held = random.Random(1), 0
    for _ in range(50):
        answers = {str(prompt): {key: lot.gauss(0, 1) for key in "abcdef"} for prompt in range(20)}
        verdicts = [
            Compared(x, y, float(of[x] > of[y]), about=prompt)
            for prompt, of in answers.items()
            for x, y in pairs_of(of)
        ]
        for _, low, high in strengths(verdicts).values():
            assert low is not None and high is not None
            held += low <= 0 <= high
    assert 0.91 <= held / 300 <= 0.99


def test_who_never_met_has_an_interval_that_says_so() -> None:
    found = strengths([Compared("a", "b", 0.8, 1000.0), Compared("c", "d", 0.8, 1000.0)])
    within = strengths([Compared("a", "b", 0.8, 1000.0)])
    assert _width(found["a"]) > 10 * _width(within["a"])


def _width(own: Estimate) -> float:
    assert own.high is not None and own.low is not None
    return own.high - own.low


def test_a_verdict_without_weight_says_nothing() -> None:
    assert strengths([Compared("a", "b", 1.0, 0.0)])["a"].value == 0


def test_nothing_compared_has_no_strengths() -> None:
    assert strengths([]) == {}


@given(VERDICTS, st.randoms())
@settings(max_examples=40)
def test_the_order_of_the_verdicts_does_not_matter(verdicts: list[Compared], lot: random.Random) -> None:
    assert strengths(lot.sample(verdicts, len(verdicts))) == strengths(verdicts)


@given(VERDICTS)
@settings(max_examples=40)
def test_any_verdicts_give_finite_strengths_with_mean_zero_whichever_came_first(verdicts: list[Compared]) -> None:
    found = strengths(verdicts)
    values = {key: own.value or 0.0 for key, own in found.items()}
    assert math.fsum(values.values()) == pytest.approx(0, abs=1e-6)
    assert all(math.isfinite(number) for own in found.values() for number in own if number is not None)
    turned = strengths([Compared(v.second, v.first, 1 - v.probability, v.weight) for v in verdicts])
    assert {key: own.value for key, own in turned.items()} == pytest.approx(values, abs=1e-4)


@pytest.mark.parametrize(
    "wrong", [("a", "a", 0.5, 1.0), ("a", "b", 1.1, 1.0), ("a", "b", math.nan, 1.0), ("a", "b", 0.5, -1.0)]
)
def test_a_comparison_that_cannot_be_is_refused(wrong: tuple[str, str, float, float]) -> None:
    with pytest.raises(ValueError):
        Compared(*wrong)


def test_every_two_meet_once_whatever_their_order() -> None:
    assert pairs_of(["c", "a", "b", "a"]) == [("a", "b"), ("a", "c"), ("b", "c")]
