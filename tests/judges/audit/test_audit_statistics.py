"""Each statistic of an audit, held against a case worked out by hand or the library that is known for it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from statsmodels.api import Logit
from statsmodels.stats.proportion import confint_proportions_2indep

from judges.audit.agreement import label_agreement
from judges.audit.attraction import attraction
from judges.audit.calibration import binned, calibration, reliability_rows
from judges.audit.distance import distances
from judges.audit.failures import failures
from judges.audit.findings import Judged, audit
from judges.audit.firth import firth
from judges.audit.groups import by_distance, by_family, by_margin
from judges.audit.perturbation import mean_p, perturbations
from judges.audit.position import position
from judges.audit.principle import principle
from judges.audit.records import (
    FAILURES,
    JudgedPair,
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
from judges.audit.statistic import Statistic, bounded_mean, share, share_difference
from judges.statistics import Estimate, Label
from runs.records import Unscored

FAILED = Unscored.NO_VERDICT
PARTS = ("reliability", "ece")


def pair(ab: float | Unscored, ba: float | Unscored | None, label: Label | None = "a", **more: object) -> JudgedPair:
    return JudgedPair(label, ab, ba, **{"length_a": 10, "length_b": 10} | more)  # type: ignore[arg-type]


def named(statistics: tuple[Statistic, ...]) -> dict[str, Statistic]:
    return {one.name.split("/")[1]: one for one in statistics}


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


def test_firth_is_maximum_likelihood_where_there_is_much_to_see() -> None:
    rng = np.random.default_rng(0)
    features = np.c_[rng.normal(size=20_000), np.ones(20_000)]
    outcomes = (rng.random(20_000) < special.expit(features @ [0.4, -1])).astype(float)
    fit, reference = firth(features, outcomes), Logit(outcomes, features).fit(disp=0)
    assert fit is not None
    assert fit.coefficients_F == pytest.approx(reference.params, abs=1e-3)
    interval = fit.interval(0)
    assert (interval.low, interval.high) == pytest.approx(tuple(reference.conf_int()[0]), abs=1e-3)


def test_firth_of_a_two_by_two_table_adds_half_to_each_cell() -> None:
    # Jeffreys' prior on a saturated table is half a count in each cell (Firth 1993).
    features = np.repeat([[1.0, 0.0], [1.0, 1.0]], [20, 30], axis=0)
    outcomes = np.r_[np.ones(5), np.zeros(15), np.ones(30)]
    fit = firth(features, outcomes)
    assert fit is not None
    assert fit.coefficients_F[0] == pytest.approx(math.log(5.5 / 15.5), abs=1e-4)
    assert fit.coefficients_F.sum() == pytest.approx(math.log(30.5 / 0.5), abs=1e-4)
    interval = fit.interval(1)
    assert interval.low is not None and interval.high is not None
    assert 0 < interval.low < fit.coefficients_F[1] < interval.high < 20
    # The ends are where the test says five in a hundred.
    assert fit.p_value(1, interval.low) == pytest.approx(0.05, abs=2e-3)
    assert fit.p_value(1, interval.high) == pytest.approx(0.05, abs=2e-3)


def test_firth_refuses_features_that_cannot_be_told_apart() -> None:
    features = np.ones((10, 2))
    assert firth(features, np.ones(10)) is None
    assert firth(np.zeros((10, 1)), np.ones(10)) is None


def test_a_judge_that_follows_labels_is_not_drawn_by_length_though_longer_is_better() -> None:
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(800):
        longer_is_better = rng.random() < 0.8
        right = rng.random() < 0.75
        pairs.append(pair(float(right), None, length_a=20 if longer_is_better else 10, length_b=15))
    got = {one.name: one for one in attraction(pairs)}
    coefficient = got["length/coefficient"].estimate
    assert coefficient.low is not None and coefficient.high is not None
    assert coefficient.low < 0 < coefficient.high
    assert got["length/accuracy_matched"].n == 0


def test_being_recognised_is_a_difference_of_shares_with_newcombes_interval() -> None:
    # The better answer is the longer in 40 pairs, of which 36 are right; the shorter in 30, of which 12 are.
    pairs = [
        *[pair(1.0, None, length_a=20)] * 36,
        *[pair(0.0, None, length_a=20)] * 4,
        *[pair(1.0, None, length_b=20)] * 12,
        *[pair(0.0, None, length_b=20)] * 18,
    ]
    got = {one.name: one for one in attraction(pairs)}["length/longer_when_better"]
    assert got.n == 70
    assert got.estimate.value == pytest.approx(36 / 40 - 12 / 30)
    reference = confint_proportions_2indep(36, 40, 12, 30, method="newcomb")
    assert (got.estimate.low, got.estimate.high) == pytest.approx(reference)


def test_which_answer_is_called_a_makes_no_difference_to_what_draws() -> None:
    rng = np.random.default_rng(1)
    pairs, swapped = [], []
    for _ in range(120):
        label: Label = rng.choice(["a", "b", "tie"])
        chance, long, short = float(rng.random()), int(rng.integers(50, 99)), int(rng.integers(10, 99))
        pairs.append(pair(chance, chance, label, length_a=long, length_b=short, own="a"))
        other: Label = {"a": "b", "b": "a", "tie": "tie"}[label]  # type: ignore[assignment]
        swapped.append(pair(1 - chance, 1 - chance, other, length_a=short, length_b=long, own="b"))
    for one, another in zip(attraction(pairs), attraction(swapped), strict=True):
        assert one.estimate.value == pytest.approx(another.estimate.value, abs=1e-4)


def test_answers_that_never_differ_draw_nobody() -> None:
    got = attraction([pair(0.9, 0.8), pair(0.2, 0.3, "b"), pair(0.9, 0.9, "tie")] * 5)
    by_name = {one.name: one for one in got}
    assert by_name["length/coefficient"] == Statistic("length/coefficient", 0, Estimate(None, None, None))
    assert by_name["length/accuracy_matched"].estimate.value == 1


def test_what_draws_is_seen_where_every_label_ties() -> None:
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(60):
        length = int(rng.integers(1, 99))
        pairs.append(pair(float(rng.random() < special.expit((length - 50) / 10)), None, "tie", length_a=length))
    got = {one.name: one for one in attraction(pairs)}
    low = got["length/coefficient"].estimate.low
    assert low is not None and low > 0
    assert got["length/coefficient_by_degree"].estimate.value == got["length/coefficient"].estimate.value


def test_matched_lengths_are_within_a_tenth() -> None:
    pairs = [pair(1.0, None, length_a=100, length_b=90), pair(0.0, None, length_a=90, length_b=100)]
    pairs += [pair(0.0, None, length_a=100, length_b=89)] * 5
    got = {one.name: one for one in attraction(pairs)}["length/accuracy_matched"]
    assert (got.n, got.estimate.value) == (2, 0.5)


def test_where_it_is_known_how_much_better_only_that_is_used() -> None:
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(2000):
        margin = float(rng.exponential())
        longer = int(rng.normal(0, 20) + 30 * margin)  # better by more is longer, and seen more surely
        sees = rng.random() < special.expit(2 * margin)
        pairs.append(pair(float(sees), None, length_a=500 + longer, length_b=500, label_margin=margin))
    known = {one.name: one for one in attraction(pairs)}
    blind = {one.name: one for one in attraction([replace(p, label_margin=None) for p in pairs])}
    assert known["length/coefficient"].estimate.low < 0 < known["length/coefficient"].estimate.high  # type: ignore[operator]
    assert blind["length/coefficient"].estimate.low > 0  # type: ignore[operator]
    assert known["length/coefficient_by_degree"].n == 0
    assert blind["length/coefficient_by_degree"].n == sum(p.length_a != p.length_b for p in pairs)


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
    assert ties([pair(0.4, 0.6), pair(0.4, None), pair(FAILED, 0.5)]).estimate.value == 0.5


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


def test_few_answers_that_part_without_a_mistake_have_finite_coefficients() -> None:
    # Seen in an audit of five pairs: on the way to the interval's end the information is singular.
    features = [
        *([0.8418578368545171, -0.9154727572526378, -1.9060197831319763],),
        *([0.02311798590484715, 0.5134400192156271, 2.415411996187833],),
        *([-0.857106533510081, 0.07080508853302114, -2.434153969138651],),
        *([0.7191754512668087, -0.140903775634217, 2.0158975754224375],),
        *([0.7672818095253842, -0.9032141254094519, 0.0],),
    ]
    fit = firth(np.array(features), np.array([0.0, 0.0, 1.0, 1.0, 1.0]))
    assert fit is not None
    found = fit.interval(0)
    assert found.value is not None and found.low is not None and found.high is not None
    assert -math.inf < found.low < found.value < found.high < math.inf and 0 < fit.p_value(0) < 1


def test_calibration_is_that_of_sklearn() -> None:
    rng = np.random.default_rng(0)
    chances = rng.random(400)
    better = rng.random(400) < special.expit(special.logit(chances) / 2)
    got = named(calibration([pair(float(c), None, "a" if b else "b") for c, b in zip(chances, better, strict=True)]))
    assert got["brier"].estimate.value == pytest.approx(brier_score_loss(better, chances))
    confidence, right = np.maximum(chances, 1 - chances), (chances > 0.5) == better
    accuracy, sure = calibration_curve(right, confidence, n_bins=10, strategy="quantile")
    assert got["ece"].estimate.value == pytest.approx(np.mean(np.abs(accuracy - sure)), abs=1e-3)
    logits = special.logit(np.clip(chances, 0.001, 0.999))
    assert got["temperature"].estimate.value == pytest.approx(1 / Logit(better, logits).fit(disp=0).params[0], rel=0.02)
    assert got["slope"].estimate.value == pytest.approx(1 / (got["temperature"].estimate.value or 0.0))
    assert got["slope"].evidence is not None and got["slope"].evidence.finding == "over-confident"


def test_a_judge_that_is_less_right_the_surer_it_is_is_over_confident_by_a_known_slope() -> None:
    rng = np.random.default_rng(0)
    chances = rng.uniform(0.5, 1, 400)
    right = rng.random(400) < 1.2 - chances
    found = audit(Judged([pair(float(c), None, "a" if r else "b") for c, r in zip(chances, right, strict=True)]))
    (finding,) = (one for one in found.findings if one.name == "over-confident")
    assert (finding.statistic.estimate.high or 0.0) < 0
    assert found.statistic("calibration/temperature").estimate.value is None
    assert all(one.statistic.estimate.value is not None for one in found.findings)


def test_a_reliability_diagram_has_a_row_a_bin_where_chances_were_stated() -> None:
    rows = reliability_rows([pair(float(chance), None, "a") for chance in np.linspace(0.5, 1, 100)])
    assert len(rows) == 10 and rows[-1]["accuracy"] == 1 and rows[0]["share"] == 0.1
    assert reliability_rows([pair(1.0, 0.5), pair(0.0, 0.0)] * 20) == []


def test_the_error_of_calibration_is_never_said_to_be_certainly_nothing() -> None:
    rng = np.random.default_rng(0)
    for n in rng.integers(11, 80, 100):
        confidence = rng.uniform(0.5, 1, n)
        right = rng.random(n) < confidence
        of_it = [pair(float(c), None, "a" if r else "b") for c, r in zip(confidence, right, strict=True)]
        got = named(calibration(of_it))
        assert all(0 <= (got[name].estimate.low or 0.0) < (got[name].estimate.high or 0.0) for name in PARTS)
    # As good as it can be: what 500 pairs may hide is a few hundredths.
    exact = [pair(0.6 + b / 25, None, "a" if i < 50 * (0.6 + b / 25) else "b") for b in range(10) for i in range(50)]
    high = named(calibration(exact))["ece"].estimate.high
    assert high is not None and 0.02 < high < 0.15


def test_the_parts_of_a_brier_score_make_it_up() -> None:
    # One confidence a bin, so that nothing is lost within bins; the parts' corrections for small bins cancel out.
    pairs = []
    for chance in np.linspace(0.525, 0.975, 10):
        pairs += [pair(float(chance), None, "a" if i < 30 else "b") for i in range(50)]
    got = named(calibration(pairs))
    value = {name: got[name].estimate.value for name in ("brier", "reliability", "resolution", "uncertainty")}
    assert value["brier"] == pytest.approx(value["reliability"] - value["resolution"] + value["uncertainty"])  # type: ignore[operator]
    assert value["uncertainty"] == pytest.approx(0.24, abs=1e-3)
    assert value["resolution"] == pytest.approx(0, abs=1e-2)


def test_bins_have_equal_mass() -> None:
    confidence = np.random.default_rng(0).beta(8, 1, size=500)
    bins = binned(confidence, np.ones(500))
    assert bins.weights_B.tolist() == [0.1] * 10
    assert (np.diff(bins.confidence_B) > 0).all()


def test_verdicts_without_chances_have_no_calibration() -> None:
    # A tie in one order and a verdict in the other are a mean of 0.75, which nobody stated.
    got = calibration([pair(1.0, 0.0), pair(1.0, 1.0), pair(0.0, 0.0), pair(1.0, 0.5)] * 20)
    assert all(one.estimate == Estimate(None, None, None) and one.evidence is None for one in got)


def test_a_failure_is_told_from_an_abstention() -> None:
    undecided = Unscored.INCONSISTENT
    got = named(failures([pair(0.9, 0.8), pair(FAILED, 0.8), pair(undecided, FAILED), pair(undecided, None)]))
    assert (got["failed"].estimate.value, got["abstained"].estimate.value) == (0.5, 0.25)


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
