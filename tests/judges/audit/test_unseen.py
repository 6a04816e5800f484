"""What an audit would not have found, and how many items would do."""

import math
from dataclasses import replace

import pytest
from scipy import stats

from judges.audit.findings import FALSE_ALARMS, Judged, audit
from judges.audit.known_bias import KnownJudge, simulate
from judges.audit.records import JudgedPair, JudgedTwice
from judges.audit.statistic import Evidence, above_share_p, share
from judges.audit.unseen import unseen


def test_whoever_was_asked_for_nothing_is_said_to_have_been_asked_for_nothing() -> None:
    unlabelled = [JudgedPair(None, 1.0, None, 10, 20)] * 40
    why = {one.fault: one.why for one in audit(Judged(unlabelled)).unseen}
    assert why["position bias"].startswith("no pair was judged in both orders, nor in one")
    alone = audit(Judged([JudgedPair("a", None, None, 10, 20, verdict=1.0)] * 40)).unseen
    assert "know no order: they are a panel's" in {one.fault: one.why for one in alone}["position bias"]
    of_labels = ("length bias", "being at chance or worse over all pairs", "being at chance or worse in one family")
    assert {why[fault] for fault in of_labels} == {"no pair has a label, so that nothing was held against labels"}
    assert len(why) == 13  # 40 pairs are too few to say that a judge seldom fails to answer
    assert all(one.enough is None for one in audit(Judged(unlabelled)).unseen if one.n == 0)


def test_too_few_items_are_told_by_their_statistic_and_number_and_by_how_many_it_takes() -> None:
    twins = [JudgedTwice(*twin, 3.0, 3.5) for twin in (("padding", "format", "x"), ("hedging", "manner", "x"))]
    twins.append(JudgedTwice("hedging", "manner", "y", 3.0, 3.2))
    said = {one.fault: one for one in audit(Judged([JudgedPair("a", 1.0, None, 10, 20)] * 40, twins)).unseen}
    failing, taste = said["failing to answer"], said["taste for format, manner or persons"]
    assert failing.why.startswith("verdict/failed has n 40, too few to be likely to show one pair in ten without")
    assert taste.why.startswith("change/padding has n 1, too few to be likely to show a change of half")
    assert taste.why.endswith(", as have 1 more of its kind")
    assert failing.enough is not None and failing.enough > 40 and taste.enough is not None and taste.enough > 2


def test_a_fault_is_found_or_cleared_or_unseen_and_only_one_of_these() -> None:
    found = audit(simulate(KnownJudge(first=40.0), 0, n=120))
    assert "position bias" not in found.cleared and found.cleared and found.unseen
    assert not set(found.cleared) & {one.fault for one in found.unseen}
    kinds = {"near chance in" if "near chance in" in one.name else one.name for one in found.findings}
    assert len(found.cleared) + len(found.unseen) + len(kinds) == 13


def test_more_items_leave_less_unseen() -> None:
    few, many = (audit(simulate(KnownJudge(), 0, n=n)).unseen for n in (40, 500))
    assert {one.fault for one in many} < {one.fault for one in few}
    assert all(one.enough is None or one.enough > one.n for one in (*few, *many))


def test_what_was_found_needs_no_more_items() -> None:
    judged = simulate(KnownJudge(first=40.0), 0, n=40)
    found = audit(replace(judged, twice=(), triads=(), opposed=()))
    assert "position bias: first" in [one.name for one in found.findings]
    assert "position bias" not in [one.fault for one in found.unseen]


@pytest.mark.parametrize(
    ("name", "tolerated", "faulty"),
    [("verdict/failed", 0.05, 0.1), ("fooled/empty", 0.25, 0.5), ("triads/cyclic", 0.25, 0.4)],
)
def test_as_many_as_would_do_find_the_fault_in_nine_of_ten_judges(name: str, tolerated: float, faulty: float) -> None:
    clean = share(name, 0, 10, Evidence(above_share_p(0, 10, tolerated), "faulty"))
    (enough,) = (one.enough for one in unseen([clean], [], FALSE_ALARMS, True) if one.n)
    assert enough is not None
    least = next(k for k in range(enough) if above_share_p(k, enough, tolerated) <= FALSE_ALARMS)
    assert math.isclose(float(stats.binom.sf(least - 1, enough, faulty)), 0.9, abs_tol=0.08)
