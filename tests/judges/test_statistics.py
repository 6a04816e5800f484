"""The statistics of a judge, each held against the library that is known for it."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.proportion import proportion_confint

from judges.statistics import Estimate, Label, LabelledPair, agreement, mean, mean_difference

NOTHING = Estimate(None, None, None)


def labelled_pairs(n: int, seed: int, noise: float = 1.0) -> list[LabelledPair]:
    """Pairs whose scores follow their labels loosely: whole scores (so that the judge ties) and some missing."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(n):
        label: Label = rng.choice(["a", "b", "tie"], p=[0.45, 0.45, 0.1])
        truth = {"a": 1.0, "b": -1.0, "tie": 0.0}[label]
        score_a = float(np.clip(round(2.5 + truth + noise * rng.normal()), 0, 5))
        score_b = float(np.clip(round(2.5 - truth + noise * rng.normal()), 0, 5))
        pairs.append(LabelledPair(label, None if rng.random() < 0.05 else score_a, score_b))
    return pairs


def test_a_mean_has_the_standard_error_of_scipy() -> None:
    values = np.random.default_rng(0).normal(3, 2, size=50).tolist()
    got = mean(values)
    assert got.n == 50
    assert got.value == pytest.approx(np.mean(values))
    assert got.standard_error == pytest.approx(stats.sem(values))


def test_a_mean_of_one_value_has_no_standard_error_and_of_none_no_value() -> None:
    assert mean([2.0]) == (1, 2.0, None)
    assert mean([]) == (0, None, None)


def test_accuracy_is_over_the_pairs_that_neither_side_ties() -> None:
    scores: list[tuple[Label, float | None, float | None]] = [
        ("a", 4.0, 1.0),
        ("a", 1.0, 4.0),
        ("b", 1.0, 4.0),
        ("b", 3.0, 3.0),
        ("tie", 5.0, 1.0),
        ("a", None, 1.0),
        ("b", 1.0, None),
        ("tie", None, None),
    ]
    got = agreement([LabelledPair(*pair) for pair in scores], seed=0, resamples=10)
    assert (got.n, got.decided_n) == (8, 3)
    assert got.accuracy.value == pytest.approx(2 / 3)
    assert got.unscored_frac == 3 / 8
    assert got.label_tie_frac == 1 / 5
    assert got.judge_tie_frac == 1 / 5


@pytest.mark.parametrize("seed", range(3))
def test_agreement_is_that_of_statsmodels_sklearn_and_scipy(seed: int) -> None:
    pairs = labelled_pairs(120, seed)
    got = agreement(pairs, seed=0, resamples=10)
    signs = {"a": 1, "b": -1, "tie": 0}
    scored = [(signs[p.label], p.score_a - p.score_b) for p in pairs if p.score_a is not None and p.score_b is not None]
    labels, differences = np.array(scored).T
    decided = (labels != 0) & (differences != 0)
    right = int((labels == np.sign(differences))[decided].sum())
    low, high = proportion_confint(right, int(decided.sum()), method="wilson")
    assert got.accuracy == pytest.approx((right / decided.sum(), low, high))
    assert got.kappa.value == pytest.approx(cohen_kappa_score(labels, np.sign(differences)))
    assert got.kendall_tau_b.value == pytest.approx(stats.kendalltau(labels, differences).statistic)
    assert got.spearman.value == pytest.approx(stats.spearmanr(labels, differences).statistic)


