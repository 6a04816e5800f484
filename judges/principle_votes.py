"""How each principle voted: how often it decides, keeps to its verdict in both orders, and agrees with the others."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from judges.voting import EXACT
from runs.records import Judgment


@dataclass
class Voted:
    """The votes of one principle on pairs of answers.

    Of the `asked` comparisons in which it was shown alone, it preferred one of the two in `decided`. Of the `both` in
    which both orders were read, the orders preferred different answers in `flipped`. Of the `with_verdict` in which the
    comparison as a whole was decided too, it preferred the same answer in `agreed`.
    """

    asked: int = 0
    decided: int = 0
    both: int = 0
    flipped: int = 0
    with_verdict: int = 0
    agreed: int = 0


def votes_of(judgment: Judgment) -> dict[str, dict[str, float]]:
    """For each principle that was asked: order -> probability that the first answer is better, where it was read."""
    votes: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for reply in judgment.replies:
        if reply.order:
            of_order = votes[reply.principle]
            if reply.score is not None:
                of_order[reply.order].append(reply.score)
    return {
        principle: {order: fmean(scores) for order, scores in orders.items() if scores}
        for principle, orders in votes.items()
    }


def preferences(judgment: Judgment) -> dict[str, int]:
    """Which answer each principle that was asked prefers: 1 the first, -1 the second, 0 neither.

    As the judge counts it, one of whose orders could not be read casts no vote: it would be a preference for a place.
    """
    asked: dict[str, set[str]] = defaultdict(set)
    for reply in judgment.replies:
        if reply.order:
            asked[reply.principle].add(reply.order)
    return {
        principle: _sign(fmean(orders.values())) if orders.keys() == asked[principle] else 0
        for principle, orders in votes_of(judgment).items()
    }


def by_principle(judgments: Iterable[Judgment]) -> dict[str, Voted]:
    """The votes of each principle on these comparisons, by its id; those shown together have none of their own."""
    found: dict[str, Voted] = defaultdict(Voted)
    for judgment in judgments:
        verdict = _sign(judgment.score) if judgment.score is not None else 0
        prefer = preferences(judgment)
        for principle, orders in votes_of(judgment).items():
            own, prefers = found[principle], prefer[principle]
            own.asked += 1
            own.decided += prefers != 0
            own.both += len(orders) == 2
            own.flipped += len(orders) == 2 and _sign(orders["ab"]) * _sign(orders["ba"]) < 0
            own.with_verdict += bool(prefers and verdict)
            own.agreed += bool(prefers and verdict) and prefers == verdict
    found.pop("", None)
    return dict(found)


def agreements(judgments: Iterable[Judgment]) -> dict[tuple[str, str], tuple[int, int]]:
    """Of the comparisons that both of two principles decided: in how many they prefer the same answer, and all."""
    same, all_of = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for judgment in judgments:
        prefer = preferences(judgment)
        for a, b in combinations(sorted(principle for principle, which in prefer.items() if which), 2):
            all_of[a, b] += 1
            same[a, b] += prefer[a] == prefer[b]
    return {pair: (same[pair], n) for pair, n in all_of.items()}


def undecided(judgments: Iterable[Judgment]) -> list[Judgment]:
    """The comparisons in which principles were asked and none of them prefers an answer."""
    return [one for one in judgments if (prefer := preferences(one)) and not any(prefer.values())]


def _sign(probability: float) -> int:
    return 0 if abs(probability - 0.5) < EXACT else 1 if probability > 0.5 else -1
