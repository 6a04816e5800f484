"""An audit as pages: of what the simulated judges of `judges.audit.known_bias` are audited for."""

import json
from dataclasses import replace
from io import BytesIO

from matplotlib.image import imread

from judges.audit.findings import audit
from judges.audit.known_bias import KnownJudge, simulate
from judges.audit.report import as_json
from runs.audit_report import as_markdown, audit_files


def test_a_page_has_every_statistic_with_its_n_and_its_findings() -> None:
    found = audit(simulate(KnownJudge(first=40.0), 0, n=200))
    page = as_markdown(as_json(found))
    assert all(f"| {one.name} | {one.n} |" in page for one in found.statistics)
    assert "- **position bias: first** (position/first_beyond_half 0.500, " in page
    assert "| family 0: label/accuracy | 67 |" in page


def test_a_judge_without_a_fault_is_said_to_have_none() -> None:
    document = as_json(audit(simulate(KnownJudge(), 0, n=40)))
    assert document["findings"] == []
    assert as_markdown(document).startswith("## Findings\n\nNone.\n")


def test_a_group_cannot_break_out_of_its_table() -> None:
    judged = simulate(KnownJudge(), 0, n=20)
    strange = replace(judged, pairs=[replace(p, family="a|b\n# c") for p in judged.pairs])
    assert "| a\\|b # c: label/accuracy | 20 |" in as_markdown(as_json(audit(strange)))


def test_an_audit_is_three_files() -> None:
    document = as_json(audit(simulate(KnownJudge(first=40.0), 0, n=40)))
    files = audit_files(document, "The judge of r1@2")
    assert json.loads(files["audit.json"]) == document
    assert files["audit.md"].startswith(b"# The judge of r1@2\n\n## Findings\n")
    assert imread(BytesIO(files["audit.png"])).std() > 0.01
