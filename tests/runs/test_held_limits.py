"""Which of the limits that guards held metrics against are shown beside them."""

from typing import Any

from runs.held_limits import last_limits, limits
from runs.output import Output

LENGTH = "policy/length_mean_tokens"


def decided(*evidence: dict[str, Any]) -> Output:
    return Output("decide", {}, {"decision": {"evidence": list(evidence)}})


def held(side: str, limit: float | str | None, metric: str = LENGTH) -> dict[str, Any]:
    return {"metric": metric, "side": side, "limit": limit}


def test_both_sides_of_a_metric_are_kept_and_of_several_limits_the_nearest() -> None:
    found = limits(decided(held("at_most", 25.0), held("at_least", 4.0), held("at_most", 20.0), held("at_most", 30.0)))
    assert found == {(LENGTH, "at_most"): 20.0, (LENGTH, "at_least"): 4.0}


def test_what_is_no_limit_on_a_whole_metric_is_left_out() -> None:
    assert limits(decided(held("at_most", "nan"), held("", 3.0), held("at_most", 0.2, "m (family=sort)"))) == {}


def test_after_a_halt_that_a_person_went_past_the_limits_before_it_are_shown() -> None:
    person, before = decided(held("", None, "")), decided(held("at_most", 25.0))
    assert last_limits([person, before, decided(held("at_most", 9.0))]) == {(LENGTH, "at_most"): 25.0}
    assert last_limits([person]) == {}
