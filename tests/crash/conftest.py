"""A warm process for each file of tests, and a count for each row of the plan: how many were tried, how many bad."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.whole_run import golden, warm

Tally = Callable[[str, int, int], None]


@pytest.fixture(autouse=True, scope="module")
def warm_process() -> Iterator[None]:
    """Everything a start needs is imported and looked up before the first fork."""
    golden()
    with warm():
        yield


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Notes how many trials a row of the plan of faults, A1 and so on, had, and how many of them were bad."""
    return lambda row, tried, bad: record_property("crash", [row, tried, bad])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line of counts, which also go to the file that SELFSAME_CRASH_COUNTS names."""
    tried: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    for report in reports:
        for _, (row, count, wrong) in report.user_properties if report.when == "call" else ():
            tried[row] += count
            bad[row] += wrong
    if not tried:
        return
    counts = {row: {"tried": tried[row], "bad": bad[row]} for row in sorted(tried)}
    words = ", ".join(f"{row} {count['bad']} of {count['tried']}" for row, count in counts.items())
    terminalreporter.write_line(f"bad of all tried: {words}")
    if path := os.environ.get("SELFSAME_CRASH_COUNTS"):
        Path(path).write_text(json.dumps(counts), encoding="utf-8")
