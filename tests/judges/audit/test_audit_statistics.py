"""Each statistic of an audit, held against a case worked out by hand or the library that is known for it."""

import math

import numpy as np
import pytest
from scipy import stats

from judges.audit.agreement import label_agreement
from judges.audit.attraction import attraction
from judges.audit.calibration import calibration
from judges.audit.distance import distances
from judges.audit.failures import failures
from judges.audit.findings import findings
from judges.audit.groups import by_distance, by_family, by_margin
from judges.audit.perturbation import mean_p, perturbations
from judges.audit.position import position
from judges.audit.principle import principle
from judges.audit.records import (
    FAILURES,
    JudgedTwice,
    Opposed,
    Repeated,
    Scores,
    Touched,
    Triad,
    chance_of_scores,
)
from judges.audit.spread import saturation, ties
from judges.audit.stability import repetition, same_verdict, transitivity
from judges.audit.statistic import bounded_mean, share, share_difference
from judges.statistics import Estimate
from runs.records import Unscored
from tests.judges.audit.by_hand import FAILED, named, pair


def test_position_counts_what_two_orders_say() -> None:
    got = named(
        position(
            [
                *[pair(0.9, 0.9)] * 3,  # a both times
                *[pair(0.8, 0.3)] * 4,  # the first both times
                pair(0.1, 0.9),  # the second both times
                pair(0.5, 0.2),  # a tie, then b, which is first
                *[pair(0.9, None), pair(FAILED, 0.9)],  # seen in one order only
            ]
        )
    )
    assert got["first_beyond_half"].n == 9
    assert got["first_beyond_half"].estimate.value == pytest.approx((4 * 0.5 - 0.5 + 0.25) / 9)
    assert got["consistency"].estimate.value == pytest.approx(3 / 9)
    assert got["first_when_inconsistent"].estimate.value == pytest.approx(5 / 6)
    assert got["chance_shift"].estimate.value == pytest.approx((4 * 0.5 - 0.8 + 0.3) / 9)
    evidence = got["first_beyond_half"].evidence
    assert evidence is not None and evidence.finding == "position bias: first"
    assert evidence.p_value == pytest.approx(stats.binomtest(5, 6).pvalue)


def twins(kind: str, touched: Touched, scores: list[tuple[float, float]]) -> list[JudgedTwice]:
    return [JudgedTwice(kind, touched, str(i), before, after) for i, (before, after) in enumerate(scores)]


def test_a_change_is_the_mean_of_paired_differences_with_students_interval() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(3, 1, 40)
    after = before + rng.normal(0.3, 0.5, 40)
    got = named(perturbations(twins("padding", "format", list(zip(before.tolist(), after.tolist(), strict=True)))))
    low, high = stats.ttest_rel(after, before).confidence_interval()
    assert got["padding"].estimate == pytest.approx((np.mean(after - before), low, high))
    assert got["padding"].evidence is not None
    assert got["padding"].evidence.finding == "rewards padding"
    assert got["padding"].evidence.p_value == pytest.approx(
        stats.ttest_rel(after, before, alternative="greater").pvalue
    )


def test_to_like_padding_less_is_no_fault_and_to_like_other_names_less_is_one() -> None:
    scores = [(3.0, 2.0), (4.0, 3.5)] * 10
    padding = named(perturbations(twins("padding", "format", scores)))["padding"]
    names = named(perturbations(twins("names", "person", scores)))["names"]
    assert padding.evidence is not None and padding.evidence.p_value == 1
    assert names.evidence is not None and names.evidence.finding == "names bias: first"
    assert names.evidence.p_value < 1e-5


def test_several_twins_of_one_kind_of_one_answer_count_once() -> None:
    one = [JudgedTwice("padding", "format", "x", 1.0, after) for after in (1.0, 2.0, 3.0)]
    got = named(perturbations([*one, JudgedTwice("padding", "format", "y", 1.0, 1.0)]))["padding"]
    assert (got.n, got.estimate.value) == (2, 0.5)


def test_empty_twins_that_outscore_their_answers_fool_the_judge() -> None:
    scores = [(1.0, 1.0), (2.0, 1.0), (3.0, 4.0), (4.0, 3.0), (5.0, 1.0)]
    fooled = perturbations(twins("empty", "content", scores))[1]
    assert (fooled.name, fooled.n, fooled.estimate.value) == ("fooled/empty", 5, 0.2)
    assert fooled.evidence is not None
    assert fooled.evidence.p_value == pytest.approx(stats.binomtest(1, 5, 0.25, alternative="greater").pvalue)