def test_agreement_needs_no_table_of_all_pairs() -> None:
    n = 5_000
    rng = np.random.default_rng(0)
    pairs = [LabelledPair("a" if rng.random() < 0.5 else "b", float(rng.normal()), 0.0) for _ in range(n)]
    tracemalloc.start()
    got = agreement(pairs, seed=0, resamples=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * n
    labels, differences = [p.label == "a" for p in pairs], [p.score_a for p in pairs]
    assert got.kendall_tau_b.value == pytest.approx(stats.kendalltau(labels, differences).statistic, abs=1e-9)
    assert got.spearman.value == pytest.approx(stats.spearmanr(labels, differences).statistic, abs=1e-9)


def test_a_perfect_judge_agrees_wholly_and_an_inverted_one_not_at_all() -> None:
    pairs = [LabelledPair("a", 5.0, 1.0), LabelledPair("b", 1.0, 5.0)] * 20
    perfect = agreement(pairs, seed=0, resamples=50)
    assert (perfect.accuracy.value, perfect.kappa.value, perfect.spearman.value) == (1, 1, 1)
    assert perfect.accuracy.high == pytest.approx(1)
    inverted = agreement([LabelledPair(p.label, p.score_b, p.score_a) for p in pairs], seed=0, resamples=50)
    assert (inverted.accuracy.value, inverted.kappa.value, inverted.kendall_tau_b.value) == (0, -1, -1)


def test_what_cannot_be_had_is_none_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = agreement([], seed=0)
        silent = agreement([LabelledPair("a", None, None)] * 3, seed=0)
        constant = agreement([LabelledPair("a", 2.0, 1.0)] * 5, seed=0, resamples=10)
        always_tied = agreement([LabelledPair("a", 2.0, 2.0), LabelledPair("b", 2.0, 2.0)], seed=0, resamples=10)
    assert (empty.unscored_frac, empty.accuracy, empty.kappa) == (None, NOTHING, NOTHING)
    assert (silent.unscored_frac, silent.judge_tie_frac, silent.accuracy) == (1.0, None, NOTHING)
    assert (constant.kappa, constant.kendall_tau_b, constant.spearman) == (NOTHING, NOTHING, NOTHING)
    assert (always_tied.judge_tie_frac, always_tied.accuracy, always_tied.spearman) == (1.0, NOTHING, NOTHING)
    assert always_tied.kappa.value == 0


def test_pairs_that_are_few_or_all_alike_have_no_interval() -> None:
    right, wrong = LabelledPair("a", 2.0, 1.0), LabelledPair("b", 2.0, 1.0)
    other = LabelledPair("b", 1.0, 2.0)
    alike, few, enough = ([right, other] * 20, [right, other, wrong] * 3, [right, other, wrong] * 4)
    for pairs in (alike, few):
        got = agreement(pairs, seed=0)
        assert all(one.value is not None for one in (got.kappa, got.kendall_tau_b, got.spearman))
        assert {(one.low, one.high) for one in (got.kappa, got.kendall_tau_b, got.spearman)} == {(None, None)}
    assert agreement(alike, seed=0).accuracy.low == pytest.approx(0.912, abs=0.001)  # Wilson's holds at the end
    got = agreement(enough, seed=0)
    assert all((one.low or 0.0) < (one.high or 0.0) for one in (got.kappa, got.kendall_tau_b, got.spearman))


def test_the_same_seed_gives_the_same_interval() -> None:
    pairs = labelled_pairs(60, seed=1)
    assert agreement(pairs, seed=7, resamples=50) == agreement(pairs, seed=7, resamples=50)
    assert agreement(pairs, seed=7, resamples=50).kappa != agreement(pairs, seed=8, resamples=50).kappa


def test_the_bootstrap_of_a_difference_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=200)
    after = before + rng.normal(0.3, 1, size=200)
    got = mean_difference(before.tolist(), after.tolist(), seed=0)
    reference = stats.bootstrap((after - before,), np.mean, n_resamples=5000, method="percentile", rng=rng)
    assert got.value == pytest.approx(float(np.mean(after - before)))
    assert (got.low, got.high) == pytest.approx(tuple(reference.confidence_interval), abs=0.02)


def test_the_bootstrap_interval_of_a_difference_covers_the_truth_at_its_rate() -> None:
    # With n = 100 and 200 resamples the percentile bootstrap covers 93.5 % (6,000 trials; Student's t there: 94.8 %),
    # so of 500 trials 467, give or take four standard deviations of 5.5.
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(500):
        before = rng.normal(size=100)
        got = mean_difference(before.tolist(), (before + rng.normal(0.5, 1, size=100)).tolist(), seed, resamples=200)
        assert got.low is not None and got.high is not None
        covered += got.low <= 0.5 <= got.high
    assert 445 <= covered <= 489


def test_the_intervals_of_an_agreement_are_those_of_drawing_pairs_one_by_one() -> None:
    pairs = [p for p in labelled_pairs(80, seed=3) if p.score_a is not None]
    signs = {"a": 1, "b": -1, "tie": 0}
    labels = np.array([signs[p.label] for p in pairs])
    differences = np.array([(p.score_a or 0) - (p.score_b or 0) for p in pairs])
    n = len(pairs)
    draws = []
    for times_drawn in np.random.default_rng(7).multinomial(n, np.full(n, 1 / n), size=100):
        x, y = np.repeat(labels, times_drawn), np.repeat(differences, times_drawn)
        kappa = cohen_kappa_score(x, np.sign(y))
        draws.append((kappa, stats.kendalltau(x, y).statistic, stats.spearmanr(x, y).statistic))
    lows, highs = np.quantile(draws, [0.025, 0.975], axis=0)
    got = agreement(pairs, seed=7, resamples=100)
    for estimate, low, high in zip((got.kappa, got.kendall_tau_b, got.spearman), lows, highs, strict=True):
        assert (estimate.low, estimate.high) == pytest.approx((low, high))


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 values are not finite, the first is nan"):
        mean([1.0, math.nan])
    with pytest.raises(ValueError, match="not finite"):
        agreement([LabelledPair("a", math.inf, 1.0)], seed=0)
    with pytest.raises(ValueError, match="not finite"):
        mean_difference([1.0], [math.inf], seed=0)


def test_a_difference_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        mean_difference([1.0], [1.0, 2.0], seed=0)
