"""Control charts: has a stream left the level that it had? For what is looked at all the time, as a training is.

Values are standardised first, by a centre and a spread that do not come from what is charted: by calibrated noise, or
by a reference window. Both are two-sided unless asked otherwise. In control, independent normal values alarm once in
so many steps on average (`ARL0`, from exact Markov chains; papers of Page 1954, Roberts 1959, Lucas and Saccucci 1990):
CUSUM with k = 0.5 and h = 4.77: 369 two-sided, 737 one-sided; EWMA with lambda 0.2 and L = 2.86: 371 two-sided where
its limits are constant, 4 % less with these, which are narrower at first. A shift of one spread is found after 8 to 10
steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["up", "down", "both"]
K, H = 0.5, 4.77
LAMBDA, L = 0.2, 2.86


@dataclass(frozen=True)
class Charted:
    """Where a chart ended: its largest statistic and its limit, and the number of the first step beyond it, or None.

    Steps are counted from 0. `statistic` is NaN where a value was no number, which is no pass.
    """

    statistic: float
    limit: float
    alarm: int | None

    @property
    def passed(self) -> bool:
        """Whether every step was within the limit; NaN is not."""
        return self.alarm is None and self.statistic <= self.limit


def standardised(values: Sequence[float], centre: float, spread: float) -> list[float]:
    """How many spreads each value is from the centre. Raises ValueError unless the spread is above 0 and finite."""
    if not (spread > 0 and math.isfinite(spread) and math.isfinite(centre)):
        raise ValueError(f"no value can be standardised by centre {centre} and spread {spread}")
    return [(value - centre) / spread for value in values]


def cusum(values: Sequence[float], side: Side = "both", k: float = K, h: float = H) -> Charted:
    """S = max(0, S + z - k) upwards, and the same downwards: sums what exceeds k spreads, and alarms beyond h."""
    up = down = 0.0
    statistics = []
    for z in values:
        up, down = _summed(up + z - k), _summed(down - z - k)
        statistics.append(_worse(up, down, side))
    return _charted(statistics, h)


def ewma(values: Sequence[float], side: Side = "both", weight: float = LAMBDA, width: float = L) -> Charted:
    """E = (1 - weight) E + weight z from 0: alarms where it is more than `width` of its own spreads away from 0.

    Its spread at step t is sqrt(weight / (2 - weight) (1 - (1 - weight)^2t)): narrower while E has seen little.
    """
    level = 0.0
    statistics = []
    for step, z in enumerate(values, start=1):
        level = (1 - weight) * level + weight * z
        spread = math.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * step)))
        statistics.append(_worse(level / spread, -level / spread, side))
    return _charted(statistics, width)


def _summed(total: float) -> float:
    return total if math.isnan(total) else max(0.0, total)


def _worse(up: float, down: float, side: Side) -> float:
    if math.isnan(up):
        return up
    return {"up": up, "down": down, "both": max(up, down)}[side]


def _charted(statistics: list[float], limit: float) -> Charted:
    alarm = next((step for step, one in enumerate(statistics) if not one <= limit), None)  # NaN is not within it
    broken = any(math.isnan(one) for one in statistics)
    return Charted(math.nan if broken else max(statistics, default=0.0), limit, alarm)
