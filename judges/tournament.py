"""Strengths of many from comparisons of two: the model of Bradley and Terry (1952), with intervals.

Everything is keyed by what was compared (a digest), never by a place in a list. Shape letters: K keys, C comparisons,
A what comparisons are about.
numpy and scipy are imported where they are used: `selfsame status` has no time for them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING

from judges.statistics import LEVEL, Estimate

if TYPE_CHECKING:
    import numpy as np

PRIOR_SD = 3.0
"""How far strengths are believed to lie apart before anything is seen, in nats: 2 of 3 within 521 Elo points of 0."""


@dataclass(frozen=True, order=True)
class Compared:
    """A verdict on two: the probability (0..1) that the first is better, and how many comparisons it stands for.

    A soft label is a share of a win: 0.7 counts as 7 wins and 3 losses of a tenth. An abstention is no verdict.
    Verdicts `about` the same, such as answers to one prompt, are no evidence of their own; those about "" are.
    """

    first: str
    second: str
    probability: float
    weight: float = 1.0
    about: str = ""

    def __post_init__(self) -> None:
        if self.first == self.second:
            raise ValueError(f"{self.first} is compared with itself")
        if not (0 <= self.probability <= 1 and 0 <= self.weight < math.inf):
            raise ValueError(f"no probability from 0 to 1 with a weight of 0 or more: {self}")


def pairs_of(keys: Iterable[str]) -> list[tuple[str, str]]:
    """Every two different keys once, sorted, whatever the order they come in. A pairwise judge asks each both ways."""
    return list(combinations(sorted(set(keys)), 2))


def strengths(verdicts: Sequence[Compared], prior_sd: float = PRIOR_SD) -> dict[str, Estimate]:
    """The strength of all that was compared, in nats above their mean, with its interval; sorted by key.

    P(first is better) = 1 / (1 + exp(strength of second - strength of first)). A Gaussian prior of `prior_sd` around 0
    on each keeps the strength of who always wins, always loses or never meets some of the others finite, and the
    interval is of the Gaussian around the maximum (Whelan & Wodon, 2001.04226). Soft labels scatter less than wins and
    losses do: with them intervals are too wide rather than too narrow. Where verdicts are `about` something, intervals
    are at least as wide as what those about the same say together scatters (Liang & Zeger 1986). The order of
    `verdicts` does not matter.
    """
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import expit

    keys = sorted({key for v in verdicts for key in (v.first, v.second)})
    if not keys:
        return {}
    place = {key: k for k, key in enumerate(keys)}
    ordered = sorted(verdicts)  # so that sums do not depend on how they came
    outcome_C, weight_C = np.array([v.probability for v in ordered]), np.array([v.weight for v in ordered])
    signs_C_K = np.zeros((len(ordered), len(keys)))
    for signs_K, v in zip(signs_C_K, ordered, strict=True):
        signs_K[place[v.first]], signs_K[place[v.second]] = 1, -1

    def loss(strength_K: "np.ndarray") -> float:
        leads_C = signs_C_K @ strength_K
        unlikely = weight_C @ (np.logaddexp(0, leads_C) - outcome_C * leads_C)
        return float(unlikely + strength_K @ strength_K / (2 * prior_sd**2))

    def off(strength_K: "np.ndarray") -> "np.ndarray":
        off_C: np.ndarray = weight_C * (expit(signs_C_K @ strength_K) - outcome_C)
        return off_C

    def slope(strength_K: "np.ndarray") -> "np.ndarray":
        return signs_C_K.T @ off(strength_K) + strength_K / prior_sd**2

    def curvature(strength_K: "np.ndarray") -> "np.ndarray":
        p_C = expit(signs_C_K @ strength_K)
        return (signs_C_K.T * (weight_C * p_C * (1 - p_C))) @ signs_C_K + np.eye(len(keys)) / prior_sd**2

    close = {"gtol": 1e-8 * (1 + weight_C.sum())}  # the slope grows with the weights, and its rounding with it
    found = minimize(loss, np.zeros(len(keys)), method="trust-exact", jac=slope, hess=curvature, options=close)
    # Verdicts are about differences alone: what is unsure of the mean is no doubt about any one of them. The mean is an
    # axis of the covariance, so that it has to be taken out of one side only.
    from_mean_K_K = np.eye(len(keys)) - 1 / len(keys)
    covariance_K_K = from_mean_K_K @ np.linalg.inv(curvature(found.x))
    moves_C_K = (signs_C_K * off(found.x)[:, None]) @ covariance_K_K.T
    variance_K = np.maximum(covariance_K_K.diagonal(), _between([v.about for v in ordered], moves_C_K))
    centred_K = from_mean_K_K @ found.x
    half_K = NormalDist().inv_cdf((1 + LEVEL) / 2) * np.sqrt(variance_K)
    return {
        key: Estimate(float(centre), float(centre - half), float(centre + half))
        for key, centre, half in zip(keys, centred_K, half_K, strict=True)
    }


def _between(about_C: Sequence[str], moves_C_K: "np.ndarray") -> "np.ndarray":
    """The variances (K,) of strengths, each moved by all verdicts about one thing together; 0 for one thing alone."""
    import numpy as np

    things, place_C = np.unique(about_C, return_inverse=True)
    if len(things) < 2:
        return np.zeros(moves_C_K.shape[1])
    moves_A_K = np.zeros((len(things), moves_C_K.shape[1]))
    np.add.at(moves_A_K, place_C, moves_C_K)
    variance_K: np.ndarray = moves_A_K.var(axis=0, ddof=1) * len(things)
    return variance_K
