"""Limits: a number beyond one does not pass, and neither does a number that is not there (K1)."""

import math
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from loop.config_guards import Guards
from loop.guards.examine import examine
from loop.guards.finding import Finding
from loop.guards.in_words import in_words
from loop.guards.limits import all_finite, at_least, at_most, within
from loop.guards.rules import Limit
from loop.guards.seen import Seen
from runs.canonical import canonical_json

KL, KL_BEFORE, LENGTH = "policy/kl_to_seed_nats", "policy/kl_to_previous_nats", "policy/length_mean_tokens"
YIELD = "signal/pair_yield_frac"
HEALTHY = {KL: 1.0, KL_BEFORE: 0.5, LENGTH: 10.0, YIELD: 1.0}
SEED = Seen(0, {LENGTH: 10.0})
FIRST = Seen(1, HEALTHY)
OF = {"seed": SEED, "first": FIRST, "previous": FIRST, "best": FIRST}


def asked(metric: str, value: float | None, guards: Guards = Guards()) -> dict[str, Finding]:  # noqa: B008
    now = Seen(2, {name: number for name, number in (HEALTHY | {metric: value}).items() if number is not None})
    return {finding.guard: finding for finding in examine(guards, now, OF, look=2)}


def test_healthy_numbers_pass_every_limit() -> None:
    found = asked(KL, 1.0)
    assert len(found) == 5 and all(finding.passed for finding in found.values())


@pytest.mark.parametrize(
    ("guard", "metric", "limit", "beyond"),
    [
        ("max_kl_to_seed_nats", KL, 20.0, 1e-9),
        ("max_kl_to_previous_nats", KL_BEFORE, 10.0, 1e-9),
        ("max_length_times", LENGTH, 25.0, 1e-9),
        ("min_length_times", LENGTH, 4.0, -1e-9),
        ("min_pair_yield_times", YIELD, 0.3, -1e-9),
    ],
)
def test_a_number_at_its_limit_passes_and_one_beyond_it_or_none_does_not(
    guard: str, metric: str, limit: float, beyond: float
) -> None:
    hard = Guards(brake_at=1)
    assert asked(metric, limit - beyond, hard)[guard].passed
    assert asked(metric, limit, hard)[guard].passed
    for value in (limit + beyond, math.nan, None):
        failed = asked(metric, value, hard)[guard]
        assert not failed.passed and failed.blocks and failed.action == "halt"


@pytest.mark.parametrize(
    ("guard", "metric", "limit", "beyond"),
    [
        ("max_kl_to_seed_nats", KL, 10.0, 1e-9),
        ("max_length_times", LENGTH, 17.5, 1e-9),
        ("min_length_times", LENGTH, 7.0, -1e-9),
        ("min_pair_yield_times", YIELD, 0.65, -1e-9),
    ],
)
def test_on_the_way_to_a_limit_that_halts_it_brakes(guard: str, metric: str, limit: float, beyond: float) -> None:
    assert asked(metric, limit, Guards(brake_at=0.5))[guard].passed
    failed = asked(metric, limit + beyond, Guards(brake_at=0.5))[guard]
    assert not failed.passed and not failed.blocks and failed.action == "brake"
    assert failed.limit == pytest.approx(limit)


def test_what_follows_is_for_the_configuration_to_say() -> None:
    milder = Guards(actions={"max_kl_to_seed_nats": "warn", "max_length_times": "off"})
    assert asked(KL, 15.0, milder)["max_kl_to_seed_nats"].passed  # who only warns does not brake on the way
    assert asked(KL, 21.0, milder)["max_kl_to_seed_nats"].action == "warn"
    assert "max_length_times" not in asked(LENGTH, 99.0, milder)


def limit_of(**given: object) -> Limit:
    return Limit.model_validate({"name": "own", "metric": "m", "group": "judge", **given})


def found(
    limit: Limit, now: Mapping[str, float | None], of: Mapping[str, float | None], index: int = 2
) -> Finding | None:
    return within(limit, Seen(index, now), {"seed": Seen(0, of)}, 1.0)


def test_a_limit_may_be_relative_by_a_difference() -> None:
    limit = limit_of(at_least=-0.08, of="seed", how="plus")
    for value, passes in ((0.625, True), (0.62, True), (0.61, False)):
        one = found(limit, {"m": value}, {"m": 0.7})
        assert one is not None and one.passed == passes and one.limit == pytest.approx(0.62) and one.reference == 0.7


