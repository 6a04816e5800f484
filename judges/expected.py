"""The expected score: how likely the judge finds each score as the next token (d-RLAIF; Lee et al., 2309.00267, §2.2).

One token decides, so that one pass gives a score without sampling noise and nearly without ties.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from constitutions.exemplars import judging_question
from constitutions.fill import request_text
from constitutions.load import Constitution, Scale
from judges.dialogue import Choose, Item, Round, Verdict, chances
from runs.records import Message, Unscored

# A full distribution sums to 1 up to the engine's rounding; more than this over it is no distribution.
MASS_TOLERANCE = 1e-3


class ExpectedScore(NamedTuple):
    """`score` from low to high or LOW_MASS; `mass` (0..1) is the probability of all the scale's labels together."""

    score: float | Unscored
    mass: float


@dataclass(frozen=True)
class Expected:
    """One answer, one question, one token: the mean of the scale under the judge's probabilities for each score.

    A judge that puts less than `min_mass` (0..1) on all scores together would rather say something else: LOW_MASS.
    """

    constitution: Constitution
    min_mass: float
    method: ClassVar[str] = "expected"
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Choose, ...]:
        """One question: what was asked, what was answered, and nothing else but the constitution's exemplars."""
        if rounds:
            return ()
        question = judging_question(self.constitution, "expected", request_text(item.messages), item.texts[0])
        return (Choose((Message("user", question),), labels(self.constitution.scale)),)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The mean, and the mass on the scale. Raises ValueError where the engine is broken."""
        (chosen,) = chances(rounds[0])
        score, mass = expected_score(chosen.logprobs, self.constitution.scale, self.min_mass)
        return Verdict(score, mass, ())


def labels(scale: Scale) -> tuple[str, ...]:
    """The scores that a judge can say, lowest first. Each must be one token where the judge says it."""
    return tuple(str(score) for score in range(scale.low, scale.high + 1))


def expected_score(logprobs: Sequence[float], scale: Scale, min_mass: float) -> ExpectedScore:
    """The mean of the scale's scores, weighted with the probabilities of their labels: sum(i p_i) / sum(p_i).

    `logprobs` are the labels' over the whole vocabulary, in nats, in the order of `labels(scale)`. A judge
    that puts less than `min_mass` (0..1) on them all would rather say something else: LOW_MASS. Raises ValueError for
    log-probabilities that cannot be (not finite, adding up to more than 1, too many or few): the engine is broken.
    """
    scores = range(scale.low, scale.high + 1)
    if len(logprobs) != len(scores):
        raise ValueError(f"{len(logprobs)} log-probabilities for the {len(scores)} scores {scale.low} to {scale.high}")
    if not all(math.isfinite(logprob) and logprob < MASS_TOLERANCE for logprob in logprobs):
        raise ValueError(f"label log-probabilities that cannot be: {list(logprobs)}")
    mass = math.fsum(math.exp(logprob) for logprob in logprobs)
    if mass > 1 + MASS_TOLERANCE:
        raise ValueError(f"the labels' probabilities add up to {mass}: {list(logprobs)}")
    if mass < min_mass:
        return ExpectedScore(Unscored.LOW_MASS, mass)
    # Relative to the likeliest label, so that probabilities too small for a float still have a mean.
    likeliest = max(logprobs)
    weights = [math.exp(logprob - likeliest) for logprob in logprobs]
    mean = math.fsum(score * weight for score, weight in zip(scores, weights, strict=True)) / math.fsum(weights)
    return ExpectedScore(min(max(mean, scale.low), scale.high), min(mass, 1.0))  # both limits undo only rounding