def test_format_outweighs_content_where_it_gains_more_than_nothing_costs() -> None:
    gains = twins("padding", "format", [(3.0, 4.0), (3.0, 3.0)])
    losses = twins("empty", "content", [(3.0, 2.5), (3.0, 1.0)])
    assert named(perturbations([*gains, *losses]))["outweighs_content"].estimate.value == 0.5


def test_changes_that_are_all_the_same_are_no_surer_than_their_number() -> None:
    assert mean_p(np.array([0.5, 0.5, 0.5])) == 0.25
    assert mean_p(np.zeros(9)) == 1


def test_a_principle_that_turns_fewer_than_half_of_verdicts_is_ignored() -> None:
    got = principle([*[Opposed(0.9, 0.1)] * 3, *[Opposed(0.9, 0.8)] * 7, Opposed(0.5, 0.1), Opposed(FAILED, 0.1)])[0]
    assert (got.n, got.estimate.value) == (10, 0.3)
    assert got.evidence is not None
    assert got.evidence.p_value == pytest.approx(stats.binomtest(3, 10, alternative="less").pvalue)


def test_scores_pile_up_at_an_end() -> None:
    got = named(saturation(Scores(1, 5, [5.0, 4.9, 4.8, 4.7, 1.0, FAILED])))
    assert (got["at_high"].n, got["at_high"].estimate.value, got["at_low"].estimate.value) == (5, 0.6, 0.2)
    assert got["distinct"].estimate.value == 5
    assert ties([pair(0.5, 0.5), pair(0.4, None), pair(FAILED, 0.5)]).estimate.value == 0.5


def test_stability_counts_equal_numbers_equal_sides_and_circles() -> None:
    repeated = [Repeated(0.5, 0.5), Repeated(0.4, 0.3), Repeated(0.6, 0.3), Repeated(0.9, FAILED), Repeated(0.7, 0.8)]
    assert named(repetition(repeated))["equal"].estimate.value == 0.25
    assert same_verdict(repeated).estimate.value == 0.75
    rng = np.random.default_rng(0)
    first, again = rng.normal(size=(2, 50)) + rng.normal(size=50)
    correlation = repetition([Repeated(*map(float, two)) for two in zip(first, again, strict=True)])[1].estimate
    assert correlation.value == pytest.approx(stats.spearmanr(first, again).statistic)
    circles = transitivity([Triad(0.9, 0.8, 0.7), Triad(0.1, 0.2, 0.3), Triad(0.9, 0.9, 0.1), Triad(0.5, 0.9, 0.9)])[0]
    assert (circles.n, circles.estimate.value) == (3, pytest.approx(2 / 3))


def test_a_failure_is_told_from_an_abstention() -> None:
    undecided = Unscored.INCONSISTENT
    got = named(failures([pair(0.9, 0.8), pair(FAILED, 0.8), pair(undecided, FAILED), pair(undecided, None)]))
    assert (got["failed"].estimate.value, got["abstained"].estimate.value) == (0.5, 0.25)


def test_ties_and_orders_that_cancel_are_abstentions_and_only_ties_are_ties() -> None:
    tied, split, undecided = pair(0.5, 0.5), pair(0.8, 0.2), pair(Unscored.ABSTAINED, None)
    pairs = [pair(0.9, 0.8), tied, split, undecided, pair(FAILED, 0.8)]
    got = {one.name: one.estimate.value for one in (*failures(pairs), ties(pairs))}
    assert got == {"verdict/failed": 1 / 5, "verdict/abstained": 3 / 5, "spread/ties": 1 / 3}


def test_a_judge_that_contradicts_labels_is_worse_than_chance_and_a_coin_is_not() -> None:
    for right, finding in ((0.1, "worse than chance"), (0.5, "near chance")):
        pairs = [pair(1.0, 1.0, "a" if i < right * 200 else "b") for i in range(200)]
        (found,) = findings(label_agreement(pairs, 0))
        assert (found.name, found.statistic.estimate.value) == (finding, right)


def test_all_but_position_reads_the_verdict_and_not_the_replies_behind_it() -> None:
    weighted = [pair(0.7, 0.6, verdict=0.3, length_a=20), pair(0.7, 0.6, "b", verdict=0.2, length_b=20)] * 20
    got = {one.name: one for one in (*label_agreement(weighted, 0), *calibration(weighted), *attraction(weighted))}
    assert got["label/accuracy"].estimate.value == got["label/accuracy_decided"].estimate.value == 0.5
    assert got["calibration/brier"].estimate.value == pytest.approx((0.7**2 + 0.2**2) / 2)
    assert got["length/longer_when_better"].n == 40
    assert named(position(weighted))["chance_shift"].estimate.value == pytest.approx(0.1)


