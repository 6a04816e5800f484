"""What stands behind a verdict on a pair: how probable its replies found the first answer, by principle and order."""

from statistics import fmean
from typing import Literal

from judges.principle_votes import votes_of
from runs.records import Judgment, Unscored


def votes_by_principle(judgment: Judgment) -> list[dict[str, float]]:
    """For each principle that was shown: order -> probability that the first answer is better, where it was read."""
    return [orders for orders in votes_of(judgment).values() if orders]


def order_chance(judgment: Judgment, order: Literal["ab", "ba"]) -> float | Unscored | None:
    """The probability that the first answer is better when shown in this order; None where it was not asked so."""
    asked = [reply.score for reply in judgment.replies if reply.order == order]
    read = [score for score in asked if score is not None]
    if read:
        return fmean(read)
    return (judgment.unscored or Unscored.NO_VERDICT) if asked else None
