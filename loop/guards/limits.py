"""Bounds on single metrics: absolute, or relative to the seed's, the previous policy's, or the best one's."""

import math
from collections.abc import Mapping, Sequence

from loop.guards.finding import Action, Finding, Group, Metrics, said
from loop.guards.references import WHOSE, reference, without_reference
from loop.guards.rules import Limit
from loop.guards.seen import Seen

NOT_OF_THE_SEED = ("signal/", "judge/train_")
"""What iteration 0 has not, since it trains nothing."""


def at_most(
    guard: str, metrics: Metrics, metric: str, limit: float, group: Group = "judge", action: Action = "halt"
) -> Finding:
    """Passes when `metric` is a number no greater than `limit`."""
    observed = metrics.get(metric)
    passed = observed is not None and observed <= limit  # NaN fails this comparison, so NaN does not pass
    says = f"{metric} is {said(observed)}; at most {limit:g} is allowed"
    return Finding(guard, metric, observed, limit, passed, says, group, action, "at_most")


def at_least(
    guard: str, metrics: Metrics, metric: str, limit: float, group: Group = "judge", action: Action = "halt"
) -> Finding:
    """Passes when `metric` is a number no smaller than `limit`."""
    observed = metrics.get(metric)
    passed = observed is not None and observed >= limit
    says = f"{metric} is {said(observed)}; at least {limit:g} is needed"
    return Finding(guard, metric, observed, limit, passed, says, group, action, "at_least")


def all_finite(metrics: Metrics, action: Action = "halt") -> list[Finding]:
    """One failed finding for each metric that is missing or no finite number."""
    return [
        Finding("finite", name, value, None, False, f"{name} is {said(value)}, which is no number", _of(name), action)
        for name, value in sorted(metrics.items())
        if value is None or not math.isfinite(value)
    ]


def within(
    limit: Limit, now: Seen, of: Mapping[str, Seen], brake_at: float, anew: Sequence[Seen] = ()
) -> Finding | None:
    """What the bound says of this iteration; None where it has nothing to say yet, or where nobody measures that.

    What was measured and is gone does not pass: by whom the limit is relative to, else by the seed. `of` holds whose
    numbers it can be relative to, `anew` those that took their place where something was measured otherwise since.
    """
    observed, before, against = now.metrics.get(limit.metric), None, ""
    if observed is None and (not now.measured or (not now.index and limit.metric.startswith(NOT_OF_THE_SEED))):
        return None
    had = reference(limit.metric, now, "seed" if limit.of == "nothing" else limit.of, of, anew)
    if limit.of != "nothing":
        if limit.of not in of:  # the seed itself, or before any was promoted
            return None
        if had is None:
            return without_reference(limit.name, limit.metric, limit.of, now, limit.group, limit.action, limit.demanded)
        before, against = had.metrics.get(limit.metric), WHOSE[limit.of]
    if not limit.demanded and not _is_there(limit, now, had):
        return None
    lacking = bool(against) and (before is None or not math.isfinite(before))
    bound = math.nan if lacking else _bound(limit, before, 1.0)
    is_within = at_most if limit.at_most is not None else at_least
    found = is_within(limit.name, now.metrics, limit.metric, bound, limit.group, limit.action)
    if found.passed and (share := limit.fires_at(brake_at)) < 1:
        near = _bound(limit, before, share)
        on_the_way = is_within(limit.name, now.metrics, limit.metric, near, limit.group, "brake")
        found = found if on_the_way.passed else on_the_way
    says = found.says + (f" ({_said_of(limit, before)} {against})" if against else "")
    if lacking:
        says = f"{limit.metric} is {said(observed)} and {against} is {said(before)}: they cannot be compared"
    return Finding(
        found.guard, found.metric, observed, None if lacking else found.limit, found.passed, says,
        found.group, found.action, found.side, before, against, now.addresses(limit.metric),
    )  # fmt: skip


def _is_there(limit: Limit, now: Seen, had: Seen | None) -> bool:
    """Whether the question arises: the reference had the metric and its step was taken; or there is an absolute one."""
    if limit.of == "nothing" and now.metrics.get(limit.metric) is not None:
        return True
    return had is not None and had.metrics.get(limit.metric) is not None and now.took(had.step_of(limit.metric))


def _bound(limit: Limit, reference: float | None, share: float) -> float:
    """The limit in the metric's own unit, or that share of the way to it from the reference (from 0 without one)."""
    if reference is None:
        return share * limit.bound
    if limit.how == "plus":
        return reference + share * limit.bound
    return reference * ((1 - share) + share * limit.bound)


def _said_of(limit: Limit, reference: float | None) -> str:
    how = f"{limit.bound:g} times" if limit.how == "times" else f"{limit.bound:+g} to"
    return f"{how} {said(reference)},"


def _of(metric: str) -> Group:
    groups: dict[str, Group] = {"judge": "judge", "signal": "optimisation"}
    return groups.get(metric.partition("/")[0], "distribution")
