"""An audit as pages: of what the simulated judges of `judges.audit.known_bias` are audited for."""

import json
from dataclasses import replace
from io import BytesIO

import pytest
from matplotlib.image import imread

from judges.audit.agreement import LEAST_ACCURACY
from judges.audit.failures import TOLERATED_SHARE
from judges.audit.findings import audit
from judges.audit.known_bias import PLANTED, KnownJudge, simulate
from judges.audit.perturbation import FOOLED_SHARE
from judges.audit.report import as_json
from judges.audit.spread import SATURATED_SHARE
from judges.audit.stability import CYCLES_BY_CHANCE
from runs.audit_report import as_markdown, audit_files
from runs.audit_words import advice, against, in_brief, meaning


def test_a_page_has_every_statistic_with_its_n_and_its_findings() -> None:
    found = audit(simulate(KnownJudge(first=40.0), 0, n=200))
    page = as_markdown(as_json(found))
    assert all(f"| {one.name} | {one.n} |" in page for one in found.statistics)
    assert "- **position bias: first** (position/first_beyond_half 0.500, " in page
    assert "| family 0: label/accuracy | 67 |" in page


def test_a_judge_without_a_fault_is_said_to_have_none() -> None:
    document = as_json(audit(simulate(KnownJudge(), 0, n=40)))
    assert document["findings"] == []
    tests = sum("p_value" in one for one in document["statistics"].values())
    page = as_markdown(document)
    assert page.startswith(f"## Findings\n\nNone, in {tests} tests.\n\nThis clears the judge of nothing: 13 kinds of")
    assert "## What would not have been found\n\n- **position bias**: " in page
    assert "- **failing to answer**: verdict/failed has n 40, too few to be likely to show one pair in ten with" in page


def test_a_table_by_group_is_there_where_there_is_more_than_one_group() -> None:
    document = as_json(audit(simulate(KnownJudge(), 0, n=40)))
    kinds = {kind: f"## By {kind}" in as_markdown(document) for kind in ("family", "margin")}
    assert kinds == {"family": True, "margin": True}
    one_each = {kind: dict([*groups.items()][:1]) for kind, groups in document["groups"].items()}
    assert "## By " not in as_markdown({**document, "groups": one_each})


def test_a_page_tells_what_the_judge_is_cleared_of_from_what_nobody_could_see() -> None:
    document = as_json(audit(simulate(KnownJudge(), 0, n=500)))
    assert {"position bias", "intransitivity"} <= set(document["cleared"]) and document["unseen"]
    page = as_markdown(document)
    assert f"Would probably (9 in 10) have shown, and does not: {'; '.join(document['cleared'])}.\n" in page
    kinds = len(document["unseen"])
    assert f"This clears the judge of nothing else: {kinds} kinds of fault would not have been found." in page


def test_an_audit_that_was_kept_before_this_was_said_is_still_a_page() -> None:
    document = as_json(audit(simulate(KnownJudge(), 0, n=40)))
    old = {name: value for name, value in document.items() if name not in ("unseen", "reliability")}
    assert "would not have been found" not in as_markdown(old)
    assert audit_files(old, "The judge of r1@2")["audit.png"]


def test_every_statistic_is_explained_and_every_fault_comes_with_what_to_do() -> None:
    found = audit(simulate(KnownJudge(), 0, n=40))
    assert [one.name for one in found.statistics if not meaning(one.name)] == []
    assert [planted.finding for planted in PLANTED if not advice(planted.finding)] == []
    assert "second" in advice("position bias: second") and "names" in advice("names bias: first")
    assert not any("{" in meaning(one.name) + advice(one.name) for one in found.statistics)


