"""Whether two policies' answers come from one distribution."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from loop.drift.discrepancy import discrepancy, paired_mmd


def kernel(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    return rbf_kernel(np.concatenate([own, other]), gamma=0.5)


def by_definition(k: np.ndarray) -> float:
    """The unbiased MMD squared as its definition has it, term by term."""
    n = len(k) // 2
    return sum(k[i, j] + k[n + i, n + j] - k[i, n + j] - k[n + i, j] for i in range(n) for j in range(n) if i != j) / (
        n * (n - 1)
    )


def test_mmd_agrees_with_its_definition_on_the_kernel_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    own, other = rng.normal(size=(12, 3)), rng.normal(0.7, size=(12, 3))
    assert paired_mmd(kernel(own, other), 0).mmd2 == pytest.approx(by_definition(kernel(own, other)), abs=1e-9)


def test_the_p_value_agrees_with_that_of_all_swaps_within_its_monte_carlo_error() -> None:
    rng = np.random.default_rng(3)
    own, other = rng.normal(size=(7, 2)), rng.normal(0.4, size=(7, 2))
    seen, reached = by_definition(kernel(own, other)), 0
    for swaps in product((False, True), repeat=7):
        mask = np.array(swaps)[:, None]
        reached += by_definition(kernel(np.where(mask, other, own), np.where(mask, own, other))) >= seen - 1e-12
    exact = reached / 2**7
    found = paired_mmd(kernel(own, other), 0, permutations=20_000).p_value
    assert 0.02 < exact < 0.5
    assert found == pytest.approx(exact, abs=4 * (exact * (1 - exact) / 20_000) ** 0.5)


def test_of_equal_policies_as_many_are_told_apart_as_the_level_allows() -> None:
    rng = np.random.default_rng(5)
    p_values = [paired_mmd(kernel(*rng.normal(size=(2, 20, 2))), n, 99).p_value for n in range(300)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p_values) <= level) <= level + 3 * (level * (1 - level) / 300) ** 0.5


def test_a_policy_that_says_the_same_as_the_seed_is_at_no_distance() -> None:
    said = ["the cat is red", "7 12 40", "sorry, i will not"]
    assert discrepancy(said, said, 0) == pytest.approx((0.0, 1.0), abs=1e-12)


def test_a_policy_that_evades_whatever_is_asked_is_far_from_the_seed() -> None:
    seed = [f"the answer is {n} because {n} comes after {n - 1}" for n in range(40)]
    collapsed = discrepancy(["it depends, i am not sure"] * 40, seed, 0)
    other_numbers = discrepancy([f"the answer is {n} because {n} comes after {n - 1}" for n in range(40, 80)], seed, 0)
    assert collapsed.p_value == 0.001 and collapsed.mmd2 > 10 * max(other_numbers.mmd2, 0.01)


def test_a_seed_policy_that_says_one_thing_gives_the_kernel_a_width_all_the_same() -> None:
    assert discrepancy(["cat", "dog", "bird"], ["no", "no", "no"], 0).mmd2 > 0
