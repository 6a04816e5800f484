"""Guards: a number over its limit halts, and so does a number that is not there."""

import math

import pytest

from loop.config import Guards
from loop.guards import Finding, after_measuring, all_finite, at_least, at_most, before_training
from loop.steps.decide import in_words
from runs.canonical import canonical_json

HEALTHY = {
    "judge/train_unscored_frac": 0.0,
    "signal/pairs": 100.0,
    "judge/unscored_frac": 0.0,
    "policy/kl_to_seed_nats": 1.0,
    "policy/kl_to_previous_nats": 0.5,
}


def test_healthy_numbers_pass_every_guard() -> None:
    found = before_training(Guards(), HEALTHY) + after_measuring(Guards(), HEALTHY)
    assert [finding.guard for finding in found if not finding.passed] == []
    assert len(found) == 5


@pytest.mark.parametrize(
    ("metric", "limit_field", "over"),
    [
        ("judge/train_unscored_frac", "max_unscored_frac", 1e-9),
        ("judge/unscored_frac", "max_unscored_frac", 1e-9),
        ("policy/kl_to_seed_nats", "max_kl_to_seed_nats", 1e-9),
        ("policy/kl_to_previous_nats", "max_kl_to_previous_nats", 1e-9),
        ("signal/pairs", "min_pairs", -1e-9),
    ],
)
def test_a_number_at_its_limit_passes_and_one_beyond_it_halts(metric: str, limit_field: str, over: float) -> None:
    guards = Guards()
    limit = float(getattr(guards, limit_field))

    def failed(value: float | None) -> list[str]:
        metrics = HEALTHY | {metric: value}
        found = before_training(guards, metrics) + after_measuring(guards, metrics)
        return [finding.guard for finding in found if not finding.passed]

    assert failed(limit) == []
    assert failed(limit + over * max(1.0, limit)) == [limit_field]
    assert limit_field in failed(math.nan)
    assert limit_field in failed(None)


def test_a_missing_metric_halts() -> None:
    assert not at_most("g", {}, "judge/unscored_frac", 1.0).passed
    assert not at_least("g", {}, "signal/pairs", 0.0).passed


def test_any_number_that_is_not_finite_is_named() -> None:
    found = all_finite({"a": 1.0, "b": None, "c": math.inf, "d": math.nan})
    assert [finding.metric for finding in found] == ["b", "c", "d"]
    assert not any(finding.passed for finding in found)
    assert canonical_json([finding.evidence() for finding in found])


def test_a_finding_says_value_and_limit_and_its_evidence_is_plain_json() -> None:
    finding = at_most("max_kl_to_seed_nats", {"policy/kl_to_seed_nats": 31.25}, "policy/kl_to_seed_nats", 20.0)
    assert "31.25" in finding.says and "20" in finding.says
    assert at_most("g", {"m": math.nan}, "m", 1.0).evidence()["observed"] == "nan"


def test_a_halt_says_prompt_families_in_one_clause_and_why_there_is_no_verdict() -> None:
    low = "judge/anchor_unscored_frac_low"
    families = [
        Finding("max_unscored_frac", f"{low} (family={name})", seen, 0.2, False, f"family={name}: {low} is {seen}")
        for name, seen in (("count", 0.2065), ("sort", 0.3424))
    ]
    failed = [Finding("max_unscored_frac", low, 0.8064, 0.2, False, f"{low} is 0.8064; at most 0.2"), *families]
    why = {"judge/unscored/low_mass_frac": 0.75, "judge/unscored/no_verdict_frac": 0.25, "judge/unscored_frac": 1.0}
    assert in_words(failed, why) == (
        f"max_unscored_frac: {low} is 0.8064; at most 0.2; "
        f"max_unscored_frac: {low} is 0.2065 to 0.3424 in 2 prompt families (count, sort); the limit is 0.2; "
        "most often there is no verdict because of: low mass (75% of the judgments)"
    )
    assert in_words(families[:1], {}) == f"max_unscored_frac: family=count: {low} is 0.2065"
    assert in_words([], why) == ""
