"""One temperature for a preference model, and how well its probabilities then match labels. No torch here.

Notation: N pairs; a gap is the reward of `chosen` less that of `rejected`, in log-odds; a label is the probability that
`chosen` is the better answer; pairs count by their weights.
"""

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

BINS = 10
LEAST, MOST = 1e-2, 1e2
"""The bounds of the factor: where the gaps tell nothing, or the wrong thing, it would be 0 or less."""
Floats = np.ndarray[Any, np.dtype[np.float64]]


def fitted_scale(gaps_N: Floats, labels_N: Floats, weights_N: Floats) -> float:
    """The factor for the gaps, 1 / temperature, under which sigma(factor * gap) makes the labels likeliest.

    Every label is first moved towards a half as N + 1 seen pairs out of N + 2 are (Platt 1999): where all the pairs are
    in the right order, no factor would be large enough. Temperature scaling is Guo's (1706.04599), for one logit.
    """
    total = weights_N.sum()
    targets_N = (labels_N * total + 1) / (total + 2)

    def slope(factor: float) -> float:
        return float((weights_N * gaps_N * (expit(factor * gaps_N) - targets_N)).sum())

    if slope(LEAST) >= 0:
        return LEAST
    return MOST if slope(MOST) <= 0 else float(brentq(slope, LEAST, MOST, xtol=1e-9))


def agreement(gaps_N: Floats, labels_N: Floats, weights_N: Floats) -> dict[str, float]:
    """How well sigma(gap) matches the labels.

    - `accuracy` (0..1): the share of the decided pairs that are in the label's order; a gap of 0 is half right.
    - `brier` (0..1): the mean squared difference of probability and label.
    - `ece` (0..1): the mean distance of confidence and accuracy over ten bins of equally many pairs.
    - `loss`, in nats: the mean cross-entropy of probability and label.
    """
    chances_N = expit(gaps_N)
    decided_N = weights_N * (labels_N != 0.5)
    right_N = np.where(gaps_N == 0, 0.5, np.where(gaps_N > 0, labels_N > 0.5, labels_N < 0.5))
    losses_N = labels_N * np.logaddexp(0, -gaps_N) + (1 - labels_N) * np.logaddexp(0, gaps_N)
    total = weights_N.sum()
    return {
        "accuracy": float((decided_N * right_N).sum() / decided_N.sum()) if decided_N.any() else 0.5,
        "brier": float((weights_N * (chances_N - labels_N) ** 2).sum() / total),
        "ece": _calibration_error(chances_N, labels_N, weights_N),
        "loss": float((weights_N * losses_N).sum() / total),
    }


def _calibration_error(chances_N: Floats, labels_N: Floats, weights_N: Floats) -> float:
    confidence_N = np.maximum(chances_N, 1 - chances_N)
    right_N = np.where(chances_N >= 0.5, labels_N, 1 - labels_N)
    bins = np.array_split(np.argsort(confidence_N, kind="stable"), BINS)
    gaps = [abs(float((weights_N[part] * (confidence_N[part] - right_N[part])).sum())) for part in bins]
    return sum(gaps) / float(weights_N.sum())
