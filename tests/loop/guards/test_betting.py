"""The e-process is what its formula says, promises what it keeps, and sees what is there to be seen."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp

from loop.guards import betting
from loop.guards.betting import STAKES, log_capital, paired


def test_the_capital_is_the_mean_of_what_each_stake_made() -> None:
    values = np.array([0.1, 0.9, 0.4, 0.0, 1.0, 0.5])
    by_hand = [math.prod(1 + stake / 0.7 * (0.3 - x) for x in values) for stake in STAKES]
    at_least = log_capital(values, 0.3, "at least")
    assert at_least[-1] == pytest.approx(math.log(math.fsum(by_hand) / len(by_hand)), abs=1e-9)
    # "At most m" of x is "at least 1 - m" of 1 - x.
    assert np.allclose(log_capital(1 - values, 0.7, "at most"), at_least, atol=1e-12)


def test_the_logarithms_agree_with_scipy_where_the_capital_is_beyond_any_float() -> None:
    values = np.zeros(3000)
    largest = np.array(STAKES) * 2
    wanted = logsumexp(3000 * np.log1p(largest * 0.5)) - math.log(len(STAKES))
    assert log_capital(values, 0.5, "at least")[-1] == pytest.approx(wanted, rel=1e-12)
    assert paired(np.ones((1, 3000)), np.zeros(3000)).loss_log10_e == pytest.approx(wanted / math.log(10), rel=1e-12)


@pytest.mark.parametrize("bound", [0.5, 0.45, 0.1])
@pytest.mark.parametrize("spread", ["two points", "thirds", "uniform"])
def test_under_its_null_it_rejects_no_more_often_than_it_promises(bound: float, spread: str) -> None:
    """`benchmarks/sequential.py` does the same with 10,000 and more kinds."""
    rng, shape = np.random.default_rng(1), (1000, 80)
    draws = {
        "two points": (rng.random(shape) < bound).astype(float),
        "thirds": bound + min(bound, 1 - bound) * (rng.integers(0, 3, shape) - 1),
        "uniform": bound + min(bound, 1 - bound) * (2 * rng.random(shape) - 1),
    }
    reached = log_capital(draws[spread], bound, "at least").max(axis=1)
    for alpha in (0.1, 0.02):
        rejected = float((reached >= math.log(1 / alpha)).mean())
        assert rejected <= alpha + 3 * math.sqrt(alpha / len(reached))


def test_a_large_loss_is_found_and_a_margin_is_granted() -> None:
    rng = np.random.default_rng(0)
    before = (rng.random(500) < 0.7).astype(float)
    worse = np.where(rng.random(500) < 0.2, 0.0, before)
    found = paired(before[None], worse)
    assert found.n == 500 and found.before[0] > found.after
    assert found.loss_log10_e > 4 > 1 > found.gain_log10_e
    assert paired(worse[None], before).gain_log10_e == pytest.approx(found.loss_log10_e)
    assert paired(before[None], worse, margin=0.15).loss_log10_e < 1
    nothing = paired(before[None], before)
    assert nothing.loss_log10_e == nothing.gain_log10_e == pytest.approx(0.0, abs=1e-12)


def test_evidence_against_several_is_the_mean_of_that_against_each() -> None:
    rng = np.random.default_rng(2)
    before = (rng.random((3, 400)) < np.array([[0.5], [0.8], [0.6]])).astype(float)
    after = (rng.random(400) < 0.5).astype(float)
    alone = [log_capital((1 + after - one) / 2, 0.5, "at least") for one in before]
    found = paired(before, after)
    assert found.loss_log10_e == pytest.approx((logsumexp(alone, axis=0) - math.log(3)).max() / math.log(10), abs=1e-9)
    assert found.losses_log10_e[1] == max(found.losses_log10_e) > found.loss_log10_e > 3
    assert found.gain_log10_e == pytest.approx(paired(before[:1], after).gain_log10_e)


def test_numbers_that_cannot_be_bet_on_are_refused() -> None:
    for values in ([0.5, 1.1], [-0.1], [math.nan]):
        with pytest.raises(ValueError, match="0 to 1"):
            log_capital(np.array(values), 0.5, "at least")
    with pytest.raises(ValueError, match="bound"):
        log_capital(np.array([0.5]), 1.0, "at least")
    with pytest.raises(ValueError, match="shapes"):
        paired(np.array([[0.5]]), np.array([0.5, 0.5]))
    assert betting.nulls(0.1) == ((0.45, "at least"), (0.5, "at most"))
