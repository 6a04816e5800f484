"""How good a model's multiple-choice answers are, and how much they depend on the letter that an option stands at."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from string import ascii_uppercase
from typing import Any

from judges.audit.statistic import UNKNOWN, bounded_mean, plain_mean
from judges.statistics import Estimate, proportion
from loop.external.multiple_choice import Answered


@dataclass(frozen=True)
class Group:
    """Counts of outcomes, and the accuracy (Wilson) of what is right or wrong: ties and low mass are neither."""

    n: int
    right: int
    wrong: int
    tie: int
    low_mass: int
    accuracy: Estimate
    chance: float
    """The accuracy of guessing."""


@dataclass(frozen=True)
class Letter:
    """How far a letter's mean probability is above 1/K (below 0: under it), over the `n` questions that have it."""

    letter: str
    n: int
    excess: Estimate


@dataclass(frozen=True)
class Report:
    """All questions and each category; the position statistics leave out the questions of low mass.

    `same_in_all_orders` is the share of questions of which every order prefers the same option, `one_order_accuracy`
    the accuracy that a single order would have had, a tie counting as wrong.
    """

    overall: Group
    by_category: dict[str, Group]
    letters: tuple[Letter, ...]
    same_in_all_orders: Estimate
    one_order_accuracy: Estimate

    def document(self) -> dict[str, Any]:
        """As JSON's types; an estimate is an object with value, low and high."""
        found = asdict(self)
        for group in (found["overall"], *found["by_category"].values()):
            group["accuracy"] = Estimate(*group["accuracy"])._asdict()
        for letter in found["letters"]:
            letter["excess"] = Estimate(*letter["excess"])._asdict()
        for name in ("same_in_all_orders", "one_order_accuracy"):
            found[name] = Estimate(*found[name])._asdict()
        return found


def report(answers: Sequence[Answered]) -> Report:
    """The report of at least one answered question."""
    categories = sorted({answer.category for answer in answers} - {""})
    heard = [answer for answer in answers if answer.outcome != "low mass"]
    same = [len(set(answer.picks)) == 1 and answer.picks[0] is not None for answer in heard]
    hits = [fmean(float(pick == answer.right) for pick in answer.picks) for answer in heard]
    return Report(
        overall=_group(answers),
        by_category={name: _group([one for one in answers if one.category == name]) for name in categories},
        letters=_letters(heard),
        same_in_all_orders=proportion(sum(same), len(same)),
        one_order_accuracy=bounded_mean(hits, 0, 1),
    )


def _group(answers: Sequence[Answered]) -> Group:
    outcomes = [answer.outcome for answer in answers]
    right, wrong = outcomes.count("right"), outcomes.count("wrong")
    return Group(
        n=len(outcomes),
        right=right,
        wrong=wrong,
        tie=outcomes.count("tie"),
        low_mass=outcomes.count("low mass"),
        accuracy=proportion(right, right + wrong),
        chance=fmean(1 / len(answer.shares) for answer in answers),
    )


def _letters(heard: Sequence[Answered]) -> tuple[Letter, ...]:
    most = max((len(answer.shares) for answer in heard), default=0)
    found = []
    for place, letter in enumerate(ascii_uppercase[:most]):
        excess = [one.letter_shares[place] - 1 / len(one.shares) for one in heard if place < len(one.shares)]
        found.append(Letter(letter, len(excess), plain_mean(excess) if len(excess) > 1 else UNKNOWN))
    return tuple(found)
