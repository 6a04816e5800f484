"""The faults that an audit would not have found: because nobody looked, or because too little was looked at.

No finding is good news only where a fault would have shown. How many items that takes follows from how far the
statistic was spread over those that there were.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

from judges.audit.statistic import Statistic
from judges.statistics import LEVEL

POWER = 0.9
"""How probably a fault that matters should be found."""
Z = NormalDist()
UNORDERED = "the verdicts know no order: they are a panel's, whose members can be audited one by one, or of scores"
UNLABELLED = "no pair has a label, so that nothing was held against labels"


class Unseen(NamedTuple):
    """A fault, why it would not have been found, of how many items, and about how many would do (None: no number)."""

    fault: str
    why: str
    n: int
    enough: int | None


Enough = Callable[[Statistic, float], float]
"""How many items show a fault that matters, of what the statistic is like and at what chance of a false alarm."""


class Fault(NamedTuple):
    """A fault that is looked for.

    `statistics` are what the names of those begin with that carry its evidence. `matters` says in words how far from
    sound a judge must be to do harm, and `enough` how many items show that. `needs` is what is lacking where there is
    no evidence. `by_labels`: only labels can show it. `by_order`: only a judge that is shown two answers can have it.
    """

    name: str
    statistics: tuple[str, ...]
    matters: str
    enough: Enough
    needs: str
    by_labels: bool = False
    by_order: bool = False


def _reach(alpha: float) -> float:
    """How many standard errors away a fault must be."""
    return Z.inv_cdf(1 - alpha / 2) + Z.inv_cdf(POWER)


def _effect(size: float) -> Enough:
    """A value that is so far from a sound judge's, where values are spread as those that were seen."""

    def enough(one: Statistic, alpha: float) -> float:
        low, high = one.estimate.low, one.estimate.high
        if low is None or high is None:
            return math.inf
        error = (high - low) / 2 / Z.inv_cdf((1 + LEVEL) / 2)
        return one.n * (_reach(alpha) * error / size) ** 2

    return enough


def _share(sound: float, faulty: float) -> Enough:
    """A share, whose spread follows from what it is for a judge that is just sound, and for a faulty one."""

    def enough(_: Statistic, alpha: float) -> float:
        spreads = math.sqrt(sound * (1 - sound)), math.sqrt(faulty * (1 - faulty))
        return ((Z.inv_cdf(1 - alpha) * spreads[0] + Z.inv_cdf(POWER) * spreads[1]) / (faulty - sound)) ** 2

    return enough


def _half_deviation(_: Statistic, alpha: float) -> float:
    """A mean of changes that is half their standard deviation away from 0."""
    return (_reach(alpha) / 0.5) ** 2


def _in_place(one: Statistic, alpha: float) -> float:
    """One showing in twenty; of a coefficient, what that is of the odds where four verdicts of five are right."""
    return _effect(0.05 if one.name == "position/first_beyond_half" else 0.05 / (0.8 * 0.2))(one, alpha)


