"""What log-probabilities of answers say."""

import math

import numpy as np
import pytest

from loop.drift.likelihood import entropy_nats, perplexity, rare_token_nll_nats

CHANCES = np.array([0.5, 0.25, 0.125, 0.125])
"""Of four tokens; the last one ends an answer."""


def sampled(count: int, seed: int = 0) -> list[list[float]]:
    """The log-probabilities of answers drawn from CHANCES, token by token."""
    rng = np.random.default_rng(seed)
    words = rng.geometric(CHANCES[3], size=count) - 1  # so many before the end is drawn
    logprobs = np.log(CHANCES)
    drawn = [rng.choice(3, size=n, p=CHANCES[:3] / CHANCES[:3].sum()) for n in words]
    return [[*logprobs[tokens].tolist(), math.log(CHANCES[3])] for tokens in drawn]


def test_entropy_is_the_mean_surprise_of_an_answer_and_of_a_token() -> None:
    answers = sampled(50)
    surprise = -np.concatenate([np.array(one) for one in answers]).sum()
    tokens = sum(map(len, answers))
    assert entropy_nats(answers) == pytest.approx((surprise / 50, surprise / tokens), abs=1e-9)


def test_the_estimate_of_entropy_agrees_with_the_exact_one_within_its_error() -> None:
    exact_a_token = -(CHANCES * np.log(CHANCES)).sum()
    exact_an_answer = exact_a_token / CHANCES[3]  # so many tokens on average, each by itself
    answers = sampled(2000)
    of_answer, of_token = entropy_nats(answers)
    error = np.std([-sum(one) for one in answers]) / len(answers) ** 0.5
    assert of_answer == pytest.approx(exact_an_answer, abs=4 * error)
    assert of_token == pytest.approx(exact_a_token, rel=0.03)


def test_perplexity_is_that_of_all_tokens_together() -> None:
    texts = [[-1.0, -2.0], [-0.5], [-3.0, -0.1, -0.2]]
    assert perplexity(texts) == pytest.approx(np.exp(-np.mean(np.concatenate(texts))), abs=1e-9)


def test_the_tail_is_the_tenth_of_the_tokens_that_the_seed_found_least_likely() -> None:
    rng = np.random.default_rng(1)
    seed, own = -rng.exponential(size=200), -rng.exponential(size=200)
    rare = np.sort(seed)[19]
    expected = -own[seed <= rare].mean()
    cut = [slice(n, n + 8) for n in range(0, 200, 8)]
    found = rare_token_nll_nats([list(own[s]) for s in cut], [list(seed[s]) for s in cut])
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_policy_that_keeps_its_mean_and_loses_its_tail_is_seen_by_the_tail_alone() -> None:
    seed = [[-0.1] * 9 + [-5.0] for _ in range(10)]
    sharpened = [[-0.01] * 9 + [-5.81] for _ in range(10)]
    assert perplexity(sharpened) == pytest.approx(perplexity(seed))
    assert rare_token_nll_nats(sharpened, seed) > rare_token_nll_nats(seed, seed) + 0.8


def test_texts_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="3 tokens read by the policy and 2"):
        rare_token_nll_nats([[-1.0, -1.0, -1.0]], [[-1.0, -1.0]])
