"""An audit of a judge, as the step `audit` keeps it (`judges.audit.report.as_json`), in forms to be read."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from runs.audit_subject import tests_of
from runs.audit_words import FAMILIES, advice, against, meaning
from runs.counted import counted

MOST_ITEMS = 100_000
"""Nobody judges more for an audit: beyond it a number would be pretence."""
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
    """A page: what was audited, the findings, what would not have been found, all statistics, and those of groups."""
    parts = []
    if audited := document.get("audited"):  # what an iteration keeps is the audit alone
        parts += ["## What was audited", "", *(f"- {name}: {_said(value)}" for name, value in audited.items()), ""]
    parts += ["## Findings", "", *found_lines(document)]
    parts += ["", "## Statistics", "", *_explained(document["statistics"])]
    for kind, groups in document["groups"].items():
        rows = [
            (f"{_cell(group)}: {name}", one) for group, of_group in groups.items() for name, one in of_group.items()
        ]
        if len({group for group, of_group in groups.items() if of_group}) > 1:  # one alone says what stands above
            parts += ["", f"## By {kind}", "", *_table(rows)]
    return "\n".join(parts) + "\n"


def found_lines(document: Mapping[str, Any]) -> list[str]:
    """The findings, of what the judge is cleared, and what would not have been found, as lines of Markdown."""
    tests = tests_of(document)
    none = f"None, in {counted(tests, 'test')}." if tests else "None: nothing was tested."
    rows = [f"- **{name}** ({shown}) {to_do}" for name, shown, to_do in finding_rows(document)]
    lines = [_cell(row) for row in rows] or [none]
    # Audits from before these were kept say nothing of them.
    cleared, unseen = document.get("cleared"), document.get("unseen")
    if cleared:
        lines += ["", f"Would probably (9 in 10) have shown, and does not: {'; '.join(cleared)}."]
    if unseen:
        kinds = f"{counted(len(unseen), 'kind')} of fault"
        lines += [
            "",
            f"This clears the judge of nothing{' else' if cleared else ''}: {kinds} would not have been found.",
        ]
        lines += ["", "## What would not have been found", "", *(_unseen(one) for one in unseen)]
    return lines


def finding_rows(document: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Of each finding its name, the statistic that shows it with its interval, n and p, and what to do about it."""
    rows = []
    of_a_file = "judgments" in document.get("audited", {})
    for finding in document["findings"]:
        one = document["statistics"][finding["statistic"]]
        value = ", ".join(text for text in (_number(one["value"]), _interval(one)) if text)
        sound = f" against {known}" if (known := against(finding["statistic"])) else ""
        shown = f"{finding['statistic']} {value}, n {one['n']}, p {finding['p_value']:.1g}{sound}"
        rows.append((finding["name"], shown, advice(finding["name"], of_a_file)))
    return rows


def _said(value: Any) -> str:
    """A value on one line: of a mapping what it holds, without what is not set."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(own)}" for name, own in value.items() if own not in (None, [], ""))
    if isinstance(value, list):
        return " ".join(map(_said, value))
    return _cell(str(value))


def _unseen(one: Mapping[str, Any]) -> str:
    enough = ""
    if one["enough"]:
        most = one["enough"] > MOST_ITEMS
        enough = f"; more than {MOST_ITEMS:,} would be needed" if most else f"; about {one['enough']:,} would do"
    return _cell(f"- **{one['fault']}**: {one['why']}{enough}.")


def _explained(statistics: Mapping[str, Statistic]) -> list[str]:
    return [
        "| statistic | n | value | 95 % interval | what it is |",
        "|---|---:|---:|---|---|",
        *(
            f"| {name} | {one['n']} | {_number(one['value'])} | {_interval(one)} | {meaning(name)} |"
            for name, one in statistics.items()
            if not name.startswith(FAMILIES)  # they have a table of their own
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