FAULTS = (
    Fault(
        "position bias",
        ("position/first_beyond_half", "position/coefficient"),
        "the first answer preferred in 55 of 100 showings",
        _in_place,
        "no pair was judged in both orders, nor in one and has a label that tells place from quality",
        by_order=True,
    ),
    Fault(
        "length bias",
        ("length/coefficient",),
        "length worth 0.5 nats of the odds",
        _effect(0.5),
        "no labelled pair that was decided has answers of different length",
        by_labels=True,
    ),
    Fault(
        "self-preference",
        ("self/coefficient",),
        "authorship worth 0.5 nats of the odds",
        _effect(0.5),
        "of no labelled pair it is known that the judge itself wrote one of the two answers",
        by_labels=True,
    ),
    Fault(
        "likelihood bias",
        ("likelihood/coefficient",),
        "likelihood worth 0.5 nats of the odds",
        _effect(0.5),
        "how likely the judge finds the labelled answers is not known",
        by_labels=True,
    ),
    Fault(
        "being at chance or worse over all pairs",
        ("label/accuracy",),
        "a judge that is right in half of the pairs",
        _share(0.65, 0.5),
        "hardly any pair has both a verdict and a label that decides",
        by_labels=True,
    ),
    Fault(
        "being at chance or worse in one family",
        ("family/",),
        "a judge that is right in half of its pairs",
        _share(0.65, 0.5),
        "the pairs are not of several families",
        by_labels=True,
    ),
    Fault(
        "over- or under-confidence",
        ("calibration/slope",),
        "log-odds twice what they should be",
        _effect(0.5),
        "no probabilities were stated, or of too few labelled pairs",
        by_labels=True,
    ),
    Fault(
        "failing to answer",
        ("verdict/failed",),
        "one pair in ten without an answer",
        _share(0.05, 0.1),
        "there is no pair",
    ),
    Fault(
        "saturation",
        ("spread/at_",),
        "four scores in five at one end of the scale",
        _share(0.6, 0.8),
        "there are no scores of single answers on a scale with ends",
    ),
    Fault(
        "taste for format, manner or persons",
        ("change/",),
        "a change of half a standard deviation",
        _half_deviation,
        "no answer was judged beside a changed twin of itself",
    ),
    Fault(
        "being fooled by empty answers",
        ("fooled/",),
        "every second answer outscored by an empty one",
        _share(0.25, 0.5),
        "no answer was judged beside a twin without content",
    ),
    Fault(
        "ignoring the principle",
        ("principle/flipped",),
        "verdicts that turn in one pair of four where the principle does",
        _share(0.5, 0.25),
        "no pair was judged under a principle and under its opposite",
    ),
    Fault(
        "intransitivity",
        ("triads/cyclic",),
        "circles in two triads of five",
        _share(0.25, 0.4),
        "no three answers were compared in a circle",
    ),
)


def unseen(
    statistics: Sequence[Statistic], found: Sequence[str], false_alarms: float, labelled: bool, ordered: bool = True
) -> tuple[Unseen, ...]:
    """The faults that nobody could see, and those that too few items were looked at for.

    `found` are the names of the statistics that show a fault, which needs no more items. `false_alarms` is the chance
    of any false alarm, shared by all tests by their weights as in Holm's first step. `labelled`: whether any pair
    has a label. `ordered`: whether any verdict is of answers that were shown in an order.
    """
    weights = {one: one.evidence.weight for one in statistics if one.evidence is not None}
    total = sum(weights.values())
    alphas = {one: false_alarms * weight / total for one, weight in weights.items()}
    said = []
    for fault in FAULTS:
        of_it = [one for one in alphas if one.name.startswith(fault.statistics) and one.n]
        if not of_it:
            needs = fault.needs if labelled or not fault.by_labels else UNLABELLED
            if fault.by_order and not ordered:
                needs = UNORDERED
            said.append(Unseen(fault.name, needs, 0, None))
            continue
        # Fewer than this are no evidence even where all of them are on one side.
        short = {
            one: max(1 + math.log2(1 / alphas[one]), fault.enough(one, alphas[one]))
            for one in of_it
            if one.name not in found
        }
        short = {one: enough for one, enough in short.items() if one.n < enough}
        if short:
            least_seen = min(short, key=lambda one: one.n)
            why = f"{least_seen.name} has n {least_seen.n}, too few to be likely to show {fault.matters}"
            others = f", as have {len(short) - 1} more of its kind" if len(short) > 1 else ""
            said.append(Unseen(fault.name, why + others, least_seen.n, _rounded(max(short.values()))))
    return tuple(said)


def cleared(found: Sequence[str], missed: Sequence[Unseen]) -> tuple[str, ...]:
    """The faults that would probably have shown, and do not: neither a statistic that was `found` nor `missed`."""
    gone = {one.fault for one in missed}
    return tuple(
        fault.name
        for fault in FAULTS
        if fault.name not in gone and not any(name.startswith(fault.statistics) for name in found)
    )


def _rounded(count: float) -> int | None:
    """Upwards to two digits: more would be claimed than is known. None where there is no number."""
    if math.isinf(count):
        return None
    unit = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return math.ceil(count / unit) * unit