@pytest.mark.parametrize("reason", Unscored)
def test_a_judge_that_gives_no_verdict_is_not_credited_with_the_replies_that_it_had(reason: Unscored) -> None:
    silent = [pair(0.55, 0.55, verdict=reason)] * 40
    got = {one.name: one for one in (*failures(silent), *label_agreement(silent, 0), ties(silent))}
    failed = reason in FAILURES
    assert (got["verdict/failed"].estimate.value, got["verdict/abstained"].estimate.value) == (failed, not failed)
    # A tie is no verdict to learn from, and yet says that the two are equally good.
    assert got["label/accuracy"].estimate.value == (0.5 if reason is Unscored.TIE else None)
    assert got["spread/ties"].estimate.value == (1 if reason is Unscored.TIE else None)


def test_accuracy_counts_ties_as_half_and_leaves_out_failures_and_tied_labels() -> None:
    pairs = [pair(0.9, 0.9), pair(0.9, 0.1), pair(0.1, 0.1), pair(0.5, None), pair(FAILED, 0.9), pair(0.9, 0.9, "tie")]
    got = {one.name: one for one in label_agreement(pairs, seed=0)}
    assert (got["label/accuracy"].n, got["label/accuracy"].estimate.value) == (4, 0.5)
    assert got["label/accuracy_decided"].n == 2


def test_groups_are_by_family_and_by_equal_parts() -> None:
    pairs = [pair(0.5 + i / 100, None, family=f"f{i % 2}", distance=i / 40) for i in range(40)]
    assert {name: one[0].n for name, one in by_family(pairs).items()} == {"f0": 20, "f1": 20}
    assert [one[0].n for one in by_distance(pairs).values()] == [10] * 4
    assert list(by_margin(pairs)) == ["0.00 to 0.18", "0.20 to 0.38", "0.40 to 0.58", "0.60 to 0.78"]
    assert by_distance([pair(0.9, None)]) == {}
    assert list(by_margin([pair(1.0, None)] * 9)) == ["1.00 to 1.00"]


def test_no_group_is_lost_where_all_are_nearly_alike() -> None:
    sure = [pair(1 - i * 1e-7, None) for i in range(100)]
    assert [one[0].n for one in by_margin(sure).values()] == [25] * 4
    near = [pair(0.9, None, distance=i * 1e-300) for i in range(100)]
    assert sum(one[0].n for one in by_distance(near).values()) == 100


def test_distance_is_nothing_to_itself_and_all_to_what_shares_no_word() -> None:
    known = ["sort these: 3 1 2", "describe the cat"]
    near, part, far, empty = distances(["Describe the cat!", "describe the dog", "völlig anderes", ""], known)
    assert near == pytest.approx(0)
    assert 0.2 < part < 0.8
    assert (far, empty) == (1, 1)
    with pytest.raises(ValueError, match="known to judge well"):
        distances(["x"], [])


def test_what_is_no_chance_or_not_on_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1, not 1\.5"):
        pair(1.5, 0.5)
    with pytest.raises(ValueError, match="not nan"):
        Opposed(math.nan, 0.5)
    with pytest.raises(ValueError, match=r"1 to 5 has no 6"):
        Scores(1, 5, [6.0])


def test_two_scores_say_who_is_better_and_not_how_surely() -> None:
    assert [chance_of_scores(4, 3), chance_of_scores(3, 4), chance_of_scores(2, 2)] == [1, 0, 0.5]
    assert chance_of_scores(4, FAILED) is FAILED
    assert chance_of_scores(FAILED, 4) is FAILED


def test_a_mean_of_equal_values_is_not_certain_and_stays_in_its_range() -> None:
    got = bounded_mean([0.5] * 50, -0.5, 0.5)
    assert got.value == 0.5 and got.high == 0.5
    assert got.low is not None and 0.4 < got.low < 0.5
    assert share_difference(0, 0, 1, 2) == Estimate(None, None, None)


def test_a_share_of_none_or_all_has_the_end_of_the_scale_in_its_interval() -> None:
    assert all(share("x", 0, n).estimate.low == 0 and share("x", n, n).estimate.high == 1 for n in range(1, 600))
