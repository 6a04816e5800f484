"""A training's stream, held against a chart."""

import math
import statistics
from collections.abc import Mapping, Sequence

from loop.guards.charts import Charted, cusum, ewma, standardised
from loop.guards.finding import Finding
from loop.guards.rules import Chart
from loop.guards.seen import Seen


def charted(chart: Chart, now: Seen) -> Finding | None:
    """Whether the stream left its level; None where nothing was trained.

    It does not pass where a step has no number, nor where there are too few steps to know the level by.
    """
    if not now.curve and "train" not in now.rows:
        return None
    found = _held(chart, now.curve)
    says = f"{chart.stream} stayed at its level over {len(now.curve)} steps"
    if math.isnan(found.statistic):
        says = f"{chart.stream} cannot be charted: {len(now.curve)} steps, or one without a number"
    elif found.alarm is not None:
        steps = len(now.curve) - 1
        says = (
            f"{chart.stream} left its level at {found.alarm + 1} of {steps + 1} steps: its {chart.kind} statistic "
            f"reached {found.statistic:.4g}; {found.limit:g} is its limit"
        )
    against = "" if chart.centre is None else "as calibrated"
    beside = {"n": len(now.curve), **({} if found.alarm is None else {"step": found.alarm})}
    return Finding(
        chart.name, f"train/{chart.stream}", found.statistic, found.limit, found.passed, says, chart.group,
        chart.action, "at_most", chart.centre, against, now.addresses("train"), beside,
    )  # fmt: skip


def _held(chart: Chart, curve: Sequence[Mapping[str, float | None]]) -> Charted:
    values = [math.nan if (value := row.get(chart.stream)) is None else value for row in curve]
    centre, spread, first = chart.centre, chart.spread, 0
    unknown = Charted(math.nan, 0.0, None)
    if not values:
        return unknown
    if centre is None or spread is None:
        window = values[: chart.window]
        if len(values) <= chart.window or not all(map(math.isfinite, window)):
            return unknown
        centre, spread, first = statistics.fmean(window), statistics.stdev(window), chart.window
        if spread == 0:
            return unknown
    follow = cusum if chart.kind == "cusum" else ewma
    found = follow(standardised(values[first:], centre, spread), chart.side)
    return Charted(found.statistic, found.limit, None if found.alarm is None else found.alarm + first)
