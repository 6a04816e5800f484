"""Whose items are compared with whose: streams that settings do without, and policies older than the best."""

from dataclasses import replace

import pytest

from loop.guards.comparing import Levels, compared, is_asked, together
from loop.guards.finding import Action, Finding
from loop.guards.rules import Paired
from loop.guards.seen import Seen

STREAM = "capability/answers"
LEVELS = Levels(alpha=0.01, doubt=0.02)
TEST = Paired(name="answers_fell", stream=STREAM, demanded=False)


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
    demanded = test.model_copy(update={"demanded": True})
    assert not is_asked(test, without, SEED)
    for one, now in ((test, missing), (demanded, without)):
        found = compared(one, now, SEED, [], LEVELS, 0.8)
        assert is_asked(one, now, SEED) and not found.passed and "0 of 100 items" in found.says


def test_what_was_promoted_before_the_best_is_nothing_to_go_back_to() -> None:
    best, older, newer = (seen(n, right, "capability") for n, right in ((3, 0.7), (2, 0.9), (4, 0.8)))
    found = compared(TEST, seen(5, 0.2, "capability"), best, [older, newer], LEVELS, 0.8)
    assert not found.passed and found.beside["worst"] == 4


def family(index: int, **right: float) -> Seen:
    """An iteration with 40 items of each family, of which these shares are right."""
    items = {f"{name}{n:02}": float(n < 40 * share) for name, share in right.items() for n in range(40)}
    tags = {item: item.rstrip("0123456789") for item in items}
    return Seen(index, {}, {STREAM: items}, tags={"family": tags})


def test_a_loss_in_one_family_is_found_though_another_makes_up_for_it() -> None:
    before, now = family(1, sort=0.8, reverse=0.8, refuse=0.2), family(2, sort=0.8, reverse=0.2, refuse=0.9)
    whole = compared(TEST, now, before, [], LEVELS, 0.8)
    found = compared(FAMILIES, now, before, [], LEVELS, 0.8)
    assert whole.passed
    assert not found.passed and found.action == "roll_back"
    assert found.metric == f"{STREAM} (family=reverse)" and "from 0.8 at iteration 1 to 0.2" in found.says


FAMILIES = TEST.model_copy(update={"by": "family", "name": "family_fell"})


def without(one: Seen, family: str, but: int = 0) -> Seen:
    """The iteration without the numbers of a family, but for the first few of it."""
    gone = {item for item in one.items[STREAM] if item.startswith(family) and int(item.removeprefix(family)) >= but}
    return replace(one, items={STREAM: {item: n for item, n in one.items[STREAM].items() if item not in gone}})


@pytest.mark.parametrize(("but", "passes"), [(0, False), (31, False), (32, True)])
def test_a_family_whose_numbers_are_gone_does_not_pass_though_most_of_all_are_there(but: int, passes: bool) -> None:
    before = family(1, **dict.fromkeys(("sort", "reverse", "refuse", "count", "copy", "add"), 0.8))
    found = compared(FAMILIES, without(before, "reverse", but), before, [], LEVELS, 0.8)
    assert found.passed is passes
    assert passes or (found.action == "reject" and f"{but} of 40 items (family=reverse) have a number" in found.says)
    # Nor does it when it has lost its tags, or as many items as leave fewer than are asked by themselves.
    untagged = replace(without(before, "reverse", but), tags={})
    assert compared(FAMILIES, untagged, before, [], LEVELS, 0.8).passed is passes
    assert compared(FAMILIES, without(before, "reverse", 15), without(before, "reverse", 18), [], LEVELS, 0.8).passed


def test_an_older_one_that_lacks_a_family_leaves_it_to_the_others() -> None:
    names = dict.fromkeys(("sort", "refuse", "count", "copy", "add"), 0.8)
    best, now = family(1, reverse=0.8, **names), family(3, reverse=0.2, **names)
    found = compared(FAMILIES, now, best, [without(family(2, reverse=0.8, **names), "reverse")], LEVELS, 0.8)
    assert (found.passed, found.beside["worst"]) == (False, 1) and "family=reverse" in found.metric


def test_families_of_a_few_items_are_asked_by_nobody() -> None:
    few = Seen(
        1, {}, {STREAM: {str(n): 1.0 for n in range(30)}}, tags={"family": {str(n): str(n % 3) for n in range(30)}}
    )
    assert not is_asked(FAMILIES, few, few)
    demanded = FAMILIES.model_copy(update={"demanded": True})
    found = compared(demanded, few, few, [], LEVELS, 0.8)
    assert not found.passed and "no value of their tag family has 16 items" in found.says


@pytest.mark.parametrize(("action", "follows"), [("roll_back", "reject"), ("halt", "reject"), ("warn", "warn")])
def test_doubt_keeps_a_candidate_out_and_undoes_nothing(action: Action, follows: Action) -> None:
    before, now = seen(1, 0.7, "capability"), seen(2, 0.6, "capability")
    test, levels = TEST.model_copy(update={"action": action}), Levels(alpha=1e-4, doubt=0.01)
    found = compared(test, now, before, [], levels, 0.8)
    assert not found.passed and found.action == follows
    assert found.observed is not None and found.limit is not None and found.observed < found.limit
    assert found.beside["p"] < 0.01
    again = compared(test, before, before, [], levels, 0.8)
    assert again.passed and again.beside["p"] >= 0.5


def test_small_losses_of_several_sets_of_items_are_one_that_is_seen() -> None:
    levels = Levels(alpha=1e-4, doubt=0.01)
    streams = ("capability/answers", "held-out/score", "labelled/own_hit")
    tests = [Paired(name=f"test_{n}", stream=stream) for n, stream in enumerate(streams)]

    def asked(right: float, of: list[Paired]) -> list[Finding]:
        before, now = (
            Seen(index, {}, {one.stream: seen(index, share, "capability").items[STREAM] for one in tests})
            for index, share in ((1, 0.7), (2, right))
        )
        return [compared(test, now, before, [], levels, 0.8) for test in of]

    single = asked(0.6, tests)
    all_of_them = together(single, levels, "roll_back")
    assert all_of_them is not None and all_of_them.beside["p"] < min(one.beside["p"] for one in single)
    assert all_of_them.observed is not None and all_of_them.observed > max(one.beside["left_log10_e"] for one in single)
    calm = together(asked(0.7, tests), levels, "roll_back")
    assert calm is not None and calm.passed
    assert together(asked(0.6, tests[:1]), levels, "roll_back") is None
