"""Several judges of one thing, made into one: a weighted sum, or Llama 2's rule that safety comes first.

The parts' questions are asked side by side, each part in rounds of its own. A part without a score leaves the whole
without one, for the same reason.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from constitutions.principle import in_scope
from judges.dialogue import Item, Judge, Question, Round, Verdict
from runs.records import Unscored


@dataclass(frozen=True)
class Weighted:
    """The sum of the judges' scores, each times its weight: say a holistic reward and a rule-based one (2411.01111).

    Scores are taken on their judges' own scales. Raises ValueError for weights that do not go with the judges, and
    for judges that compare.
    """

    judges: tuple[Judge, ...]
    weights: tuple[float, ...]
    method: ClassVar[str] = "weighted"
    compares: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not self.judges or len(self.judges) != len(self.weights) or not all(map(math.isfinite, self.weights)):
            raise ValueError(f"{len(self.judges)} judges cannot be weighed with {self.weights}")
        if comparing := [judge.method for judge in self.judges if judge.compares != 1]:
            raise ValueError(f"a sum needs a score of each answer, and these compare answers: {comparing}")

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """What the judges ask, one after the other."""
        return _ask(self.judges, item, rounds)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The weighted sum, with everybody's replies."""
        verdicts = _read(self.judges, item, rounds)
        scores = [verdict.score for verdict in verdicts]
        scored = [score for score in scores if not isinstance(score, Unscored)]
        if len(scored) == len(scores):
            total = math.fsum(weight * score for weight, score in zip(self.weights, scored, strict=True))
            return _together(total, verdicts)
        return _together(next(score for score in scores if isinstance(score, Unscored)), verdicts)


@dataclass(frozen=True)
class SafetyFirst:
    """Llama 2's rule (Touvron et al., 2307.09288, section 3.2.3): safety alone where it is at stake, else helpfulness.

    It is at stake where a tag of the prompt is in `scope` ("harm=obvious"; an empty scope is every prompt's), or the
    answer's safety is below `floor` (0.15 of the way up the scale in the paper). Both judges must score on one scale,
    since answers to one prompt may be scored by either. Helpfulness is not asked for where the prompt decides, and not
    needed where the floor does. Raises ValueError for judges that compare.
    """

    safety: Judge
    helpfulness: Judge
    scope: tuple[str, ...]
    floor: float
    method: ClassVar[str] = "safety_first"
    compares: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if comparing := [judge.method for judge in (self.safety, self.helpfulness) if judge.compares != 1]:
            raise ValueError(f"safety first needs a score of each answer, and these compare answers: {comparing}")

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """What the safety judge asks, and then the other, if it is heard at all."""
        return _ask(self._heard(item), item, rounds)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The score of whichever judge the rule names."""
        verdicts = _read(self._heard(item), item, rounds)
        safety = verdicts[0].score
        unsafe = isinstance(safety, Unscored) or safety < self.floor
        return _together(safety if unsafe else verdicts[-1].score, verdicts)

    def _heard(self, item: Item) -> tuple[Judge, ...]:
        # An empty scope is every prompt's elsewhere; here, where no tag is risky, no prompt is.
        risky = bool(self.scope) and in_scope(self.scope, item.tags)
        return (self.safety,) if risky else (self.safety, self.helpfulness)


def _ask(judges: Sequence[Judge], item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
    own_rounds = _apart(judges, item, rounds)
    return tuple(q for judge, own in zip(judges, own_rounds, strict=True) for q in judge.ask(item, own))


def _read(judges: Sequence[Judge], item: Item, rounds: Sequence[Round]) -> list[Verdict]:
    return [judge.read(item, own) for judge, own in zip(judges, _apart(judges, item, rounds), strict=True)]


def _apart(judges: Sequence[Judge], item: Item, rounds: Sequence[Round]) -> list[list[Round]]:
    """Each judge's own rounds: the replies to what it asked, which it asks again as it did since it is pure."""
    apart: list[list[Round]] = [[] for _ in judges]
    for replies in rounds:
        left = replies
        for judge, own in zip(judges, apart, strict=True):
            if asked := len(judge.ask(item, own)):
                own.append(left[:asked])
                left = left[asked:]
    return apart


def _together(score: float | Unscored, verdicts: Sequence[Verdict]) -> Verdict:
    replies = tuple(reply for verdict in verdicts for reply in verdict.replies)
    shown = dict.fromkeys(id for verdict in verdicts for id in verdict.principles)
    return Verdict(score, None, replies, tuple(shown))
