"""How sure a judge is against how right it is, held against sklearn and cases worked out by hand."""

import numpy as np
import pytest
from scipy import special
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss
from statsmodels.api import Logit

from judges.audit.calibration import binned, calibration, reliability_rows
from judges.audit.findings import Judged, audit
from judges.statistics import Estimate
from tests.judges.audit.by_hand import named, pair

PARTS = ("reliability", "ece")


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
