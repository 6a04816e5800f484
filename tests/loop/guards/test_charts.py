"""Control charts against their recursions in NumPy, exact run lengths, and what a training's stream is held to."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from loop.guards.charting import charted
from loop.guards.charts import LAMBDA, Charted, cusum, ewma, standardised
from loop.guards.rules import Chart
from loop.guards.seen import Seen


def test_cusum_is_its_recursion() -> None:
    """The closed form: the sum so far less the lowest that it ever was, or 0."""
    z = np.random.default_rng(3).normal(size=200)
    total = np.concatenate([[0.0], np.cumsum(z - 0.5)])
    up = total - np.minimum.accumulate(total)
    assert cusum(list(z), "up", h=1e9).statistic == pytest.approx(up.max(), abs=1e-9)
    assert cusum(list(-z), "down", h=1e9).statistic == pytest.approx(up.max(), abs=1e-9)
    alarm = int(np.argmax(up[1:] > 2.0))
    assert cusum(list(z), "up", h=2.0).alarm == alarm


def test_ewma_is_a_weighted_mean_by_its_own_spread() -> None:
    z = np.random.default_rng(4).normal(size=60)
    statistics = []
    for t in range(1, 61):
        weights = LAMBDA * (1 - LAMBDA) ** np.arange(t)[::-1]
        statistics.append(abs(weights @ z[:t]) / math.sqrt(float((weights**2).sum())))
    assert ewma(list(z), width=1e9).statistic == pytest.approx(max(statistics), abs=1e-9)


def run_length(k: float, h: float, states: int = 301) -> float:
    """The exact mean number of in-control steps to a one-sided CUSUM's alarm: Brook and Evans, Biometrika 1972."""
    width = 2 * h / (2 * states - 1)
    centres = width * np.arange(states)
    upper = norm.cdf(centres[None, :] + width / 2 - centres[:, None] + k)
    lower = norm.cdf(centres[None, :] - width / 2 - centres[:, None] + k)
    lower[:, 0] = 0.0
    return float(np.linalg.solve(np.eye(states) - (upper - lower), np.ones(states))[0])


def test_the_limits_have_the_run_lengths_that_are_claimed_of_them() -> None:
    assert run_length(0.5, 4.77) == pytest.approx(737, rel=0.01)
    assert run_length(0.5, 5.0) == pytest.approx(931, rel=0.01)


def test_a_shift_of_one_spread_is_found_in_about_ten_steps() -> None:
    z = np.random.default_rng(5).normal(size=(100, 60)) + 1.0
    for chart in (cusum, ewma):
        delays = [chart(list(row), "up").alarm for row in z]
        assert 6 < float(np.mean([60 if delay is None else delay + 1 for delay in delays])) < 13


def test_a_step_without_a_number_never_passes() -> None:
    for chart in (cusum, ewma):
        found = chart([0.0, math.nan, 0.0])
        assert math.isnan(found.statistic) and found.alarm == 1 and not found.passed
    assert cusum([]).passed
    assert not Charted(math.nan, 4.0, None).passed
    with pytest.raises(ValueError, match="spread 0"):
        standardised([1.0], 0.0, 0.0)


def held(values: list[float | None], **chart: object) -> tuple[bool, str]:
    found = charted(
        Chart.model_validate({"name": "own", "stream": "loss", **chart}),
        Seen(1, {}, curve=[{"loss": v} for v in values]),
    )
    assert found is not None
    return found.passed, found.says


def test_a_training_is_held_to_its_own_first_steps_or_to_what_was_calibrated() -> None:
    level: list[float | None] = list(np.random.default_rng(6).normal(1.0, 0.1, size=40))
    jump: list[float | None] = [*level[:30], *([2.0] * 10)]
    assert held(level)[0] and held(level, centre=1.0, spread=0.1)[0]
    assert not held(jump)[0] and not held(jump, centre=1.0, spread=0.1, kind="ewma")[0]
    assert "31 of 40 steps" in held(jump)[1]
    assert held(jump, side="down")[0]
    for unknown in (level[:16], [1.0] * 40, [*level[:20], None, *level[20:]], [*level[:5], math.nan, *level[6:]]):
        assert not held(unknown)[0]


def test_a_training_without_a_curve_does_not_pass_and_no_training_is_not_asked() -> None:
    own = Chart(name="own", stream="loss", centre=1.0, spread=0.1)
    trained = charted(own, Seen(1, {}, rows={"train": "1/train s1:0"}))
    assert trained is not None and not trained.passed and "0 steps" in trained.says
    assert charted(own, Seen(1, {}, rows={"measure": "1/measure s1:0"})) is None
    assert charted(own, Seen(0, {})) is None
