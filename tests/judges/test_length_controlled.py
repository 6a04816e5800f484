"""Win rates with the effect of length taken out, on judges whose taste is known."""

import numpy as np
import pytest

from judges.length_controlled import Comparison, win_rate


def judged(n: int, model: float, length: float, seed: int) -> list[Comparison]:
    """A judge whose logit is `model` plus `length` times tanh of the standardised difference; answers run shorter."""
    rng = np.random.default_rng(seed)
    own, baseline = rng.integers(100, 2000, n), rng.integers(500, 3000, n)
    differences = own - baseline
    logits = model + length * np.tanh(differences / differences.std(ddof=1))
    wins = rng.random(n) < 1 / (1 + np.exp(-logits))
    return [Comparison(float(win), int(a), int(b)) for win, a, b in zip(wins, own, baseline, strict=True)]


def test_the_rate_at_equal_length_is_what_the_judge_would_give_without_its_taste() -> None:
    inside = 0
    for seed in range(20):
        found = win_rate(judged(2000, model=0.4, length=1.5, seed=seed))
        assert found.controlled is not None
        assert found.raw.value is not None and found.raw.value < 0.5  # it looks worse than the baseline, being short
        low, high = found.controlled.rate.low, found.controlled.rate.high
        assert low is not None and high is not None
        inside += low <= 1 / (1 + np.exp(-0.4)) <= high
    assert inside >= 17  # of 20 intervals of 95 %


def test_a_judge_without_a_taste_for_length_has_a_coefficient_about_nothing() -> None:
    found = win_rate(judged(5000, model=-1.0, length=0.0, seed=1))
    assert found.controlled is not None and found.raw.value is not None
    assert found.controlled.length.value == pytest.approx(0, abs=0.2)
    assert found.controlled.rate.value == pytest.approx(found.raw.value, abs=0.03)


def test_a_judge_that_only_counts_words_gets_a_finite_coefficient_and_an_open_rate() -> None:
    found = win_rate([Comparison(float(own > 500), own, 500) for own in range(100, 1000, 9)])
    assert found.controlled is not None
    assert found.controlled.length.low is not None and found.controlled.length.low > 2
    assert found.controlled.rate.low is not None and found.controlled.rate.high is not None
    assert found.controlled.rate.high - found.controlled.rate.low > 0.3


def test_equal_length_differences_leave_the_rate_open() -> None:
    assert win_rate([Comparison(float(n % 2), 10 + n, 5 + n) for n in range(40)]).controlled is None
    assert win_rate([]).controlled is None
    assert win_rate([]).raw.value is None


@pytest.mark.parametrize("preference", [-0.1, 1.5, float("nan")])
def test_a_preference_that_is_none_is_refused(preference: float) -> None:
    with pytest.raises(ValueError, match=str(preference)):
        win_rate([Comparison(0.5, 1, 2), Comparison(preference, 3, 4)])
