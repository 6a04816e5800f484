"""Judges made of judges: what each part is asked and told, whose score counts, and what a missing one does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.composite import SafetyFirst, Weighted
from judges.dialogue import Item, Round, Text, Verdict, Write, texts
from runs.records import Message, Reply, Unscored

ITEM = Item((Message("user", "hi"),), ("hello",), {"harm": "none"})
SCORES = st.one_of(st.floats(0, 1), st.sampled_from(Unscored))


@dataclass(frozen=True)
class Says:
    """A judge that asks its name in so many rounds, `width` questions each, and then gives its score."""

    name: str
    score: float | Unscored
    rounds: int = 1
    width: int = 1
    compares: int = 1
    method: ClassVar[str] = "says"

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Write, ...]:
        """`width` questions that say who asks and when."""
        asked = len(rounds)
        named = tuple(Write((Message("user", f"{self.name}{asked}"),), sample=n) for n in range(self.width))
        return named if asked < self.rounds else ()

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The score, and all that it was told."""
        told = tuple(Reply(self.name, "", text.text, None) for replies in rounds for text in texts(replies))
        return Verdict(self.score, None, told, (self.name,))


def held(judge: Weighted | SafetyFirst, item: Item = ITEM) -> Verdict:
    """The verdict after a dialogue in which every question is answered with its own words."""
    rounds: list[Round] = []
    while asked := judge.ask(item, rounds):
        rounds.append(tuple(Text(f"{question.messages[0].content}", True) for question in asked))
    return judge.read(item, rounds)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=4))
def test_every_part_hears_the_replies_to_its_own_questions_in_order(shapes: list[tuple[int, int]]) -> None:
    parts = tuple(Says(f"j{n}-", 0.5, rounds, width) for n, (rounds, width) in enumerate(shapes))
    verdict = held(Weighted(parts, (1.0,) * len(parts)))
    for part in parts:
        told = [reply.text for reply in verdict.replies if reply.principle == part.name]
        assert told == [f"{part.name}{number}" for number in range(part.rounds) for _ in range(part.width)]
    assert verdict.principles == tuple(part.name for part in parts)


@given(st.lists(st.tuples(SCORES, st.floats(-5, 5)), min_size=1, max_size=4))
def test_a_weighted_sum_is_the_sum_or_the_first_reason_why_there_is_none(
    parts: list[tuple[float | Unscored, float]],
) -> None:
    judges = tuple(Says(str(n), score) for n, (score, _) in enumerate(parts))
    got = held(Weighted(judges, tuple(weight for _, weight in parts))).score
    reasons = [score for score, _ in parts if isinstance(score, Unscored)]
    if reasons:
        assert got is reasons[0]
    else:
        assert got == pytest.approx(sum(float(score) * weight for score, weight in parts))


def test_weights_must_go_with_the_judges() -> None:
    for weights in ((), (1.0, 2.0), (math.nan,)):
        with pytest.raises(ValueError, match="cannot be weighed"):
            Weighted((Says("a", 1),), weights)
    with pytest.raises(ValueError, match="these compare answers"):
        Weighted((Says("a", 1), Says("b", 1, compares=2)), (1.0, 1.0))


@given(SCORES, SCORES, st.booleans())
def test_safety_decides_where_the_prompt_is_risky_or_the_answer_unsafe(
    safety: float | Unscored, helpfulness: float | Unscored, risky: bool
) -> None:
    judge = SafetyFirst(Says("safe", safety), Says("help", helpfulness), ("harm=obvious", "harm=subtle"), 0.15)
    got = held(judge, Item(ITEM.messages, ITEM.texts, {"harm": "subtle" if risky else "none"})).score
    unsafe = isinstance(safety, Unscored) or safety < 0.15
    assert got == (safety if risky or unsafe else helpfulness)


def test_helpfulness_is_not_asked_for_where_the_prompt_is_risky() -> None:
    judge = SafetyFirst(Says("safe", 0.9), Says("help", 0.1), ("harm=obvious",), 0.15)
    assert [question.messages[0].content for question in judge.ask(ITEM, ())] == ["safe0", "help0"]
    risky = Item(ITEM.messages, ITEM.texts, {"harm": "obvious"})
    assert [question.messages[0].content for question in judge.ask(risky, ())] == ["safe0"]


def test_where_no_tag_is_risky_no_prompt_is() -> None:
    judge = SafetyFirst(Says("safe", 0.9), Says("help", 0.1), (), 0.15)
    assert held(judge, ITEM).score == 0.1


def test_safety_first_compares_no_answers() -> None:
    with pytest.raises(ValueError, match="these compare answers"):
        SafetyFirst(Says("safe", 1, compares=2), Says("help", 1), (), 0.15)


def test_composites_may_hold_composites() -> None:
    inner = SafetyFirst(Says("safe", 0.6, rounds=2), Says("help", 0.2), ("harm=obvious",), 0.15)
    assert held(Weighted((Says("a", 1.0), inner), (1.0, 10.0))).score == pytest.approx(3.0)
