"""The ways to judge that the league compares: settings of the product, and three that it has the parts for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from constitutions.load import Constitution
from judges.dialogue import Item, Judge, Question, Round, Verdict
from judges.meta import Meta
from judges.pairwise import Pairwise
from judges.rubric import Rubric
from judges.tournament import Compared, pairs_of, strengths
from loop.config_judge import Judge as Settings
from loop.configured_judge import configured_judge
from runs.records import Reply, Unscored


@dataclass(frozen=True)
class Way:
    """A way to judge: what tables call it, the settings that ask for it, and what is made of the judge they ask for."""

    words: str
    settings: tuple[str, ...]
    around: Callable[[Judge], Judge] = lambda judge: judge


def judge_of(way: Way, settings: Settings, constitution: Constitution) -> Judge:
    """The judge, where `settings` are those that `way` asks for."""
    return way.around(configured_judge(settings, constitution))


@dataclass(frozen=True)
class Tournament:
    """All texts of an item compared with each other: the verdict is on the first two, by the strengths of all.

    `replies` has a row for each different text, with its strength in nats.
    """

    pairwise: Judge
    method: ClassVar[str] = "tournament"
    compares: ClassVar[int] = 4

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """What the judge asks of each two different texts."""
        return () if rounds else tuple(q for pair in self._pairs(item) for q in self.pairwise.ask(pair, []))

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The probability that the first text beats the second, by their strengths. Raises ValueError as the judge."""
        compared, left = [], rounds[0] if rounds else ()
        for pair in self._pairs(item):
            asked = len(self.pairwise.ask(pair, []))
            verdict = self.pairwise.read(pair, [left[:asked]])
            left = left[asked:]
            if not isinstance(verdict.score, Unscored):
                first, second = pair.texts
                compared.append(Compared(first, second, verdict.score))
        found = {text: strength.value or 0.0 for text, strength in strengths(compared).items()}
        replies = tuple(Reply("", "", text, strength) for text, strength in found.items())
        a, b = (found.get(text) for text in item.texts[:2])
        if a is None or b is None or a == b:
            return Verdict(Unscored.TIE, None, replies)
        return Verdict(float(a > b), None, replies)

    def _pairs(self, item: Item) -> list[Item]:
        return [replace(item, texts=pair) for pair in pairs_of(item.texts)]


@dataclass(frozen=True)
class BetterJudgment:
    """The score of one answer by two written judgments of it, each weighed as surely as a meta-judge finds it right."""

    rubric: Judge
    meta: Meta
    method: ClassVar[str] = "better_judgment"
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """Two judgments; then, where they score differently, which of the two is right."""
        if not rounds:
            return self.rubric.ask(item, [])
        first, second = self._judgments(item, rounds)
        if len(rounds) > 1 or None in (first.score, second.score) or first.score == second.score:
            return ()
        return self.meta.ask(self._about(item, first, second), [])

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The two scores, weighed as the meta-judge believes them; the reason where either is missing or nobody is."""
        alone = self.rubric.read(item, rounds[:1])
        first, second = self._judgments(item, rounds)
        if len(rounds) == 1 or first.score is None or second.score is None:
            return alone
        right = self.meta.read(self._about(item, first, second), rounds[1:])
        if isinstance(right.score, Unscored):
            return alone if right.score is Unscored.TIE else Verdict(right.score, None, alone.replies)
        return replace(alone, score=right.score * first.score + (1 - right.score) * second.score)

    def _judgments(self, item: Item, rounds: Sequence[Round]) -> tuple[Reply, Reply]:
        first, second = self.rubric.read(item, rounds[:1]).replies
        return first, second

    def _about(self, item: Item, first: Reply, second: Reply) -> Item:
        return replace(item, texts=(item.texts[0], first.text, second.text))


def _meta(judge: Judge) -> Judge:
    assert isinstance(judge, Rubric)
    return BetterJudgment(judge, Meta(judge.constitution, min_mass=0.5))


def asks_one_order(judge: Judge) -> bool:
    """Whether the judge sees two answers in one order only."""
    return isinstance(judge, Pairwise) and not judge.both_orders


PAIRWISE, REASONED = "judge.method=pairwise", "judge.method=pairwise_reasoned"
OVERALL, ALL = "judge.principle_ids=overall", "judge.principles=null"
WAYS: dict[str, Way] = {
    "bare": Way("A or B, one order", (PAIRWISE, OVERALL, "judge.both_orders=false")),
    "both": Way("A or B, both orders", (PAIRWISE, OVERALL)),
    "consistent": Way("both orders, which must agree", (PAIRWISE, OVERALL, "judge.consistent=true")),
    "confident": Way("both orders, silent below 70 %", (PAIRWISE, OVERALL, "judge.min_confidence=0.7")),
    "drawn": Way("one principle, drawn", (PAIRWISE, "judge.principles=1")),
    "ensemble": Way("all principles, a vote each", (PAIRWISE, ALL)),
    "together": Way("all principles in one question", (PAIRWISE, ALL, "judge.together=true")),
    "reasoned": Way("reasons first", (REASONED, OVERALL, "judge.replies=1")),
    "reasoned3": Way("reasons first, three replies", (REASONED, OVERALL, "judge.replies=3")),
    "committed": Way(
        "own answer first, both orders", (PAIRWISE, OVERALL, "judge.commit_first=true", "judge.max_tokens=48")
    ),
    "tournament": Way("tournament of four, both orders", (PAIRWISE, OVERALL), Tournament),
    "panel": Way("panel of two models, both orders", (PAIRWISE, OVERALL)),
    "expected": Way("expected score", ("judge.method=expected",)),
    "rubric": Way("rubric, three replies", ("judge.method=rubric",)),
    "meta": Way("rubric, two replies and a meta-judge", ("judge.method=rubric", "judge.replies=2"), _meta),
    "propositions": Way("propositions, the table", ("judge.method=propositions",)),
    "weighted": Way("expected score and propositions", ("judge.method=expected", "judge.rule_weight=1")),
    "safety": Way("safety first, then expected score", ("judge.method=expected", "judge.safety_first=true")),
    "verifier": Way("verifier, a number", ("judge.method=verifier", "judge.match=number")),
}
"""By name. The first is what the others are held against; `panel` is the only one with two models."""
