"""What chance alone does to the guards' numbers, and which limits it leaves alone.

The same policy, measured again and again against itself (an A/A test): whatever then moves, moves by chance. One more
such number is beyond `mean + t sd sqrt(1 + 1/n)` with a known chance (the prediction interval of a normal sample, with
Student's t of n - 1 degrees of freedom). A limit nearer than that alarms where nothing happened; one farther away may
still be too near for a run that learns.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import NamedTuple

from loop.guards.comparing import asked_together
from loop.guards.finding import Finding
from loop.guards.references import reference
from loop.guards.rules import Limit, Paired
from loop.guards.seen import Seen

FEWEST = 3
"""Repetitions below which a spread is not worth the name."""


class Chance(NamedTuple):
    """The normal numbers that chance gives: of `n` repetitions, with this mean and standard deviation."""

    n: int
    mean: float
    sd: float

    def beyond(self, bound: float, above: bool) -> float:
        """How likely one more number is above `bound`, or below it."""
        from scipy.stats import t

        far = (bound - self.mean) / self._error * (1 if above else -1)
        return float(t.sf(far, self.n - 1))

    def bound(self, chance: float, above: bool) -> float:
        """Above, or below, which one more number is with that chance."""
        from scipy.stats import t

        return self.mean + float(t.isf(chance, self.n - 1)) * self._error * (1 if above else -1)

    @property
    def _error(self) -> float:
        return self.sd * math.sqrt(1 + 1 / self.n)


@dataclass(frozen=True)
class Calibrated:
    """A limit beside what chance does to its number, in the limit's own unit: a multiple, a difference or the metric.

    `alarms` is the chance that it fires in one iteration in which nothing happened, at what fires first: its brake,
    where it brakes on the way. `proposed` is the limit at which that chance is as asked for. All are None where chance
    does nothing, or where nobody can say; then `says` tells why.
    """

    limit: Limit
    chance: Chance | None
    alarms: float | None
    proposed: float | None
    says: str = ""


def calibrated(
    limit: Limit, repeated: Sequence[Seen], of: Mapping[str, Seen], brake_at: float, rate: float
) -> Calibrated:
    """What chance does to the limit's number, and the limit that it leaves alone but for a share of `rate`."""
    numbers = [found for one in repeated if (found := _in_its_unit(limit, one, of)) is not None]
    if len(numbers) < FEWEST:
        why = "it is about what was trained on" if limit.of == "first" else "not measured as it was at iteration 0"
        return Calibrated(limit, None, None, None, why)
    chance = Chance(len(numbers), fmean(numbers), stdev(numbers))
    if chance.sd == 0:
        return Calibrated(limit, chance, None, None, "the same each time: chance does nothing to it")
    above, share = limit.at_most is not None, limit.fires_at(brake_at)
    origin = 1.0 if limit.of != "nothing" and limit.how == "times" else 0.0
    fires_at = origin + share * (limit.bound - origin)
    proposed = origin + (chance.bound(rate, above) - origin) / share
    return Calibrated(limit, chance, chance.beyond(fires_at, above), proposed)


class Apart(NamedTuple):
    """How far the means of `n` items are apart by chance: the standard deviation, over repetitions, of the difference
    to the first measurement. They are those of a value of the test's tag, "" for a test of all items at once."""

    value: str
    n: int
    sd: float


@dataclass(frozen=True)
class Tested:
    """A paired test over the repetitions: how often it did not pass, and how far its items' means were apart.

    `most_log10_e` and `least_p` are the most that it had to say of a loss.
    """

    guard: str
    alarms: int
    apart: tuple[Apart, ...]
    most_log10_e: float
    least_p: float
    at_most: float
    """The end of the exact interval of its rate of alarms (one-sided, 95 %)."""


def asked_again(
    test: Paired, repeated: Sequence[Seen], of: Mapping[str, Seen], findings: Sequence[Finding]
) -> Tested | None:
    """What a paired test found in each repetition; None where it had nothing to compare."""
    from scipy.stats import binomtest

    found = [one for one in findings if one.guard == test.name and "p" in one.beside]
    if len(found) < FEWEST:
        return None
    alarms = sum(not one.passed for one in found)
    interval = binomtest(alarms, len(found), alternative="less").proportion_ci(0.95, method="exact")
    return Tested(
        test.name,
        alarms,
        _apart(test, repeated, of),
        max(one.observed or 0.0 for one in found),
        min(one.beside["p"] for one in found),
        float(interval.high),
    )


def _apart(test: Paired, repeated: Sequence[Seen], of: Mapping[str, Seen]) -> tuple[Apart, ...]:
    """One for each set of items that is asked together, in as many repetitions as have enough of them."""
    first, found = of[test.of], []
    before = first.items.get(test.stream, {})
    for value, items in asked_together(test, first).items():
        means = [
            fmean(after[item] - before[item] for item in items if item in after)
            for after in (one.items.get(test.stream, {}) for one in repeated)
            if any(item in after for item in items)
        ]
        if len(means) >= FEWEST:
            found.append(Apart(value, len(items), stdev(means)))
    return tuple(found)


def _in_its_unit(limit: Limit, now: Seen, of: Mapping[str, Seen]) -> float | None:
    """The number as the limit has it; None where there is none, or nothing like it to relate it to."""
    value = now.metrics.get(limit.metric)
    if value is None or not math.isfinite(value) or limit.of == "nothing":
        return value if value is not None and math.isfinite(value) else None
    had = reference(limit.metric, now, limit.of, of, ())
    before = had.metrics.get(limit.metric) if had else None
    if before is None or not math.isfinite(before) or (limit.how == "times" and not before):
        return None
    return value / before if limit.how == "times" else value - before
