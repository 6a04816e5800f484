"""What is measured of a judge that compares is measured by its verdicts, not by the replies behind them."""

from dataclasses import replace

import pytest

from judges.audit.agreement import label_agreement
from judges.audit.failures import failures
from judges.audit.position import position
from judges.audit.records import FAILURES
from loop.anchors import AnchorPair
from loop.steps.audit_cases import pair_records
from loop.steps.measure import win_rate_metrics
from loop.steps.probes import sides
from runs.records import Judgment, Message, Reply, Unscored

ANCHORS = [AnchorPair((Message("user", f"question {n}"),), f"good {n}", f"bad {n}", "a") for n in range(50)]


def compared(anchor: AnchorPair, said: float | Unscored, *replies: Reply) -> Judgment:
    return Judgment(
        target="pair",
        judged=sides(anchor),
        adapter="x",
        by="base",
        method="pairwise",
        constitution="c",
        principles=("p", "q"),
        replies=replies,
        score=None if isinstance(said, Unscored) else said,
        unscored=said if isinstance(said, Unscored) else None,
        probability=None,
        seed=0,
    )


@pytest.mark.parametrize("reason", [Unscored.ABSTAINED, Unscored.INCONSISTENT, Unscored.LOW_MASS])
def test_a_judge_that_gave_no_verdict_is_not_audited_as_one_that_was_right(reason: Unscored) -> None:
    replies = Reply("p", "ab", "", 0.55), Reply("p", "ba", "", 0.6), Reply("q", "ab", "", None)
    pairs = pair_records(ANCHORS, {sides(one): compared(one, reason, *replies) for one in ANCHORS}, [], None, {})
    failed, abstained = (one.estimate.value for one in failures(pairs))
    assert (failed, abstained) == ((1, 0) if reason in FAILURES else (0, 1))
    assert label_agreement(pairs, 0)[0].n == 0
    assert {one.name: one for one in position(pairs)}["position/chance_shift"].estimate.value == pytest.approx(-0.05)


def test_votes_are_audited_with_their_weights() -> None:
    # By the plain mean of the replies `a` is better; the principle that says otherwise weighs more.
    replies = [Reply(who, order, "", chance) for who, chance in (("p", 0.9), ("q", 0.2)) for order in ("ab", "ba")]
    pairs = pair_records(ANCHORS, {sides(one): compared(one, 0.3, *replies) for one in ANCHORS}, [], None, {})
    assert {one.chance for one in pairs} == {0.3}
    assert label_agreement(pairs, 0)[0].estimate.value == 0


def test_a_win_rate_counts_equal_answers_and_ties_as_half() -> None:
    won, tied, silent = (compared(ANCHORS[0], said) for said in (0.9, Unscored.TIE, Unscored.NO_VERDICT))
    assert win_rate_metrics([None, None]) == {"judge/win_rate_against_seed": 0.5}
    assert win_rate_metrics([won, None, tied, silent])["judge/win_rate_against_seed"] == pytest.approx(1.9 / 3)
    assert win_rate_metrics([silent]) == {}
    assert win_rate_metrics([replace(won, target="response", score=3.0)]) == {}
