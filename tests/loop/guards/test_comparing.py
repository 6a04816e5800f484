"""Whose items are compared with whose: streams that settings do without, and policies older than the best."""

import pytest

from loop.guards.comparing import compared
from loop.guards.rules import Paired
from loop.guards.seen import Seen

STREAM = "capability/greedy"
TEST = Paired(name="greedy_fell", stream=STREAM, demanded=False)


def seen(index: int, right: float | None, *steps: str) -> Seen:
    """An iteration that took these steps, and of whose 100 items this share is right; None leaves them out."""
    items = {} if right is None else {STREAM: {f"{n:02}": float(n % 10 < 10 * right) for n in range(100)}}
    rows = {step: f"{index}/{step} s1:{index}" for step in steps}
    return Seen(index, {}, items, rows=rows | ({STREAM: rows["capability"]} if items else {}))


SEED = seen(0, 0.6, "measure", "capability")


@pytest.mark.parametrize("of", ["best", "seed"])
def test_a_stream_that_settings_do_without_is_not_asked_and_one_that_is_missing_falls(of: str) -> None:
    test = TEST.model_copy(update={"of": of})
    without, missing = seen(3, None, "measure"), seen(3, None, "measure", "capability")
    assert compared(test, without, {of: SEED}, [], 0.01, 0.8) is None
    for found in (
        compared(test, missing, {of: SEED}, [], 0.01, 0.8),
        compared(test.model_copy(update={"demanded": True}), without, {of: SEED}, [], 0.01, 0.8),
    ):
        assert found is not None and not found.passed and "0 of 100 items" in found.says


def test_what_was_promoted_before_the_best_is_nothing_to_go_back_to() -> None:
    best, older, newer = (seen(n, right, "capability") for n, right in ((3, 0.7), (2, 0.9), (4, 0.8)))
    found = compared(TEST, seen(5, 0.2, "capability"), {"best": best}, [older, newer], 0.01, 0.8)
    assert found is not None and not found.passed and found.beside["worst"] == 4
