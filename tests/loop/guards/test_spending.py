"""One budget of false alarms: split over groups and tests, spent over iterations, and never exceeded."""

import math

import pytest

from loop.guards.spending import at_look, shares


def test_each_group_gets_as_much_and_all_together_get_the_budget() -> None:
    found = shares(0.05, {"a": "quality", "b": "quality", "c": "judge"})
    assert found == {"a": 0.0125, "b": 0.0125, "c": 0.025}
    assert shares(0.05, {}) == {}


def test_a_run_without_an_end_spends_its_share_and_no_more() -> None:
    spent = math.fsum(at_look(0.02, t) for t in range(1, 200_000))
    assert spent < 0.02 and spent == pytest.approx(0.02, rel=1e-4)
    with pytest.raises(ValueError, match="counted from 1"):
        at_look(0.02, 0)
