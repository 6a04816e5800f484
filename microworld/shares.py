"""Shares and means with their 95 % intervals, as the tables show them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from microworld.gold import MOST

SEED = 1


@dataclass(frozen=True)
class Share:
    """`hits` of `n`."""

    hits: float
    n: int

    @property
    def percent(self) -> float:
        """The share in per cent; NaN of nothing."""
        return 100 * self.hits / self.n if self.n else float("nan")

    def __str__(self) -> str:
        if not self.n:
            return "-"
        interval = stats.binomtest(round(self.hits), self.n).proportion_ci(method="wilson")
        return f"{self.percent:.0f} ({100 * interval.low:.0f} to {100 * interval.high:.0f})"


def mean_share(values: Sequence[float]) -> str:
    """The mean of golds as a percentage of the most, with its bootstrap interval."""
    percent = 100 * np.asarray(values) / MOST
    if len(percent) < 2 or percent.std() == 0:
        return f"{percent.mean():.0f}"
    low, high = bootstrap_interval(percent)
    return f"{percent.mean():.0f} ({low:.0f} to {high:.0f})"


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of the mean of `values`, (N,), by the percentile bootstrap."""
    drawn = np.random.default_rng(SEED).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
