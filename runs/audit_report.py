"""An audit of a judge, as the step `audit` keeps it (`judges.audit.report.as_json`), in forms to be read."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from runs.audit_words import advice, meaning

Statistic = Mapping[str, Any]
"""`n`, and `value`, `low` and `high`, which are None where they could not be had."""


def audit_files(document: Mapping[str, Any], title: str) -> dict[str, bytes]:
    """The audit as files by their names: all of it as JSON, a page of Markdown, and a picture."""
    from runs.audit_figure import figure  # matplotlib takes longer to load than a page to write

    return {
        "audit.json": (json.dumps(document, indent=1) + "\n").encode(),
        "audit.md": f"# {title}\n\n{as_markdown(document)}".encode(),
        "audit.png": figure(document, title),
    }


def as_markdown(document: Mapping[str, Any]) -> str:
    """A page: the findings, what would not have been found, a table of all statistics, and one of each group."""
    statistics = document["statistics"]
    parts = ["## Findings", ""]
    parts += [_finding(one, statistics[one["statistic"]]) for one in document["findings"]] or [_none(document)]
    if unseen := document.get("unseen"):  # audits from before this was kept say nothing of it
        parts += ["", "## What would not have been found", "", *(_unseen(one) for one in unseen)]
    parts += ["", "## Statistics", "", *_explained(statistics)]
    for kind, groups in document["groups"].items():
        rows = [
            (f"{_cell(group)}: {name}", one) for group, of_group in groups.items() for name, one in of_group.items()
        ]
        if rows:
            parts += ["", f"## By {kind}", "", *_table(rows)]
    return "\n".join(parts) + "\n"


def _none(document: Mapping[str, Any]) -> str:
    tests = sum("p_value" in one for one in document["statistics"].values())
    return f"None, of {tests} tests." if tests else "None: nothing was tested."


def _finding(finding: Mapping[str, Any], one: Statistic) -> str:
    value = ", ".join(text for text in (_number(one["value"]), _interval(one)) if text)
    shown = f"({finding['statistic']} {value}, n {one['n']}, p {finding['p_value']:.1g})"
    return f"- **{finding['name']}** {shown} {advice(finding['name'])}".rstrip()


def _unseen(one: Mapping[str, Any]) -> str:
    enough = f"; about {one['enough']} would do" if one["enough"] else ""
    return f"- **{one['fault']}**: {one['why']}{enough}."


def _explained(statistics: Mapping[str, Statistic]) -> list[str]:
    return [
        "| statistic | n | value | 95 % interval | what it is |",
        "|---|---:|---:|---|---|",
        *(
            f"| {name} | {one['n']} | {_number(one['value'])} | {_interval(one)} | {meaning(name)} |"
            for name, one in statistics.items()
        ),
    ]


def _table(rows: Iterable[tuple[str, Statistic]]) -> list[str]:
    return [
        "| statistic | n | value | 95 % interval |",
        "|---|---:|---:|---|",
        *(f"| {name} | {one['n']} | {_number(one['value'])} | {_interval(one)} |" for name, one in rows),
    ]


def _interval(one: Statistic) -> str:
    low, high = one["low"], one["high"]
    return "" if low is None and high is None else f"{_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _cell(name: str) -> str:
    """A group's name comes from prompts: it must not end a cell or a line of the table."""
    return " ".join(name.split()).replace("|", "\\|") or "no family"
