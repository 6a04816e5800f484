"""A judge that is wrong in one family is not cleared by being right in the others, and a fair one is not accused."""

from dataclasses import replace

import numpy as np
import pytest

from judges.audit.agreement import family_accuracy
from judges.audit.findings import Judged, audit, findings
from judges.audit.known_bias import KnownJudge, simulate
from judges.audit.records import JudgedPair
from judges.audit.report import as_json, as_metrics
from judges.statistics import Label
from runs.audit_report import as_markdown, audit_files

TURNED: dict[Label, Label] = {"a": "b", "b": "a", "tie": "tie"}


def of_families(turned: int, fair: int, name: str = "law") -> list[JudgedPair]:
    """Pairs of a judge that is right in four of five; those of the family `name` have their labels turned round."""
    pairs = simulate(KnownJudge(accuracy=0.8), 0, n=turned + fair).pairs
    law = [replace(p, family=name, label=p.label and TURNED[p.label]) for p in pairs[:turned]]
    return [*law, *(replace(p, family="maths") for p in pairs[turned:])]


def test_a_family_whose_labels_the_judge_contradicts_is_a_finding_and_clears_it_of_nothing() -> None:
    found = audit(Judged(of_families(100, 200)))
    assert "worse than chance in law" in [one.name for one in found.findings]
    assert not any("in one family" in one for one in found.cleared)
    page = as_markdown(as_json(found))
    assert "- **worse than chance in law** (family/law 0." in page and "Of the pairs of law it contradicts" in page


def test_a_coin_in_one_family_is_near_chance_there() -> None:
    pairs = of_families(0, 300)
    coin = [replace(p, family="law") for p in simulate(KnownJudge(accuracy=0.5), 1, n=200).pairs]
    assert [one.name for one in findings(family_accuracy([*pairs, *coin]))] == ["near chance in law"]


def test_a_family_too_small_to_be_cleared_is_said_to_be() -> None:
    (unseen,) = (one for one in audit(Judged(of_families(6, 400))).unseen if "in one family" in one.fault)
    assert unseen.why.startswith("family/law has n 6, too few to be likely to show")
    assert unseen.enough is not None and unseen.enough > 50


def test_one_family_alone_is_the_whole_and_tested_once() -> None:
    assert family_accuracy(of_families(0, 50)) == ()


@pytest.mark.parametrize("families", [2, 12])
def test_hardly_right_judges_are_accused_in_no_family_more_often_than_is_promised(families: int) -> None:
    """Right in 66 of 100, hardly better than what is called near chance, in families of every size."""
    rng, audits, accused = np.random.default_rng(families), 150, 0
    placed = [f"{int(families * (n / 120) ** 2)}" for n in range(120)]
    for _ in range(audits):
        right = rng.random(len(placed)) < 0.66
        pairs = [JudgedPair("a", float(hit), None, 1, 1, family=own) for hit, own in zip(right, placed, strict=True)]
        accused += bool(findings(family_accuracy(pairs)))
    assert accused <= 3


def test_many_small_families_do_not_hide_a_large_one() -> None:
    small = [replace(p, family=f"kind {n}") for n, p in enumerate(simulate(KnownJudge(), 2, n=200).pairs)]
    assert "worse than chance in law" in [one.name for one in findings(family_accuracy(of_families(100, 200) + small))]
    assert sum(one.evidence.weight for one in family_accuracy(small) if one.evidence) == pytest.approx(1)


def test_no_name_of_a_family_breaks_a_page_a_picture_or_a_metric() -> None:
    found = audit(Judged(of_families(100, 200, "$x_{1 | \n# law")))
    document = as_json(found)
    assert "- **worse than chance in $x_{1 \\| # law** (" in as_markdown(document)
    assert audit_files(document, "The judgments")["audit.png"]
    assert not any("law" in name for name in as_metrics(found))
