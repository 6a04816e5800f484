"""From what was read of each reply to votes, and from votes to a verdict on a pair.

Every number is the probability that the first of two texts is better. One that could not be had is the reason why.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from runs.records import Unscored

EXACT = 1e-9  # a tie is a tie up to the rounding of a mean


class Tally(NamedTuple):
    """`score` is a soft label (0..1) or the reason why there is none; `probability` the same before it was clamped."""

    score: float | Unscored
    probability: float | None


@dataclass(frozen=True)
class Voting:
    """When votes make a verdict.

    `min_share` (0..1) of all weight must have been cast, abstentions included in the whole. `min_confidence` (0.5..1)
    is the least probability, before clamping, of the text that wins. No vote counts for more than `max_certainty`
    (0.5..1): Constitutional AI (2212.08073, §4.1) keeps the labels of a judge that reasons first between 0.4 and 0.6,
    because such a judge is nearly always certain. `min_readable` (0..1) of the replies in each order must be read, or
    there is no vote. Where votes must be `consistent`, a principle under which the two orders prefer different texts
    casts none.
    """

    min_share: float = 0.0
    min_confidence: float = 0.5
    max_certainty: float = 1.0
    consistent: bool = False
    min_readable: float = 0.0

    def __post_init__(self) -> None:
        shares = 0 <= self.min_share <= 1 and 0 <= self.min_readable <= 1
        if not (shares and 0.5 <= self.min_confidence <= 1 and 0.5 < self.max_certainty <= 1):
            raise ValueError(f"a share is from 0 to 1, a confidence or certainty from 0.5 to 1: {self}")

    def vote(self, *orders: Sequence[float | Unscored]) -> float | Unscored:
        """One vote: the mean of the means of what was read in each order asked (Lee et al., 2309.00267, §2.1.1).

        Where one of the orders says nothing there is no vote, but a preference for a place: the commonest reason.
        """
        averages = [average(reads, self.min_readable) for reads in orders]
        means = [value for value in averages if not isinstance(value, Unscored)]
        if len(means) < len(averages):
            return commonest([value for reads in orders for value in reads])
        if self.consistent and min(means) < 0.5 < max(means):
            return Unscored.INCONSISTENT
        return fmean(means)

    def tally(self, votes: Sequence[float | Unscored], weights: Sequence[float]) -> Tally:
        """The weighted mean of the votes cast, each clamped first.

        No verdict comes of too few votes (the commonest reason why they were not cast), of a TIE, or of less confidence
        than is asked for (ABSTAINED). Weights are above 0; the order of the votes does not matter.
        """
        cast = [(vote, w) for vote, w in zip(votes, weights, strict=True) if not isinstance(vote, Unscored)]
        if not cast:
            return Tally(commonest(votes), None)
        whole = math.fsum(w for _, w in cast)
        probability = math.fsum(w * vote for vote, w in cast) / whole
        if whole < self.min_share * math.fsum(weights):
            return Tally(commonest(votes), probability)
        score = math.fsum(w * self._clamped(vote) for vote, w in cast) / whole
        if abs(score - 0.5) < EXACT:
            return Tally(Unscored.TIE, probability)
        # Of the text that the label prefers: where clamping turned the votes round, it is below 0.5 and never enough.
        confidence = probability if score > 0.5 else 1 - probability
        return Tally(score if confidence >= self.min_confidence else Unscored.ABSTAINED, probability)

    def _clamped(self, vote: float) -> float:
        return min(max(vote, 1 - self.max_certainty), self.max_certainty)


def average(reads: Sequence[float | Unscored], min_read_frac: float) -> float | Unscored:
    """The mean of the scores that could be read from K replies.

    Where fewer than `min_read_frac` (0..1) of the replies could be read, or none: the commonest reason instead. Replies
    that cannot be read are no low scores and no middling ones. Raises ValueError for no replies at all.
    """
    if not reads:
        raise ValueError("no replies to average: a judgment needs at least one")
    scores = [score for score in reads if not isinstance(score, Unscored)]
    if scores and len(scores) >= min_read_frac * len(reads):
        return fmean(scores)
    return commonest(reads)


def commonest(reads: Sequence[float | Unscored]) -> Unscored:
    """The commonest reason among `reads`, of equally common ones the first in the enumeration; ABSTAINED for none."""
    reasons = Counter(read for read in reads if isinstance(read, Unscored))
    return max(Unscored, key=lambda reason: reasons[reason]) if reasons else Unscored.ABSTAINED
