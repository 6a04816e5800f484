"""What an audit reads: judgments of pairs, of perturbed twins, under opposite principles, again, and in circles.

Nothing here holds a text: whoever asks the judge knows the texts and says only what the statistics need. A judgment
that failed is `Unscored` and never a number. "A chance" is the judge's probability, from 0 to 1, that the first named
is better; a judge that scores answers one by one is read by `chance_of_scores`. Rows are taken to be independent: no
answer in two pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Literal

from judges.statistics import Label
from runs.records import Unscored

Side = Literal["a", "b"]
Touched = Literal["format", "manner", "person", "content"]
"""What a perturbation changes.

format: how it looks, with nothing added to what it says, so a sound judge does not like it better.
manner: how it is said (sycophancy, confident tone ...), likewise.
person: who is in it or who speaks (names, pronouns, dialect), so a sound judge does not care.
content: all of it, nothing of the answer is left, so a sound judge gives it less than real answers.
"""

FAILURES = (Unscored.TRUNCATED, Unscored.NO_VERDICT, Unscored.OFF_SCALE, Unscored.LOW_MASS)
"""The judge did not manage to answer. The other reasons are abstentions: it answered, and did not decide."""

ROUNDING = 1e-9
"""Two orders that contradict each other average to a half, give or take what floats lose."""


@dataclass(frozen=True)
class JudgedPair:
    """Two answers, `a` and `b`, to one prompt, and what a judge said of them.

    - `ab`, `ba`: the chance that `a` is better, with `a` shown first and with `b` shown first; they say how much place
      matters, and nothing else. `ba` None: the judge saw one order only. Both None: its verdict knows no order, as
      a panel's, or that of scores of single answers.
    - `verdict`: the chance that `a` is better as the judge gives it out, after all of its votes, weights and
      abstentions, or why it gives none. None: it is no more than the mean of the orders.
    - `label`: which is better by the label. None: nobody has said.
    - `label_margin`: how much better (gold points, share of annotators beyond half ...), at least 0; None: unknown.
    - `length_a`, `length_b`: in characters, words or tokens, the same for all pairs.
    - `own`: the answer that the judge's own policy wrote, where it wrote one of the two and not both.
    - `likelihood_a`, `likelihood_b`: mean log-probability of a token under the judge, in nats; None: unknown.
    - `family`: the prompt's, "" for none.
    - `distance`: 0 to 1 from the nearest prompt that the judge is known to judge well; None: unknown.
    """

    label: Label | None
    ab: float | Unscored | None
    ba: float | Unscored | None
    length_a: int
    length_b: int
    label_margin: float | None = None
    own: Side | None = None
    likelihood_a: float | None = None
    likelihood_b: float | None = None
    family: str = ""
    distance: float | None = None
    verdict: float | Unscored | None = None

    def __post_init__(self) -> None:
        """Refuses no judgment, or a number that is no chance: with ValueError, as a failed one must not pass for it."""
        refuse_no_chances(self.ab, self.ba, self.verdict)
        if self.verdict is None and self.ab is None:
            raise ValueError("a judged pair has a verdict, or at least what was said with `a` shown first")

    @cached_property
    def outcome(self) -> float | Unscored:
        """The verdict; where it is no more than the orders, their mean or, of what one lacks, a failure first."""
        if self.verdict is not None:
            return self.verdict
        orders = [order for order in (self.ab, self.ba) if order is not None]
        reasons = [order for order in orders if isinstance(order, Unscored)]
        if reasons:
            return next((reason for reason in reasons if reason in FAILURES), reasons[0])
        return fmean(order for order in orders if not isinstance(order, Unscored))

    @cached_property
    def chance(self) -> float | None:
        """The chance that `a` is better by the verdict, a half for a tie. None where there is no verdict."""
        if self.outcome is Unscored.TIE:
            return 0.5
        if isinstance(self.outcome, Unscored):
            return None
        return 0.5 if abs(self.outcome - 0.5) < ROUNDING else self.outcome

    @property
    def in_one_order(self) -> bool:
        """Whether the judge saw `a` first, and never second."""
        return self.ab is not None and self.ba is None

    @property
    def split(self) -> bool:
        """Whether the two orders prefer different answers."""
        chances = [order for order in (self.ab, self.ba) if isinstance(order, float | int)]
        return bool(chances) and min(chances) < 0.5 < max(chances)


@dataclass(frozen=True)
class JudgedTwice:
    """An answer's score before and after it was perturbed (`judges.audit.probes`), on the judge's scale.

    `original` names the answer, so that its twins of several kinds can be held against each other. A judge that
    compares is shown the two against one another, in both orders: `before` and `after` are the chances of each.
    """

    kind: str
    touched: Touched
    original: str
    before: float | Unscored
    after: float | Unscored


@dataclass(frozen=True)
class Opposed:
    """The chance that `a` is better by a principle, and by its opposite, each averaged over both orders."""

    given: float | Unscored
    opposite: float | Unscored

    def __post_init__(self) -> None:
        """Refuses a number that is no chance."""
        refuse_no_chances(self.given, self.opposite)


@dataclass(frozen=True)
class Repeated:
    """The same item judged twice in the same way, with another seed: two scores or two chances."""

    first: float | Unscored
    again: float | Unscored


@dataclass(frozen=True)
class Triad:
    """Three answers to one prompt compared in a circle: the chances that a beats b, b beats c, and c beats a."""

    ab: float | Unscored
    bc: float | Unscored
    ca: float | Unscored

    def __post_init__(self) -> None:
        """Refuses a number that is no chance."""
        refuse_no_chances(self.ab, self.bc, self.ca)


@dataclass(frozen=True)
class Scores:
    """Scores of single answers and the ends of their scale."""

    low: float
    high: float
    values: Sequence[float | Unscored]

    def __post_init__(self) -> None:
        """Refuses a scale without extent and a score that it does not have."""
        strange = [v for v in self.values if not isinstance(v, Unscored) and not self.low <= v <= self.high]
        if strange or not self.low < self.high:
            raise ValueError(f"a scale of {self.low} to {self.high} has no {strange[0] if strange else 'extent'}")


def chance_of_scores(score_a: float | Unscored, score_b: float | Unscored) -> float | Unscored:
    """What two scores say of a pair: 1, 0 or, for equal ones, a half. How much better they say is not a probability."""
    if isinstance(score_a, Unscored):
        return score_a
    if isinstance(score_b, Unscored):
        return score_b
    return 0.5 if score_a == score_b else float(score_a > score_b)


def refuse_no_chances(*chances: float | Unscored | None) -> None:
    """Raises ValueError for a number outside 0..1."""
    for chance in chances:
        if isinstance(chance, int | float) and not 0 <= chance <= 1:
            raise ValueError(f"a chance is from 0 to 1, not {chance}")
