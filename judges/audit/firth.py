"""Logistic regression that stays finite where the data part without a mistake (Firth 1993; Heinze and Schemper 2002).

The biased judges that an audit is for are the ones that plain maximum likelihood cannot fit: whoever always takes the
longer answer has an infinite coefficient. Jeffreys' prior as a penalty gives a finite one, and profile likelihoods give
intervals and tests that hold where a standard error does not.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from judges.audit.statistic import Floats
from judges.statistics import LEVEL, Estimate

STEPS = 60
STEP_LIMIT = 3.0
"""No coefficient moves further in one step: far out the curvature says nothing."""
CLOSE = 1e-9
UNHEARD_OF = 1e6
"""A deviance beyond which nothing is told apart."""
FLAT = -100.0
"""Below this logarithm of its determinant the information is rounding errors."""


class _Fit(NamedTuple):
    coefficients_F: Floats
    likelihood: float
    """Penalised log-likelihood, in nats."""


@dataclass(frozen=True, eq=False)
class Firth:
    """A fit of outcomes (N,), 0 or 1, to features (N, F) without a constant term, which is a feature of ones."""

    features_N_F: Floats
    outcomes_N: Floats
    best: _Fit

    @property
    def coefficients_F(self) -> Floats:
        """The coefficients that make the penalised likelihood greatest, in nats."""
        return self.best.coefficients_F

    def p_value(self, feature: int, coefficient: float = 0.0) -> float:
        """How likely the likelihoods differ at least this much where the feature's coefficient is `coefficient`."""
        return float(stats.chi2.sf(self._deviance(feature, coefficient), 1))

    def interval(self, feature: int) -> Estimate:
        """The feature's coefficient and the values that its likelihood does not speak against."""
        value = float(self.best.coefficients_F[feature])
        spread_F_F = np.linalg.inv(_at(self.features_N_F, self.outcomes_N, self.best.coefficients_F).information_F_F)
        error = float(np.sqrt(spread_F_F[feature, feature]))
        return Estimate(value, self._end(feature, value, -error), self._end(feature, value, error))

    def _deviance(self, feature: int, coefficient: float) -> float:
        held = _fit(self.features_N_F, self.outcomes_N, self.best.coefficients_F, (feature, coefficient))
        return min(max(0.0, 2 * (self.best.likelihood - held.likelihood)), UNHEARD_OF)

    def _end(self, feature: int, value: float, step: float) -> float:
        """Where the deviance reaches its limit. Its root is nearly a straight line, so that few fits find it."""
        limit = math.sqrt(float(stats.chi2.ppf(LEVEL, 1)))

        def beyond(coefficient: float) -> float:
            return math.sqrt(self._deviance(feature, coefficient)) - limit if coefficient != value else -limit

        outside = value + 1.1 * limit * step
        while beyond(outside) < 0:
            outside += 2 * (outside - value)
        return float(optimize.brentq(beyond, value, outside, xtol=0.01 * abs(step)))


def firth(features_N_F: Floats, outcomes_N: Floats) -> Firth | None:
    """The fit, or None where the features cannot be told apart (one is a multiple of another, or all zero)."""
    n, n_features = features_N_F.shape
    if n <= n_features or np.linalg.matrix_rank(features_N_F) < n_features:
        return None
    return Firth(features_N_F, outcomes_N, _fit(features_N_F, outcomes_N, np.zeros(n_features)))


class _Point(NamedTuple):
    """The penalised log-likelihood at some coefficients, its slope (F,), and Fisher's information (F, F)."""

    likelihood: float
    slope_F: Floats
    information_F_F: Floats


def _at(features_N_F: Floats, outcomes_N: Floats, coefficients_F: Floats) -> _Point:
    logits_N = features_N_F @ coefficients_F
    p_N = special.expit(logits_N)
    weighted_N_F = features_N_F * (p_N * (1 - p_N))[:, None]
    information_F_F = weighted_N_F.T @ features_N_F
    sign, log_determinant = np.linalg.slogdet(information_F_F)
    if sign <= 0 or log_determinant < FLAT:
        return _Point(-np.inf, np.zeros(len(coefficients_F)), information_F_F)
    leverage_N = (weighted_N_F @ np.linalg.inv(information_F_F) * features_N_F).sum(axis=1)
    likelihood = float(outcomes_N @ logits_N - np.logaddexp(0, logits_N).sum() + log_determinant / 2)
    return _Point(likelihood, features_N_F.T @ (outcomes_N - p_N + leverage_N * (0.5 - p_N)), information_F_F)


def _fit(features_N_F: Floats, outcomes_N: Floats, start_F: Floats, held: tuple[int, float] | None = None) -> _Fit:
    """The greatest penalised likelihood from `start_F` on, by Newton's steps, with one coefficient `held` if given."""
    now_F = start_F.copy()
    free = [i for i in range(len(now_F)) if held is None or i != held[0]]
    if held is not None:
        now_F[held[0]] = held[1]
    here = _at(features_N_F, outcomes_N, now_F)
    for _ in range(STEPS if free and here.likelihood > -math.inf else 0):
        step_F = np.zeros(len(now_F))
        try:
            step_F[free] = np.linalg.solve(here.information_F_F[np.ix_(free, free)], here.slope_F[free])
        except np.linalg.LinAlgError:
            break  # so far out that all is certain, and nothing says where to go
        step_F *= min(1.0, STEP_LIMIT / max(float(np.abs(step_F).max()), CLOSE))
        there = _at(features_N_F, outcomes_N, now_F + step_F)
        while there.likelihood < here.likelihood and np.abs(step_F).max() > CLOSE:
            step_F /= 2
            there = _at(features_N_F, outcomes_N, now_F + step_F)
        gained = there.likelihood - here.likelihood
        if gained <= 0:
            break
        now_F, here = now_F + step_F, there
        if gained < CLOSE:
            break
    return _Fit(now_F, here.likelihood)
