"""Which principles a model is shown: those that hold, drawn fairly, in the order that the constitution says."""

from collections import Counter
from itertools import combinations, permutations
from typing import Any

import pytest

from constitutions.load import Constitution
from constitutions.shown import shown, wording


def constitution(*principles: dict[str, Any], **settings: Any) -> Constitution:
    worded = [{"text": f"Be {p['id']}.", **p} for p in principles]
    return Constitution.model_validate(
        {"name": "test", "scale": {"low": 0, "high": 5}, "questions": {}, "principles": worded, **settings}
    )


FOUR = [{"id": name} for name in ("kind", "brief", "right", "calm")]


def ids(*arguments: Any, **named: Any) -> list[str]:
    return [principle.id for principle in shown(*arguments, **named)]


def test_a_principle_holds_for_prompts_of_any_class_of_its_scope_and_without_scope_for_all() -> None:
    scoped = constitution({"id": "all"}, {"id": "some", "scope": ["family=private", "family=mean", "harm=obvious"]})
    assert ids(scoped, {}, "comparison", 0) == ["all"]
    assert ids(scoped, {"family": "sort"}, "comparison", 0) == ["all"]
    assert ids(scoped, {"kind": "private"}, "comparison", 0) == ["all"]
    assert ids(scoped, {"family": "mean"}, "comparison", 0) == ["all", "some"]
    assert ids(scoped, {"family": "sort", "harm": "obvious"}, "comparison", 0) == ["all", "some"]


def test_a_principle_is_shown_for_what_it_is_used_for() -> None:
    used = constitution({"id": "both"}, {"id": "one", "use": ["critique"]}, {"id": "other", "use": ["comparison"]})
    assert ids(used, {}, "critique", 0) == ["both", "one"]
    assert ids(used, {}, "comparison", 0) == ["both", "other"]


@pytest.mark.parametrize("count", [None, 4, 9])
def test_all_are_shown_in_the_order_of_precedence_where_they_are_listed(count: int | None) -> None:
    for seed in range(20):
        assert ids(constitution(*FOUR), {}, "comparison", seed, count) == ["kind", "brief", "right", "calm"]


def test_those_that_are_drawn_stay_in_the_order_of_precedence_where_they_are_listed() -> None:
    pairs = set(combinations(("kind", "brief", "right", "calm"), 2))
    assert {tuple(ids(constitution(*FOUR), {}, "comparison", seed, 2)) for seed in range(100)} == pairs


def test_each_is_drawn_as_often_as_the_others_whatever_it_weighs() -> None:
    weighed = constitution({"id": "kind", "weight": 100}, *FOUR[1:])
    drawn = Counter(shown(weighed, {}, "comparison", seed, 1)[0].id for seed in range(4000))
    assert sum((n - 1000) ** 2 / 1000 for n in drawn.values()) < 16.3  # chi-square of 3 degrees, p = 0.001
    assert len(drawn) == 4


def test_where_they_are_shuffled_every_order_comes_as_often_as_the_others() -> None:
    shuffled = constitution(*FOUR[:3], order="shuffled")
    orders = Counter(tuple(ids(shuffled, {}, "comparison", seed)) for seed in range(3000))
    assert set(orders) == set(permutations(("kind", "brief", "right")))
    assert sum((n - 500) ** 2 / 500 for n in orders.values()) < 20.5  # chi-square of 5 degrees, p = 0.001


def test_the_seed_alone_decides() -> None:
    shuffled = constitution(*FOUR, order="shuffled")
    drawn = [ids(shuffled, {}, "comparison", seed, 3) for seed in range(30)]
    assert drawn == [ids(shuffled, {}, "comparison", seed, 3) for seed in range(30)]
    assert len({tuple(one) for one in drawn}) > 5


def test_leaving_a_principle_out_changes_no_draw_in_which_it_was_not_shown() -> None:
    whole, without = constitution(*FOUR, order="shuffled"), constitution(*FOUR[1:], order="shuffled")
    draws = [(ids(whole, {}, "comparison", s, 2), ids(without, {}, "comparison", s, 2)) for s in range(100)]
    same = [before == after for before, after in draws if "kind" not in before]
    assert len(same) > 20 and all(same)


@pytest.mark.parametrize("count", [0, -1])
def test_to_draw_none_is_an_error(count: int) -> None:
    with pytest.raises(ValueError, match=f"count={count}"):
        shown(constitution(*FOUR), {}, "comparison", 0, count)


def test_one_principle_is_worded_as_it_is_and_several_are_numbered() -> None:
    four = constitution(*FOUR)
    assert wording(four, four.principles[:1]) == "Be kind."
    assert wording(four, four.principles[1:3]) == "1. Be brief.\n2. Be right."


def test_a_principle_is_worded_for_critiques_and_revisions_in_its_own_words_where_it_has_them() -> None:
    own = constitution({"id": "kind", "critique": "Where is it unkind?"}, {"id": "brief", "revision": "Cut it."})
    kind, brief = ([principle] for principle in own.principles)
    assert [wording(own, kind, role) for role in ("comparison", "critique", "revision")] == [
        "Be kind.",
        "Where is it unkind?",
        "Be kind.",
    ]
    assert [wording(own, brief, role) for role in ("comparison", "critique", "revision")] == [
        "Be brief.",
        "Be brief.",
        "Cut it.",
    ]


def test_reasons_and_examples_are_shown_only_where_the_constitution_explains_itself() -> None:
    explained = {"id": "kind", "reasons": "It costs nothing.", "examples": {"follows": ["Welcome."], "breaks": ["So?"]}}
    said = {
        explain: wording(one, one.principles)
        for explain in ((), ("reasons",), ("examples",), ("examples", "reasons"))
        for one in [constitution(explained, explain=explain)]
    }
    assert said == {
        (): "Be kind.",
        ("reasons",): "Be kind.\nWhy: It costs nothing.",
        ("examples",): "Be kind.\nFollows it: Welcome.\nBreaks it: So?",
        ("examples", "reasons"): "Be kind.\nWhy: It costs nothing.\nFollows it: Welcome.\nBreaks it: So?",
    }
