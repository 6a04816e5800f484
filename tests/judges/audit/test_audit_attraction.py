"""What draws a judge, beside merit: each statistic against a case worked out by hand or the library known for it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import special
from statsmodels.api import Logit
from statsmodels.stats.proportion import confint_proportions_2indep

from judges.audit.attraction import attraction
from judges.audit.firth import firth
from judges.audit.statistic import Statistic
from judges.statistics import Estimate, Label
from tests.judges.audit.by_hand import pair


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
