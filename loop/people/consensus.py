"""What people said of each pair, over all that were ever asked: each person's first answer and the one that counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from judges.statistics import SIGN, Label
from loop.people.batch import Batch, Given, Pair, Question

OTHER: dict[Label, Label] = {"a": "b", "b": "a", "tie": "tie"}


@dataclass(frozen=True)
class Labelled:
    """A pair as its first question showed it; answers by person, as if each had seen it so.

    `blind` are the first answers, given before the judge's reasons could be seen, `final` the ones that count, and
    `informed` are those who saw the reasons.
    """

    question: Question
    address: str
    blind: Mapping[str, Label]
    final: Mapping[str, Label]
    informed: frozenset[str]

    @property
    def source(self) -> str:
        """Who labelled the pair, as training data names it."""
        return f"person:{','.join(sorted(self.final))}"


def labelled(batches: Iterable[Batch]) -> list[Labelled]:
    """Every pair that somebody labelled, in the order of the first answers."""
    given = sorted(_all_given(batches), key=lambda one: one[2].time)
    pairs: dict[Pair, list[tuple[Batch, Question, Given]]] = {}
    for one in given:
        pairs.setdefault(one[1].pair, []).append(one)
    return [_labelled(of_pair) for of_pair in pairs.values()]


def chance_of_a(labels: Iterable[Label]) -> float:
    """The share of the labels that prefer `a`, a tie being half of one."""
    return fmean((1 + SIGN[label]) / 2 for label in labels)


def verdict(labels: Iterable[Label]) -> Label:
    """What most of the labels say; a tie where neither side has more."""
    chance = chance_of_a(labels)
    return "tie" if chance == 0.5 else "a" if chance > 0.5 else "b"


def _all_given(batches: Iterable[Batch]) -> Iterable[tuple[Batch, Question, Given]]:
    for batch in batches:
        asked = {question.id: question for question in batch.questions}
        for one in batch.given:
            if one.answer != "skip":
                yield batch, asked[one.question], one


def _labelled(of_pair: list[tuple[Batch, Question, Given]]) -> Labelled:
    batch, shown, _ = of_pair[0]
    blind: dict[str, Label] = {}
    final: dict[str, Label] = {}
    for _, question, one in of_pair:
        assert one.answer != "skip"
        answer: Label = one.answer if question.a == shown.a else OTHER[one.answer]
        blind.setdefault(one.source, answer)
        final[one.source] = answer
    informed = frozenset(one.source for _, _, one in of_pair if one.reasons_seen)
    return Labelled(shown, batch.address, blind, final, informed)
