"""Whether a judge that says 80 % is right in 80 %: Brier score with its parts, ECE on equal-mass bins, temperature.

The chance of a judge's verdict is read as its confidence in the answer it prefers. Judges that state nothing but 0, a
half and 1 state no probability, and have no calibration: that a tie in one order makes a mean of 0.75 is arithmetic.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from judges.audit.firth import firth
from judges.audit.records import JudgedPair
from judges.audit.statistic import UNKNOWN, Evidence, Floats, Statistic, bounded_mean
from judges.statistics import LEVEL, Estimate

BINS = 10
NAMES = ("brier", "reliability", "resolution", "uncertainty", "ece", "slope", "temperature")
CATEGORIES = (0.0, 0.5, 1.0)
"""What a judge says that names an answer, or neither, and no probability."""
SUREST = 0.999
"""Surer than this counts as this: a single wrong verdict at 1 - 1e-9 says no more than one at 0.999."""
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


def calibration(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    """Of the pairs whose label decides, how well stated chances match how often the judge is right.

    - `calibration/brier` (0..1): mean squared error of the chance. Its parts over bins (Murphy 1973), free of the bias
      of small bins (Ferro and Fricker 2012): `reliability` (0 is best, and chance can take it below), `resolution`,
      `uncertainty`; brier = reliability - resolution + uncertainty up to the differences within bins.
    - `calibration/ece` (0..1): mean distance of confidence and accuracy over ten bins of equal mass. Chance alone makes
      it about 0.05 at n = 500, so the interval is what to read: it allows for that, and need not hold the value.
    - `calibration/slope`: what the chance's log-odds should be multiplied by (Cox 1958); below 1 the judge is
      over-confident, and below 0 the surer the less right.
    - `calibration/temperature`: what they should be divided by, 1 / slope; unknown where the slope is not above 0.
    """
    stated = _stated(pairs)
    if stated is None:
        return tuple(Statistic(f"calibration/{name}", 0, UNKNOWN) for name in NAMES)
    chances_N, outcomes_N = stated
    n, right_N = len(chances_N), _right(chances_N, outcomes_N)
    bins = binned(_confidence(chances_N), right_N)
    reliability, resolution, uncertainty = _parts(bins, right_N)
    return (
        Statistic("calibration/brier", n, bounded_mean((chances_N - outcomes_N) ** 2, 0, 1)),
        Statistic("calibration/reliability", n, Estimate(reliability, *_gap_interval(bins, 2))),
        Statistic("calibration/resolution", n, Estimate(resolution, None, None)),
        Statistic("calibration/uncertainty", n, Estimate(uncertainty, None, None)),
        Statistic(
            "calibration/ece", n, Estimate(float((bins.weights_B * np.abs(bins.gaps_B)).sum()), *_gap_interval(bins, 1))
        ),
        *_slope(chances_N, outcomes_N),
    )


def reliability_rows(pairs: Sequence[JudgedPair]) -> list[dict[str, float]]:
    """What a reliability diagram draws: of each bin its confidence, its accuracy, that one's error, and its share.

    None where no probabilities were stated.
    """
    stated = _stated(pairs)
    if stated is None:
        return []
    bins = binned(_confidence(stated[0]), _right(*stated))
    columns = (bins.confidence_B, bins.accuracy_B, bins.variance_B**0.5, bins.weights_B)
    return [
        dict(zip(("confidence", "accuracy", "standard_error", "share"), map(float, row), strict=True))
        for row in zip(*columns, strict=True)
    ]


def _stated(pairs: Sequence[JudgedPair]) -> tuple[Floats, Floats] | None:
    """The chances that were stated of pairs whose label decides, and whether `a` is better (1 or 0).

    None where they are too few, or no probability but 0, a half and 1 is among them.
    """
    decided = [pair for pair in pairs if pair.label in ("a", "b") and pair.chance is not None]
    if len(decided) <= BINS or not any(map(_states_probability, decided)):
        return None
    chances_N, outcomes_N = np.array([(pair.chance, pair.label == "a") for pair in decided], dtype=float).T
    return chances_N, outcomes_N


def _states_probability(pair: JudgedPair) -> bool:
    """Whether the judge itself gave a probability: as its verdict, or, where it only showed orders, in one of them."""
    said = (pair.ab, pair.ba) if pair.verdict is None else (pair.verdict,)
    return any(isinstance(chance, int | float) and chance not in CATEGORIES for chance in said)


def _confidence(chances_N: Floats) -> Floats:
    return np.maximum(chances_N, 1 - chances_N)


def _right(chances_N: Floats, outcomes_N: Floats) -> Floats:
    """Whether the judge is right, 1 or 0; a chance of a half prefers neither, and is half right."""
    return np.where(chances_N == 0.5, 0.5, (chances_N > 0.5) == outcomes_N)


class Bins(NamedTuple):
    """Bins of equal mass: their share of pairs, accuracy, mean confidence less accuracy, and that one's variance."""

    weights_B: Floats
    accuracy_B: Floats
    confidence_B: Floats
    variance_B: Floats

    @property
    def gaps_B(self) -> Floats:
        """How much surer the judge is than it should be."""
        return self.confidence_B - self.accuracy_B


