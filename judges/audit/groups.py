"""The same judge on parts of its pairs: by family, by distance from what it is known to judge well, by margin.

A judge may be trusted in one family and not in another, and not at all far from where anybody has checked it.
"""

from collections.abc import Sequence

from judges.audit.agreement import accuracy
from judges.audit.failures import failures
from judges.audit.position import consistency
from judges.audit.records import JudgedPair
from judges.audit.statistic import Statistic

BINS = 4


def by_family(pairs: Sequence[JudgedPair]) -> dict[str, tuple[Statistic, ...]]:
    """The statistics of each family, by its name."""
    families: dict[str, list[JudgedPair]] = {}
    for pair in pairs:
        families.setdefault(pair.family, []).append(pair)
    return {family: _described(families[family]) for family in sorted(families)}


def by_distance(pairs: Sequence[JudgedPair]) -> dict[str, tuple[Statistic, ...]]:
    """The statistics of four equal parts of the pairs whose distance is known, near ones first."""
    return _in_bins([(pair.distance, pair) for pair in pairs if pair.distance is not None])


def by_margin(pairs: Sequence[JudgedPair]) -> dict[str, tuple[Statistic, ...]]:
    """The statistics of four equal parts of the scored pairs by |2 chance - 1|: unsure verdicts first."""
    return _in_bins([(abs(2 * pair.chance - 1), pair) for pair in pairs if pair.chance is not None])


def _in_bins(placed: Sequence[tuple[float, JudgedPair]]) -> dict[str, tuple[Statistic, ...]]:
    """Named by their ends. Equal places never come into different bins, so that bins can be larger and fewer."""
    if not placed:
        return {}
    ordered = sorted(placed, key=lambda one: one[0])
    cuts = sorted({ordered[len(ordered) * i // BINS][0] for i in range(BINS)})
    bins = {
        low: [one for one in ordered if low <= one[0] and (next_low is None or one[0] < next_low)]
        for low, next_low in zip(cuts, [*cuts[1:], None], strict=True)
    }
    names = _names([(low, bins[low][-1][0]) for low in cuts])
    return {name: _described([pair for _, pair in bins[low]]) for name, low in zip(names, cuts, strict=True)}


def _names(ends: Sequence[tuple[float, float]]) -> list[str]:
    """The bins by their ends, with as many digits as tell them apart."""
    digits = (".2f", ".4f", ".8f", ".17g")
    named = ([f"{low:{some}} to {high:{some}}" for low, high in ends] for some in digits)
    return next(names for names in named if len(set(names)) == len(names))


def _described(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    return accuracy(pairs), consistency(pairs), *(Statistic(one.name, one.n, one.estimate) for one in failures(pairs))
