"""The judge of propositions: a question each, a probability each, and a reward where enough of them are known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constitutions.load import Constitution, find_constitution
from judges.dialogue import Chances, Choose, Item
from judges.propositions import Propositions
from runs.errors import ConfigError
from runs.records import Message, Reply, Unscored

CONSTITUTION = Constitution.model_validate(
    {
        "name": "test",
        "scale": {"low": 0, "high": 5},
        "propositions": {"right": "Is it right?", "kind": "Is it kind?", "long": "Is it long?"},
        "response_types": {"plain": {"scope": ["family=sum"], "acceptable": ["right"], "ideal": ["kind"]}},
        "questions": {"proposition": "{proposition} Asked: {request} Answered: {response}"},
    }
)
JUDGE = Propositions(CONSTITUTION, min_mass=0.5)
ITEM = Item((Message("user", "2 + 2? {response}"),), ("{proposition} 4",), {"family": "sum"})


def answered(yes: float, no: float) -> Chances:
    return Chances((math.log(no), math.log(yes)))


def test_each_proposition_is_asked_by_itself_and_nothing_is_asked_twice() -> None:
    asked = JUDGE.ask(ITEM, ())
    assert asked == tuple(
        Choose((Message("user", f"{text} Asked: 2 + 2? {{response}} Answered: {{proposition}} 4"),), ("no", "yes"))
        for text in ("Is it right?", "Is it kind?", "Is it long?")
    )
    assert JUDGE.ask(ITEM, [(answered(0.5, 0.5),) * 3]) == ()


def test_the_score_is_the_reward_of_the_type_that_the_prompt_calls_for() -> None:
    verdict = JUDGE.read(ITEM, [(answered(0.8, 0.1), answered(0.3, 0.3), answered(0.0001, 0.8))])
    right, kind = 0.8 / 0.9, 0.5
    assert verdict.score == pytest.approx(4 * right * kind + 3 * right * (1 - kind) + 2 * (1 - right))
    assert verdict.probability == pytest.approx(0.6)
    assert verdict.principles == ("right", "kind", "long")
    assert [(reply.principle, reply.order, reply.text) for reply in verdict.replies] == [
        ("right", "", ""), ("kind", "", ""), ("long", "", "")
    ]  # fmt: skip
    assert [reply.score for reply in verdict.replies] == pytest.approx([right, kind, 0.0001 / 0.8001])


def test_a_proposition_that_the_reward_needs_and_the_judge_does_not_know_leaves_no_score() -> None:
    verdict = JUDGE.read(ITEM, [(answered(0.8, 0.1), answered(0.1, 0.1), answered(0.1, 0.8))])
    assert verdict.score is Unscored.LOW_MASS
    assert verdict.replies[1] == Reply("kind", "", "", None)
    assert verdict.replies[0].score == pytest.approx(0.8 / 0.9)


def test_a_proposition_that_the_reward_does_not_need_may_stay_unknown() -> None:
    verdict = JUDGE.read(ITEM, [(answered(0.9, 0.1), answered(0.9, 0.1), answered(0.01, 0.01))])
    assert verdict.score == pytest.approx(4 * 0.81 + 3 * 0.09 + 2 * 0.1)
    assert verdict.replies[2].score is None


def test_a_prompt_that_no_type_fits_is_abstained_from_with_its_propositions_kept() -> None:
    verdict = JUDGE.read(Item(ITEM.messages, ITEM.texts, {"family": "poem"}), [(answered(0.9, 0.1),) * 3])
    assert verdict.score is Unscored.ABSTAINED
    assert [reply.score for reply in verdict.replies] == pytest.approx([0.9] * 3)


@given(st.lists(st.tuples(st.floats(-60, -0.7), st.floats(-60, -0.7)), min_size=3, max_size=3))
def test_the_score_stays_within_the_ranks_of_the_classes_or_there_is_none(logprobs: list[tuple[float, float]]) -> None:
    verdict = JUDGE.read(ITEM, [tuple(Chances(pair) for pair in logprobs)])
    known = [reply.score is not None for reply in verdict.replies]
    if known[0] and known[1]:
        assert not isinstance(verdict.score, Unscored) and -1e-9 <= verdict.score <= 4 + 1e-9
    else:
        assert verdict.score is Unscored.LOW_MASS


def test_a_broken_engine_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        JUDGE.read(ITEM, [(Chances((math.nan, -1.0)),) * 3])


@pytest.mark.parametrize("missing", ["propositions", "response_types"])
def test_a_constitution_that_cannot_judge_by_rules_says_what_it_lacks(missing: str) -> None:
    bare = CONSTITUTION.model_copy(update={missing: {}})
    with pytest.raises(ConfigError, match="'test' needs `propositions:` and `response_types:`"):
        Propositions(bare, 0.5).ask(ITEM, ())


def test_the_microworld_can_be_judged_by_rules() -> None:
    judge = Propositions(find_constitution("microworld"), 0.5)
    asked = judge.ask(Item((Message("user", "sort 3 1"),), ("1 3.",), {"harm": "none"}), ())
    assert len(asked) == 8
    assert asked[0].messages[0].content == (
        "is the answer right?\nrequest: sort 3 1\nanswer: 1 3.\nsay only yes or no."
    )