def binned(confidence_N: Floats, right_N: Floats, n_bins: int = BINS) -> Bins:
    """Pairs in order of confidence, cut into bins of equal mass: the reliability diagram."""
    order_N = np.argsort(confidence_N, kind="stable")
    parts = [part for part in np.array_split(order_N, n_bins) if len(part)]
    sizes_B = np.array([len(part) for part in parts], dtype=float)
    right_B = np.array([right_N[part].sum() for part in parts])
    smooth_B = (right_B + 0.5) / (sizes_B + 1)  # a bin that is all right has a variance too
    return Bins(
        weights_B=sizes_B / sizes_B.sum(),
        accuracy_B=right_B / sizes_B,
        confidence_B=np.array([confidence_N[part].mean() for part in parts]),
        variance_B=smooth_B * (1 - smooth_B) / sizes_B,
    )


def _parts(bins: Bins, right_N: Floats) -> tuple[float, float, float]:
    """Reliability, resolution and uncertainty, each without the bias that estimating shares from few pairs brings."""
    n, mean = len(right_N), float(right_N.mean())
    sizes_B = bins.weights_B * n
    noise = float((bins.weights_B * bins.accuracy_B * (1 - bins.accuracy_B) / np.maximum(sizes_B - 1, 1)).sum())
    of_mean = mean * (1 - mean) / (n - 1)
    reliability = float((bins.weights_B * bins.gaps_B**2).sum()) - noise
    resolution = float((bins.weights_B * (bins.accuracy_B - mean) ** 2).sum()) - noise + of_mean
    return reliability, resolution, mean * (1 - mean) + of_mean


def _gap_interval(bins: Bins, power: int) -> tuple[float, float]:
    """The interval of sum w |gap|^power over bins (1: ECE; 2: reliability), which noise alone lifts above 0.

    If the true gaps are k times the seen ones (or the noise, where none is seen), each seen gap is normal around its
    own with its bin's variance; the interval is of all k for which a sum as large as the one seen is neither too large
    nor too small. A sum below what noise alone makes on average is no proof that there is less than nothing: its upper
    end is that of such noise (Mandelkern and Schultz 2000), or it would be 0 and rule out every fault.
    """
    weights_B, spread_B = bins.weights_B, np.sqrt(bins.variance_B)
    gaps_B = np.abs(bins.gaps_B) if bins.gaps_B.any() else spread_B
    seen = float((weights_B * np.abs(bins.gaps_B) ** power).sum())

    def moments(k: float) -> tuple[float, float]:
        middle_B = k * gaps_B
        if power == 1:  # a folded normal
            ratio_B = middle_B / spread_B
            mean_B = spread_B * np.sqrt(2 / np.pi) * np.exp(-(ratio_B**2) / 2) + middle_B * special.erf(
                ratio_B / np.sqrt(2)
            )
            variance_B = middle_B**2 + spread_B**2 - mean_B**2
        else:
            mean_B = middle_B**2 + spread_B**2
            variance_B = 2 * spread_B**4 + 4 * middle_B**2 * spread_B**2
        return float((weights_B * mean_B).sum()), float((weights_B**2 * variance_B).sum())

    def end(sum_seen: float, quantile: float) -> float:
        def beyond(k: float) -> float:
            mean, variance = moments(k)
            # A sum of squares is skew near 0: a gamma of this mean and variance has its shape.
            return float(special.gammaincinv(mean**2 / variance, quantile) * variance / mean) - sum_seen

        if beyond(0.0) >= 0:
            return 0.0
        outside = 1.0
        while beyond(outside) < 0:
            outside *= 2
        k = float(optimize.brentq(beyond, 0.0, outside))
        return float((weights_B * (k * gaps_B) ** power).sum())

    return end(seen, (1 + LEVEL) / 2), end(max(seen, moments(0.0)[0]), (1 - LEVEL) / 2)


def _slope(chances_N: Floats, outcomes_N: Floats) -> tuple[Statistic, Statistic]:
    """The slope, which carries the evidence, and the temperature."""
    logits_N = special.logit(np.clip(chances_N, 1 - SUREST, SUREST))
    fit = firth(logits_N[:, None], outcomes_N)
    if fit is None:
        return Statistic("calibration/slope", 0, UNKNOWN), Statistic("calibration/temperature", 0, UNKNOWN)
    n, slope = len(logits_N), fit.interval(0)
    assert slope.value is not None and slope.low is not None and slope.high is not None
    kind = "over-confident" if slope.value < 1 else "under-confident"
    value, high = (1 / end if end > 0 else None for end in (slope.value, slope.low))
    low = 1 / slope.high if slope.high > 0 else None
    return (
        Statistic("calibration/slope", n, slope, Evidence(fit.p_value(0, 1.0), kind)),
        # No interval of what is unknown: that of the slope says it all.
        Statistic("calibration/temperature", n, UNKNOWN if value is None else Estimate(value, low, high)),
    )
