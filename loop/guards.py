"""Guards: pure functions from numbers to a finding. A number that is missing or not finite halts (fail closed)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loop.config import Guards

Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class Finding:
    """What one guard saw: the metric, its value, the limit (None: any number passes), and whether the run may go on."""

    guard: str
    metric: str
    observed: float | None
    limit: float | None
    passed: bool
    says: str

    def evidence(self) -> dict[str, Any]:
        """As plain JSON; a number that JSON lacks is written as text."""
        finite = self.observed is None or math.isfinite(self.observed)
        return {
            "guard": self.guard,
            "metric": self.metric,
            "observed": self.observed if finite else str(self.observed),
            "limit": self.limit,
            "passed": self.passed,
            "says": self.says,
        }


def at_most(guard: str, metrics: Metrics, metric: str, limit: float) -> Finding:
    """Passes when `metric` is a number no greater than `limit`."""
    observed = metrics.get(metric)
    passed = observed is not None and observed <= limit  # NaN fails this comparison, so NaN halts
    return Finding(
        guard, metric, observed, limit, passed, f"{metric} is {_said(observed)}; at most {limit:g} is allowed"
    )


def at_least(guard: str, metrics: Metrics, metric: str, limit: float) -> Finding:
    """Passes when `metric` is a number no smaller than `limit`."""
    observed = metrics.get(metric)
    passed = observed is not None and observed >= limit
    return Finding(
        guard, metric, observed, limit, passed, f"{metric} is {_said(observed)}; at least {limit:g} is needed"
    )


def all_finite(metrics: Metrics) -> list[Finding]:
    """One failed finding for each metric that is missing or no finite number."""
    return [
        Finding("finite", name, value, None, False, f"{name} is {_said(value)}, which is no number")
        for name, value in sorted(metrics.items())
        if value is None or not math.isfinite(value)
    ]


def before_training(guards: Guards, metrics: Metrics, on_pairs: bool = True) -> list[Finding]:
    """Is there enough to train on? Asked once the pairs stand and before anything is trained, on them or otherwise."""
    enough = [at_least("min_pairs", metrics, "signal/pairs", guards.min_pairs)] if on_pairs else []
    return [at_most("max_unscored_frac", metrics, "judge/train_unscored_frac", guards.max_unscored_frac), *enough]


def after_measuring(guards: Guards, metrics: Metrics) -> list[Finding]:
    """May the policy with these measurements be promoted?"""
    return [
        *all_finite(metrics),
        at_most("max_unscored_frac", metrics, "judge/unscored_frac", guards.max_unscored_frac),
        at_most("max_kl_to_seed_nats", metrics, "policy/kl_to_seed_nats", guards.max_kl_to_seed_nats),
        at_most("max_kl_to_previous_nats", metrics, "policy/kl_to_previous_nats", guards.max_kl_to_previous_nats),
    ]


def _said(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4g}"
