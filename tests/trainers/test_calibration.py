"""The temperature of a preference model, on pairs whose true probabilities are known."""

import numpy as np
import pytest
from scipy.special import expit

from trainers.calibration import LEAST, MOST, Floats, agreement, fitted_scale


def pairs(n: int, factor: float) -> tuple[Floats, Floats, Floats]:
    """Gaps whose labels were drawn with the probability sigma(factor * gap)."""
    rng = np.random.default_rng(0)
    gaps = rng.normal(0, 2, n)
    return gaps, (rng.random(n) < expit(factor * gaps)).astype(float), np.ones(n)


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_the_factor_that_the_labels_were_drawn_with_is_found(factor: float) -> None:
    gaps, labels, weights = pairs(20_000, factor)
    assert fitted_scale(gaps, labels, weights) == pytest.approx(factor, rel=0.06)


def test_probabilities_for_labels_give_the_same_factor_as_labels_drawn_with_them_and_so_do_swapped_pairs() -> None:
    gaps, _, weights = pairs(500, 1)
    assert fitted_scale(gaps, expit(0.5 * gaps), weights) == pytest.approx(0.5, rel=0.02)
    assert fitted_scale(-gaps, expit(-0.5 * gaps), weights) == pytest.approx(0.5, rel=0.02)


def test_no_scale_makes_a_likelier_one() -> None:
    gaps, labels, weights = pairs(400, 0.5)
    weights = np.random.default_rng(1).random(400)
    shrunk = (labels * weights.sum() + 1) / (weights.sum() + 2)
    found = fitted_scale(gaps, labels, weights)
    losses = [agreement(found * near * gaps, shrunk, weights)["loss"] for near in (0.97, 1, 1.03)]
    assert losses[1] == min(losses)


def test_pairs_all_in_the_right_order_give_a_finite_factor_and_all_in_the_wrong_one_the_least() -> None:
    gaps, ones = np.array([0.1, 0.3, 0.2]), np.ones(3)
    assert 1 < fitted_scale(gaps, ones, ones) < MOST
    assert fitted_scale(-gaps, ones, ones) == LEAST
    assert fitted_scale(0 * gaps, ones, ones) == LEAST


def test_agreement_on_pairs_worked_by_hand() -> None:
    gaps, labels = np.log([4.0, 1 / 4, 4.0, 1.0]), np.array([1.0, 1.0, 0.0, 1.0])  # 0.8, 0.2, 0.8 and a half
    found = agreement(gaps, labels, np.ones(4))
    assert found["accuracy"] == pytest.approx((1 + 0 + 0 + 0.5) / 4)
    assert found["brier"] == pytest.approx((0.04 + 0.64 + 0.64 + 0.25) / 4)
    assert found["loss"] == pytest.approx(-np.log([0.8, 0.2, 0.2, 0.5]).mean())
    assert found["ece"] == pytest.approx((0.2 + 0.8 + 0.8 + 0.5) / 4)  # a bin holds one pair


def test_undecided_labels_and_pairs_of_no_weight_say_nothing_of_accuracy() -> None:
    gaps, labels = np.array([1.0, 1.0, -3.0]), np.array([1.0, 0.5, 1.0])
    assert agreement(gaps, labels, np.array([1.0, 1.0, 0.0]))["accuracy"] == 1


def test_a_calibrated_model_has_hardly_any_calibration_error_and_an_overconfident_one_has() -> None:
    gaps, labels, weights = pairs(20_000, 1)
    assert agreement(gaps, labels, weights)["ece"] < 0.015
    assert agreement(4 * gaps, labels, weights)["ece"] > 0.1