def test_what_to_do_about_judgments_in_a_file_names_no_setting_of_a_run() -> None:
    of_pairs = [f"{bias}: {end}" for bias, end in (("position bias", "first"), ("length bias", "longer"))]
    of_pairs += ["length bias: shorter", "worse than chance", "near chance", "over-confident", "under-confident"]
    for fault in (*of_pairs, "fails to answer", "worse than chance in law", "near chance in law"):
        assert advice(fault, True) != advice(fault) and advice(fault, True)
        assert not any(own in advice(fault, True) for own in ("selfsame ", "judge.", "pair.", "measure."))
    document = as_json(audit(simulate(KnownJudge(fails=0.3), 0, n=300)))
    read = {"audited": {"judgments": {"file": "x.csv"}}, **document}
    assert "Look in the file why these rows are empty" in as_markdown(read)
    assert "Look in the file" not in as_markdown(document)


@pytest.mark.parametrize(
    ("statistic", "sound"),
    [
        ("label/accuracy", LEAST_ACCURACY),
        ("family/law", LEAST_ACCURACY),
        ("verdict/failed", TOLERATED_SHARE),
        ("spread/at_high", SATURATED_SHARE),
        ("fooled/empty", FOOLED_SHARE),
        ("triads/cyclic", CYCLES_BY_CHANCE),
    ],
)
def test_a_finding_says_what_its_p_is_against(statistic: str, sound: float) -> None:
    assert f"{sound:.0%}" in against(statistic)
    document = as_json(audit(simulate(KnownJudge(fooled=("empty",)), 0, n=60)))
    assert f" against {against('fooled/empty')}) Text without content" in as_markdown(document)


def test_all_that_can_be_a_finding_has_something_that_its_p_is_against() -> None:
    found = audit(simulate(KnownJudge(), 0, n=60))
    tested = [one.name for one in (*found.statistics, *found.families) if one.evidence is not None]
    assert len(tested) > 20 and [name for name in tested if not against(name)] == []


def test_more_items_than_anybody_judges_are_not_counted() -> None:
    document = as_json(audit(simulate(KnownJudge(), 0, n=40)))
    document["unseen"] = [{"fault": "x", "why": "y", "n": 3, "enough": 500_000}]
    assert "- **x**: y; more than 100,000 would be needed." in as_markdown(document)


def test_a_group_cannot_break_out_of_its_table() -> None:
    judged = simulate(KnownJudge(), 0, n=20)
    half = [replace(p, family="a|b\n# c") for p in judged.pairs[:10]]
    strange = replace(judged, pairs=[*half, *judged.pairs[10:]])
    assert "| a\\|b # c: label/accuracy | 10 |" in as_markdown(as_json(audit(strange)))


def test_a_pictures_title_says_what_could_be_seen_and_what_could_not() -> None:
    few, many = (as_json(audit(simulate(KnownJudge(), 0, n=n))) for n in (16, 500))
    assert in_brief(few).startswith("no fault could be seen. Would not have shown: position bias; length bias; ")
    assert in_brief(many).startswith("no fault found. Would probably have shown, and does not: position bias; ")
    assert all(one["fault"] in in_brief(many).partition(" Would not have shown: ")[2] for one in many["unseen"])
    planted = as_json(audit(simulate(KnownJudge(first=40.0), 0, n=200)))
    assert "position bias: first" in in_brief(planted).partition(".")[0]


def test_a_picture_grows_with_what_is_in_it_and_its_title_is_whole() -> None:
    document = as_json(audit(simulate(KnownJudge(first=0.5), 0, n=40)))
    shape = imread(BytesIO(audit_files(document, "The judge of r1@2")["audit.png"])).shape
    longer = imread(BytesIO(audit_files(document, "The judge of a run with a name " * 8)["audit.png"])).shape
    assert longer[0] > shape[0] and longer[1] == shape[1]
    without = {**document, "reliability": []}
    assert imread(BytesIO(audit_files(without, "The judge of r1@2")["audit.png"])).shape[0] < shape[0]


def test_an_audit_is_three_files() -> None:
    document = as_json(audit(simulate(KnownJudge(first=40.0), 0, n=40)))
    files = audit_files(document, "The judge of r1@2")
    assert json.loads(files["audit.json"]) == document
    assert files["audit.md"].startswith(b"# The judge of r1@2\n\n## Findings\n")
    assert imread(BytesIO(files["audit.png"])).std() > 0.01
