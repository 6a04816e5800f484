"""Weights from ranked answers: the minimum of a convex loss, what it orders rightly, and how sure that is."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from judges.rule_weights import (
    ROUNDING,
    RankedAnswer,
    RankedPair,
    best_single,
    fit,
    improvement,
    ordering,
    ranked_pairs,
)
from judges.statistics import share_of_pairs

NAMES = ("x", "y", "z")


def drawn_pairs(seed: int, n: int = 60, noise: float = 0.3, base: float = 0.0) -> list[RankedPair]:
    """Prompts of two answers; 2 x - y is better, loosely, and z says nothing."""
    rng = np.random.default_rng(seed)
    groups = []
    for prompt in range(n):
        features_2_3 = rng.random((2, 3))
        ranks_2 = 2 * features_2_3[:, 0] - features_2_3[:, 1] + noise * rng.normal(size=2)
        groups.append(
            [
                RankedAnswer(
                    str(prompt),
                    float(rank),
                    dict(zip(NAMES, map(float, features_3), strict=True)),
                    base * float(rng.normal()),
                )
                for rank, features_3 in zip(ranks_2, features_2_3, strict=True)
            ]
        )
    return ranked_pairs(groups)


def loss(pairs: list[RankedPair], weights: dict[str, float], margin: float, ridge: float) -> float:
    """As the paper writes it, with the ridge."""
    short = [margin - total(pair.better, weights) + total(pair.worse, weights) for pair in pairs]
    return float(np.mean(np.maximum(short, 0))) + ridge * sum(w * w for w in weights.values()) / 2


def total(answer: RankedAnswer, weights: dict[str, float]) -> float:
    return answer.base + sum(weight * answer.features[name] for name, weight in weights.items())


def test_pairs_are_of_one_group_and_differ_in_rank() -> None:
    a, b, c = (RankedAnswer("p", rank, {}) for rank in (1.0, 3.0, 1.0))
    other = RankedAnswer("q", 2.0, {})
    assert ranked_pairs([[a, b, c], [other]]) == [RankedPair(b, a), RankedPair(b, c)]


@pytest.mark.parametrize("margin", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("base", [0.0, 1.0])
def test_no_other_weights_lose_less(margin: float, base: float) -> None:
    pairs = drawn_pairs(seed=1, base=base)
    weights = fit(pairs, NAMES, margin, ridge=0.01)
    least = loss(pairs, weights, margin, 0.01)
    rng = np.random.default_rng(0)
    for scale in (1e-2, 0.1, 1.0, 10.0):
        for step in rng.normal(scale=scale, size=(200, 3)):
            other = {name: weights[name] + moved for name, moved in zip(NAMES, step, strict=True)}
            # The rounded corner loses at most half its width less than the hinge itself.
            assert loss(pairs, other, margin, 0.01) > least - ROUNDING * margin / 2


def test_almost_without_a_ridge_the_loss_is_the_least_that_linear_programming_finds() -> None:
    pairs = drawn_pairs(seed=2, base=0.5)
    weights = fit(pairs, NAMES, ridge=1e-6)
    # Variables: three weights, and for each pair how much it falls short.
    gains = np.array([[pair.better.features[name] - pair.worse.features[name] for name in NAMES] for pair in pairs])
    bases = np.array([pair.better.base - pair.worse.base for pair in pairs])
    n = len(pairs)
    exact = linprog(
        np.concatenate([np.zeros(3), np.full(n, 1 / n)]),
        A_ub=np.hstack([-gains, -np.eye(n)]),
        b_ub=bases - 1,
        bounds=[(None, None)] * 3 + [(0, None)] * n,
    )
    assert exact.fun - 1e-9 <= loss(pairs, weights, 1.0, 0.0) <= exact.fun + ROUNDING / 2 + 1e-3


def test_weights_follow_what_makes_answers_better() -> None:
    weights = fit(drawn_pairs(seed=3, n=400), NAMES)
    assert weights["x"] > 0 > weights["y"]
    assert weights["x"] > 1.5 * abs(weights["y"])
    assert abs(weights["z"]) < 0.1 * weights["x"]


def test_a_fit_is_a_function_of_the_pairs_and_not_of_their_order() -> None:
    pairs = drawn_pairs(seed=4)
    assert fit(pairs, NAMES) == fit(pairs, NAMES)
    assert fit(pairs[::-1], NAMES) == pytest.approx(fit(pairs, NAMES), abs=1e-4)


def test_a_feature_that_never_differs_gets_no_weight() -> None:
    pairs = [RankedPair(RankedAnswer("p", 1, {"a": 1.0, "b": 0.5}), RankedAnswer("p", 0, {"a": 0.0, "b": 0.5}))]
    assert fit(pairs, ["a", "b"])["b"] == 0


def test_a_base_reward_that_already_parts_the_pairs_by_the_margin_leaves_nothing_to_fit() -> None:
    pairs = [
        RankedPair(
            RankedAnswer(str(n), 1, {"a": float(n % 2)}, base=5.0), RankedAnswer(str(n), 0, {"a": 0.5}, base=0.0)
        )
        for n in range(4)
    ]
    assert fit(pairs, ["a"]) == {"a": 0.0}


@given(st.integers(0, 1000), st.floats(0.1, 10))
@settings(max_examples=20)
def test_an_order_stays_the_same_when_all_weights_grow_together(seed: int, factor: float) -> None:
    pairs = drawn_pairs(seed, n=10)
    weights = {"x": 1.0, "y": -0.7}
    grown = {name: factor * weight for name, weight in weights.items()}
    assert ordering(pairs, grown, 0).right.value == ordering(pairs, weights, 0).right.value
    turned = {name: -weight for name, weight in weights.items()}
    right, wrong = ordering(pairs, weights, 0).right.value, ordering(pairs, turned, 0).right.value
    assert right is not None and wrong is not None and right + wrong == pytest.approx(1)


def test_an_ordering_counts_ties_half_and_what_the_rules_turn_round() -> None:
    def pair(prompt: str, base: float, gain: float) -> RankedPair:
        return RankedPair(RankedAnswer(prompt, 1, {"g": gain}, base), RankedAnswer(prompt, 0, {"g": 0.0}))

    # Right and kept; right and turned wrong; wrong and turned right; a tie that is settled; wrong and tied.
    pairs = [pair("a", 1, 1), pair("b", 1, -2), pair("c", -1, 2), pair("d", 0, 1), pair("e", -1, 1)]
    got = ordering(pairs, {"g": 1.0}, seed=0)
    assert got.n == 5
    assert got.right.value == pytest.approx((1 + 0 + 1 + 1 + 0.5) / 5)
    assert got.tied_frac == pytest.approx(1 / 5)
    assert got.base_right.value == pytest.approx((1 + 1 + 0 + 0.5 + 0) / 5)
    assert got.flipped.value == pytest.approx(2 / 4)
    assert improvement(pairs, {"g": 1.0}, {}, seed=0).value == pytest.approx((3.5 - 2.5) / 5)


def test_sums_that_only_rounding_tells_apart_are_tied() -> None:
    better = RankedAnswer("p", 1, {"a": 0.1, "b": 0.2, "c": 0.0})
    worse = RankedAnswer("p", 0, {"a": 0.0, "b": 0.0, "c": 0.3})
    assert ordering([RankedPair(better, worse)], dict.fromkeys("abc", 1.0), seed=0).right.value == 0.5


def test_no_pairs_have_no_order() -> None:
    got = ordering([], {"g": 1.0}, seed=0)
    assert (got.n, got.right.value, got.tied_frac, got.flipped.value) == (0, None, None, None)


def test_the_best_single_feature_may_be_one_that_makes_answers_worse() -> None:
    pairs = drawn_pairs(seed=5, n=200)
    assert best_single(pairs, NAMES) == {"x": 1.0}
    assert best_single(pairs, ["y", "z"]) == {"y": -1.0}
    own, fitted = ordering(pairs, best_single(pairs, NAMES), 0), ordering(pairs, fit(pairs, NAMES), 0)
    assert own.right.value is not None and fitted.right.value is not None
    assert own.right.value < fitted.right.value


@pytest.mark.parametrize(
    "arguments",
    [([], NAMES, 1.0, 0.1), ("pairs", [], 1.0, 0.1), ("pairs", NAMES, 0.0, 0.1), ("pairs", NAMES, 1.0, 0.0)],
)
def test_a_fit_without_pairs_features_margin_or_ridge_is_refused(arguments: tuple[object, ...]) -> None:
    pairs, *others = arguments
    with pytest.raises(ValueError, match="nothing to fit"):
        fit(drawn_pairs(0) if pairs == "pairs" else [], *others)  # type: ignore[arg-type]


def test_a_share_of_pairs_within_prompts_has_the_interval_of_a_bootstrap_over_prompts() -> None:
    rng = np.random.default_rng(0)
    prompts = [str(n) for n in range(40) for _ in range(3)]
    counts = np.repeat(rng.random(40) < 0.7, 3).astype(float)
    got = share_of_pairs(counts, [(prompt, prompt) for prompt in prompts], seed=1)
    draws = rng.choice(counts[::3], size=(20_000, 40)).mean(axis=1)
    assert got.value == pytest.approx(counts.mean())
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.03)


def test_the_interval_over_pairs_of_shared_answers_covers_the_truth_at_its_rate() -> None:
    # Right where the better of two normals scores higher: the truth is Phi(1). Intervals over pairs cover about 40 %.
    truth, covered = 0.5 * (1 + math.erf(1 / math.sqrt(2))), 0
    rng = np.random.default_rng(0)
    for seed in range(200):
        good, bad = rng.normal(math.sqrt(2), 1, size=30), rng.normal(0, 1, size=30)
        counts = (good[:, None] > bad).astype(float).ravel()
        got = share_of_pairs(counts, [(f"g{i}", f"b{j}") for i in range(30) for j in range(30)], seed, resamples=200)
        assert got.low is not None and got.high is not None
        covered += got.low <= truth <= got.high
    assert 178 <= covered <= 200


def test_counts_and_pairs_must_be_of_one_length() -> None:
    with pytest.raises(ValueError, match="1 counts for 2 pairs"):
        share_of_pairs(np.ones(1), [("a", "b")] * 2, seed=0)
