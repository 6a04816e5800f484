"""The meta-judge: two judgments of one answer in both orders."""

import math

import pytest

from constitutions.load import Constitution, Scale
from judges.dialogue import Chances, Item
from judges.meta import Meta, without_score
from runs.records import Message, Reply, Unscored

CONSTITUTION = Constitution(
    name="test", scale=Scale(low=0, high=5), questions={"meta": "{request}|{response}|{judgment_a}|{judgment_b}"}
)
ITEM = Item((Message("user", "Q"),), ("answer", "right.\nScore: 5", "wrong.\nScore: 1"))


def saying(a: float, mass: float = 1.0) -> Chances:
    return Chances((math.log(mass * a), math.log(mass * (1 - a))))


def test_both_orders_are_asked_about_one_answer_and_then_nothing() -> None:
    first, second = Meta(CONSTITUTION, 0.5).ask(ITEM, [])
    assert first.messages[0].content == "Q|answer|right.\nScore: 5|wrong.\nScore: 1"
    assert second.messages[0].content == "Q|answer|wrong.\nScore: 1|right.\nScore: 5"
    assert Meta(CONSTITUTION, 0.5).ask(ITEM, [(saying(0.5), saying(0.5))]) == ()


def test_scores_can_be_hidden_so_that_the_reasons_must_speak() -> None:
    first, _ = Meta(CONSTITUTION, 0.5, strip_scores=True).ask(ITEM, [])
    assert first.messages[0].content == "Q|answer|right.|wrong."


def test_the_probability_that_the_first_judgment_is_right_is_averaged_over_the_orders() -> None:
    verdict = Meta(CONSTITUTION, 0.5).read(ITEM, [(saying(0.9), saying(0.3))])
    assert verdict.score == pytest.approx(0.8)
    assert [reply.order for reply in verdict.replies] == ["ab", "ba"]
    assert [reply.score for reply in verdict.replies] == pytest.approx([0.9, 0.7])


def test_swapping_the_judgments_gives_one_minus_the_probability() -> None:
    there = Meta(CONSTITUTION, 0.5).read(ITEM, [(saying(0.9), saying(0.3))]).score
    here = Meta(CONSTITUTION, 0.5).read(ITEM, [(saying(0.3), saying(0.9))]).score
    assert not isinstance(there, Unscored)
    assert here == pytest.approx(1 - there)


def test_a_meta_judge_that_would_say_something_else_gives_no_verdict() -> None:
    verdict = Meta(CONSTITUTION, 0.5).read(ITEM, [(saying(0.9), saying(0.3, mass=0.1))])
    assert (verdict.score, verdict.probability) == (Unscored.LOW_MASS, None)
    assert verdict.replies[1] == Reply("", "ba", "", None)


def test_a_taste_for_a_place_alone_is_a_tie() -> None:
    assert Meta(CONSTITUTION, 0.5).read(ITEM, [(saying(0.75), saying(0.75))]).score is Unscored.TIE


@pytest.mark.parametrize("line", ["Score: 5", "**Score:** 5", "score : none", "## Score: 4/5"])
def test_every_line_that_states_a_score_is_taken_out(line: str) -> None:
    assert without_score(f"Score well.\n{line}\nDone.") == "Score well.\nDone."
