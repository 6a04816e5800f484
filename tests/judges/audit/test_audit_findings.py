"""Judges with a known fault are found out by its name, and judges without one are cleared."""

import pytest

from judges.audit.attraction import attraction
from judges.audit.findings import FALSE_ALARMS, Judged, audit, findings
from judges.audit.known_bias import FAIR, PLANTED, KnownJudge, Planted, Pool, simulate
from judges.audit.statistic import Evidence, Statistic
from judges.statistics import Estimate


# Twenty seeds of each, and 2,000 fair judges, are in `python -m benchmarks.audit`.
@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.finding)
def test_a_planted_fault_is_found_by_its_name_and_sign(planted: Planted) -> None:
    assert planted.finding in {one.name for one in audit(simulate(planted.judge, 0)).findings}


def test_fair_judges_are_cleared() -> None:
    kinds = list(FAIR.values())
    for seed in range(20):
        judge, pool = kinds[seed % len(kinds)]
        assert audit(simulate(judge, seed, pool=pool)).findings == ()


def test_a_taste_for_length_is_found_where_longer_is_better_too() -> None:
    found = audit(simulate(KnownJudge(longer=2.0), 0, pool=Pool(length_with_quality=0.6))).findings
    assert "length bias: longer" in {one.name for one in found}


def test_a_self_preference_is_not_mistaken_for_a_taste_for_length_or_place() -> None:
    found = {one.name for one in audit(simulate(KnownJudge(own=3.0), 0)).findings}
    assert "self-preference: own" in found
    assert not {name for name in found if name.startswith(("length", "position", "likelihood"))}


def test_a_judge_that_sees_more_than_labels_say_is_not_accused_of_liking_length() -> None:
    # The longer answers are better by more, so that it recognises them more often: read plainly, labels accuse it.
    judge, pool = KnownJudge(accuracy=0.9, graded=True), Pool(length_with_quality=0.7)
    drawn = attraction(simulate(judge, 0, 2000, pool).pairs)
    plain = next(one for one in drawn if one.name == "length/coefficient").estimate
    assert plain.low is not None and plain.low > 0
    assert findings(drawn) == ()


def test_an_audit_of_nothing_finds_nothing() -> None:
    empty = audit(Judged())
    assert empty.findings == ()
    assert {one.n for one in empty.statistics} == {0}
    assert all(one.estimate.value is None for one in empty.statistics)


def test_an_audit_of_two_pairs_accuses_nobody() -> None:
    judged = simulate(KnownJudge(first=40.0, accuracy=0.5, fails=0.5), 0, n=2)
    assert audit(judged).findings == ()


def test_equal_judgments_give_equal_audits() -> None:
    judged = simulate(KnownJudge(), 3, n=60)
    assert audit(judged, seed=1) == audit(judged, seed=1)


def test_faults_are_named_by_holms_procedure() -> None:
    def tested(name: str, p_value: float) -> Statistic:
        return Statistic(name, 10, Estimate(1.0, 0.5, 1.5), Evidence(p_value, f"is {name}"))

    # Holm: three times the smallest, twice the second, once the third, and nothing after the first that fails.
    found = findings([tested("b", FALSE_ALARMS / 1.5), tested("a", FALSE_ALARMS / 4), tested("c", FALSE_ALARMS / 1.1)])
    assert [(one.name, one.p_value) for one in found] == [("is a", pytest.approx(3 * FALSE_ALARMS / 4))]
    all_three = findings([tested("a", FALSE_ALARMS / 4), tested("b", FALSE_ALARMS / 2), tested("c", FALSE_ALARMS / 2)])
    assert [one.p_value for one in all_three] == pytest.approx([0.75 * FALSE_ALARMS, FALSE_ALARMS, FALSE_ALARMS])
