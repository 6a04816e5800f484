"""The limits that guards held metrics against, as a decision's evidence has them."""

from collections.abc import Iterable, Sequence
from typing import Any

from runs.output import Output

SIDES = ("at_least", "at_most")
"""On which side of a limit a metric is to be."""


def limits(decided: Output) -> dict[tuple[str, str], float]:
    """The limits by metric and side, the nearest one where a metric has several on a side.

    A limit for one prompt family, and one that could not be worked out, stand in the decision alone.
    """
    evidence: Sequence[dict[str, Any]] = decided.values["decision"]["evidence"]
    found: dict[tuple[str, str], float] = {}
    for one in evidence:
        metric, side, limit = one.get("metric", ""), one.get("side", ""), one.get("limit")
        if not metric or "(" in metric or side not in SIDES or not isinstance(limit, int | float):
            continue
        nearest = min if side == "at_most" else max
        found[metric, side] = nearest(float(limit), found.get((metric, side), float(limit)))
    return found


def last_limits(decided: Iterable[Output]) -> dict[tuple[str, str], float]:
    """The first limits that there are, of decisions newest first: where a person went past a halt there are none."""
    return next(filter(None, map(limits, decided)), {})