def test_what_nobody_measures_is_not_asked_unless_it_is_demanded_and_what_was_measured_must_be_there() -> None:
    shipped, own = (limit_of(at_most=2, of="seed", demanded=demanded) for demanded in (False, True))
    assert found(shipped, {}, {}) is None
    for limit, now, of in ((own, {}, {}), (own, {"m": 1.0}, {}), (shipped, {}, {"m": 1.0}), (own, {}, {"m": 1.0})):
        one = found(limit, now, of)
        assert one is not None and not one.passed
    assert found(own, {"m": 1.0}, {"m": math.nan}) is not None


def test_an_absolute_limit_asks_for_what_the_seed_had_where_its_step_was_taken() -> None:
    seed = Seen(0, {"m": 0.1}, rows={"m": "0/drift s1:0", "drift": "0/drift s1:0"})
    limit = limit_of(at_most=0.25, demanded=False)
    one = within(limit, Seen(2, {}, rows={"drift": "2/drift s1:1"}), {"seed": seed}, 1.0)
    assert one is not None and not one.passed
    assert within(limit, Seen(2, {}, rows={"train": "2/train s1:2"}), {"seed": seed}, 1.0) is None
    assert within(limit, Seen(2, {}), {"seed": Seen(0, {})}, 1.0) is None
    assert within(limit, Seen(2, {"m": 0.3}), {"seed": Seen(0, {})}, 1.0) is not None


def test_what_a_step_gave_is_not_asked_for_where_settings_do_without_the_step() -> None:
    first = Seen(1, {"m": 1.0}, rows={"m": "1/pair s1:0", "pair": "1/pair s1:0"})
    limit = limit_of(at_least=0.5, of="first", demanded=False)
    for rows, asked in (({"train": "3/train s1:1"}, False), ({"pair": "3/pair s1:2"}, True)):
        assert (within(limit, Seen(3, {}, rows=rows), {"first": first}, 1.0) is not None) == asked


def test_nothing_relative_is_asked_of_the_seed_and_nothing_of_training() -> None:
    assert within(limit_of(at_most=2, of="seed"), Seen(0, {"m": 1.0}), {}, 1.0) is None
    assert within(limit_of(metric="signal/x", at_most=2), Seen(0, {}), {}, 1.0) is None
    typo = within(limit_of(metric="policy/lenght", at_most=2), Seen(0, {}), {}, 1.0)
    assert typo is not None and not typo.passed


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValidationError, match="at_most"):
        limit_of()
    with pytest.raises(ValidationError, match="min_pears"):
        Guards(actions={"min_pears": "warn"})
    with pytest.raises(ValidationError, match="two guards are called min_pairs"):
        Guards(limits=(limit_of(name="min_pairs", at_most=1),))


def test_a_missing_metric_does_not_pass() -> None:
    assert not at_most("g", {}, "judge/unscored_frac", 1.0).passed
    assert not at_least("g", {}, "signal/pairs", 0.0).passed


def test_any_number_that_is_not_finite_is_named() -> None:
    found = all_finite({"a": 1.0, "b": None, "c": math.inf, "d": math.nan})
    assert [finding.metric for finding in found] == ["b", "c", "d"]
    assert not any(finding.passed for finding in found)
    assert canonical_json([finding.evidence() for finding in found])


def test_a_finding_says_value_and_limit_and_its_evidence_is_plain_json() -> None:
    finding = at_most("max_kl_to_seed_nats", {KL: 31.25}, KL, 20.0)
    assert "31.25" in finding.says and "20" in finding.says
    assert at_most("g", {"m": math.nan}, "m", 1.0).evidence()["observed"] == "nan"


def test_a_halt_says_prompt_families_in_one_clause_and_why_there_is_no_verdict() -> None:
    low = "judge/anchor_unscored_frac_low"
    families = [
        Finding(
            "max_unscored_frac", f"{low} (family={name})", seen, 0.2, False, f"family={name}: {low} is {seen}", "judge"
        )
        for name, seen in (("count", 0.2065), ("sort", 0.3424))
    ]
    failed = [
        Finding("max_unscored_frac", low, 0.8064, 0.2, False, f"{low} is 0.8064; at most 0.2", "judge"),
        *families,
    ]
    why = {"judge/unscored/low_mass_frac": 0.75, "judge/unscored/no_verdict_frac": 0.25, "judge/unscored_frac": 1.0}
    assert in_words(failed, why) == (
        f"max_unscored_frac: {low} is 0.8064; at most 0.2; "
        f"max_unscored_frac: {low} is 0.2065 to 0.3424 in 2 prompt families (count, sort); the limit is 0.2; "
        "most often there is no verdict because of: low mass (75% of the judgments)"
    )
    assert in_words(families[:1], {}) == f"max_unscored_frac: family=count: {low} is 0.2065"
    assert in_words([], why) == ""
