"""An audit as JSON, as Markdown, and as rows of metrics."""

from collections.abc import Sequence
from typing import Any

from judges.audit.calibration import Bins
from judges.audit.findings import Audit, Finding
from judges.audit.statistic import Evidence, Statistic
from judges.statistics import Estimate


def as_json(audit: Audit) -> dict[str, Any]:
    """The audit in plain lists and dicts of what JSON has: `findings`, `statistics`, `groups`."""
    return {
        "findings": [{"name": f.name, "statistic": f.statistic.name, "p_value": f.p_value} for f in audit.findings],
        "statistics": {one.name: _plain(one) for one in audit.statistics},
        "groups": {
            kind: {name: {one.name: _plain(one) for one in statistics} for name, statistics in groups.items()}
            for kind, groups in audit.groups.items()
        },
    }


def from_json(document: dict[str, Any]) -> Audit:
    """The audit that `as_json` wrote."""
    statistics = {name: _statistic(name, plain) for name, plain in document["statistics"].items()}
    return Audit(
        tuple(statistics.values()),
        tuple(Finding(f["name"], statistics[f["statistic"]], f["p_value"]) for f in document["findings"]),
        {
            kind: {
                group: tuple(_statistic(name, plain) for name, plain in of_group.items())
                for group, of_group in groups.items()
            }
            for kind, groups in document["groups"].items()
        },
    )


def as_metrics(audit: Audit) -> dict[str, float]:
    """`audit/NAME`, `audit/NAME_low`, `audit/NAME_high` and `audit/NAME_n` of every statistic that could be had."""
    metrics = {}
    for one in audit.statistics:
        if one.estimate.value is not None:
            metrics[f"audit/{one.name}"] = one.estimate.value
            metrics[f"audit/{one.name}_n"] = float(one.n)
        if one.estimate.low is not None:
            metrics[f"audit/{one.name}_low"] = one.estimate.low
        if one.estimate.high is not None:
            metrics[f"audit/{one.name}_high"] = one.estimate.high
    return metrics


def as_markdown(audit: Audit) -> str:
    """A page: the findings, then a table of all statistics, then one of each group."""
    parts = ["## Findings", ""]
    parts += [
        f"- **{f.name}** ({f.statistic.name} {_value(f.statistic)}, n {f.statistic.n}, p {f.p_value:.1g})"
        for f in audit.findings
    ] or ["None."]
    parts += ["", "## Statistics", "", *_table([(one.name, one) for one in audit.statistics])]
    for kind, groups in audit.groups.items():
        rows = [(f"{_cell(name)}: {one.name}", one) for name, statistics in groups.items() for one in statistics]
        if rows:
            parts += ["", f"## By {kind}", "", *_table(rows)]
    return "\n".join(parts) + "\n"


def reliability_rows(bins: Bins) -> list[dict[str, float]]:
    """What a reliability diagram draws: of each bin its confidence, its accuracy, that one's error, and its share."""
    columns = (bins.confidence_B, bins.accuracy_B, bins.variance_B**0.5, bins.weights_B)
    return [
        dict(zip(("confidence", "accuracy", "standard_error", "share"), map(float, row), strict=True))
        for row in zip(*columns, strict=True)
    ]


def _plain(one: Statistic) -> dict[str, Any]:
    value: dict[str, Any] = {"n": one.n, **one.estimate._asdict()}
    return value if one.evidence is None else value | {"p_value": one.evidence.p_value, "finding": one.evidence.finding}


def _statistic(name: str, plain: dict[str, Any]) -> Statistic:
    evidence = Evidence(plain["p_value"], plain["finding"]) if "finding" in plain else None
    return Statistic(name, plain["n"], Estimate(plain["value"], plain["low"], plain["high"]), evidence)


def _table(rows: Sequence[tuple[str, Statistic]]) -> list[str]:
    return [
        "| statistic | n | value | 95 % interval |",
        "|---|---:|---:|---|",
        *(f"| {name} | {one.n} | {_number(one.estimate.value)} | {_interval(one)} |" for name, one in rows),
    ]


def _value(one: Statistic) -> str:
    return f"{_number(one.estimate.value)}, {_interval(one)}" if _interval(one) else _number(one.estimate.value)


def _interval(one: Statistic) -> str:
    low, high = one.estimate.low, one.estimate.high
    return "" if low is None and high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _cell(name: str) -> str:
    """A group's name comes from prompts: it must not end a cell or a line of the table."""
    return " ".join(name.split()).replace("|", "\\|") or "no family"
