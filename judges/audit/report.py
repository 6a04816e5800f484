"""An audit as JSON, and as rows of metrics. `runs.audit_report` makes pages of the JSON."""

from typing import Any

from judges.audit.findings import Audit
from judges.audit.statistic import Statistic


def as_json(audit: Audit) -> dict[str, Any]:
    """The audit in plain lists and dicts of what JSON has: its fields by their names."""
    return {
        "findings": [{"name": f.name, "statistic": f.statistic.name, "p_value": f.p_value} for f in audit.findings],
        "statistics": {one.name: _plain(one) for one in (*audit.statistics, *audit.families)},
        "groups": {
            kind: {name: {one.name: _plain(one) for one in statistics} for name, statistics in groups.items()}
            for kind, groups in audit.groups.items()
        },
        "unseen": [one._asdict() for one in audit.unseen],
        "cleared": list(audit.cleared),
        "reliability": list(audit.reliability),
    }


def as_metrics(audit: Audit) -> dict[str, float]:
    """`audit/NAME`, `audit/NAME_low`, `audit/NAME_high` and `audit/NAME_n` of every statistic that could be had.

    Families, whose names are anybody's, are not among them.
    """
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


def _plain(one: Statistic) -> dict[str, Any]:
    value: dict[str, Any] = {"n": one.n, **one.estimate._asdict()}
    return value if one.evidence is None else value | {"p_value": one.evidence.p_value, "finding": one.evidence.finding}
