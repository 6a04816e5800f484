"""The expected score: the scale's mean under the labels' probabilities, or too little probability to say."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constitutions.load import Constitution, Scale
from judges import expected
from judges.dialogue import Choose, Item
from runs.records import Message, Unscored

SCALE = Scale(low=0, high=5)


def logprobs(*probabilities: float) -> list[float]:
    return [math.log(p) for p in probabilities]


def test_the_judge_is_asked_the_constitutions_question() -> None:
    constitution = Constitution(name="test", scale=SCALE, questions={"expected": "{request} | {response} | 0 to 5"})
    judge = expected.Expected(constitution, min_mass=0.5)
    (asked,) = judge.ask(Item((Message("user", "2 + 2?"),), ("4",)), [])
    assert asked == Choose((Message("user", "2 + 2? | 4 | 0 to 5"),), ("0", "1", "2", "3", "4", "5"))


def test_the_labels_are_the_scores_of_the_scale() -> None:
    assert expected.labels(SCALE) == ("0", "1", "2", "3", "4", "5")
    assert expected.labels(Scale(low=1, high=10))[-1] == "10"


def test_the_score_is_the_mean_under_the_labels_probabilities() -> None:
    score, mass = expected.expected_score(logprobs(0.1, 0.1, 0.1, 0.1, 0.2, 0.2), SCALE, min_mass=0.5)
    assert score == pytest.approx((0.1 * (0 + 1 + 2 + 3) + 0.2 * (4 + 5)) / 0.8)
    assert mass == pytest.approx(0.8)


def test_a_judge_that_would_say_something_else_is_unscored_and_its_mass_is_kept() -> None:
    score, mass = expected.expected_score(logprobs(*[0.01] * 6), SCALE, min_mass=0.5)
    assert score is Unscored.LOW_MASS
    assert mass == pytest.approx(0.06)


def test_probabilities_below_what_a_float_holds_still_have_a_mean() -> None:
    score, mass = expected.expected_score([-2000.0, -2000.0, -3000.0, -3000.0, -3000.0, -3000.0], SCALE, min_mass=0.0)
    assert (score, mass) == (0.5, 0.0)
    assert expected.expected_score([-2000.0] * 6, SCALE, min_mass=1e-9).score is Unscored.LOW_MASS


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 0.5])
def test_a_log_probability_that_cannot_be_is_a_broken_engine_and_no_verdict(broken: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        expected.expected_score([*logprobs(*[0.1] * 5), broken], SCALE, min_mass=0.5)


def test_probabilities_that_add_up_to_more_than_one_are_a_broken_engine() -> None:
    with pytest.raises(ValueError, match="add up to"):
        expected.expected_score(logprobs(*[0.2] * 6), SCALE, min_mass=0.5)


def test_log_probabilities_of_another_scale_are_refused() -> None:
    with pytest.raises(ValueError, match="5 log-probabilities for the 6 scores 0 to 5"):
        expected.expected_score(logprobs(*[0.2] * 5), SCALE, min_mass=0.5)


@given(
    st.lists(st.floats(-800, 10), min_size=11, max_size=11),
    st.floats(1e-6, 1),
    st.integers(-5, 5),
)
@settings(max_examples=500)
def test_an_expected_score_never_leaves_the_scale(logits: list[float], mass: float, low: int) -> None:
    top = max(logits)
    total = top + math.log(math.fsum(math.exp(logit - top) for logit in logits)) - math.log(mass)
    score, read_mass = expected.expected_score(
        [logit - total for logit in logits], Scale(low=low, high=low + 10), min_mass=0.0
    )
    assert not isinstance(score, Unscored)
    assert low <= score <= low + 10
    assert read_mass == pytest.approx(mass)


def test_rounding_does_not_carry_a_score_off_the_scale() -> None:
    nearly_certain = [-1000.0] * 6 + [-36.8] + [-1000.0] * 3 + [0.0]  # its mean rounds to 15.000000000000002
    assert expected.expected_score(nearly_certain, Scale(low=5, high=15), min_mass=0.5).score == 15


def test_a_certain_judge_scores_exactly_what_it_is_certain_of() -> None:
    for score in range(6):
        certain = [0.0 if label == score else -1e4 for label in range(6)]
        assert expected.expected_score(certain, SCALE, min_mass=0.5) == (score, 1.0)
