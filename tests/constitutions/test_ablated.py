"""A constitution with a principle taken out: nothing else changes than what is meant to."""

import pytest

from constitutions.ablated import NOTHING, bare, opposed, without
from constitutions.load import Constitution, find_constitution
from constitutions.shown import shown
from runs.errors import ConfigError

WHOLE = find_constitution("microworld")


def drawn(constitution: Constitution, seed: int) -> tuple[str, ...]:
    return tuple(one.id for one in shown(constitution, {}, "comparison", seed, 1))


def test_a_draw_changes_only_where_the_principle_was_drawn() -> None:
    left = without(WHOLE, "polite")
    draws = [(drawn(WHOLE, seed), drawn(left, seed)) for seed in range(200)]
    assert {before for before, after in draws if before != after} == {("polite",)}
    assert any(before == ("polite",) for before, _ in draws)


def test_an_opposite_stands_in_the_place_and_under_the_name_of_its_principle() -> None:
    turned = opposed(WHOLE, "concise")
    assert [one.id for one in turned.principles] == [one.id for one in WHOLE.principles]
    assert turned.principle("concise").text == WHOLE.principle("thorough").text
    assert "comparison" in turned.principle("concise").use
    assert [drawn(turned, seed) for seed in range(50)] == [drawn(WHOLE, seed) for seed in range(50)]
    with pytest.raises(ConfigError, match=r"polite.*names no opposite"):
        opposed(WHOLE, "polite")


def test_what_named_the_principle_that_is_gone_as_its_opposite_names_nobody() -> None:
    left = without(WHOLE, "thorough")
    assert left.principle("concise").opposite is None and left.principle("decline").opposite == "answer"
    with pytest.raises(KeyError):
        without(WHOLE, "nobody")


def test_without_principles_a_judge_is_told_nothing_but_the_question() -> None:
    assert [one.text for one in bare(WHOLE).principles] == [NOTHING.text]
    assert bare(WHOLE).questions == WHOLE.questions
    assert len({one.digest for one in (WHOLE, bare(WHOLE), without(WHOLE, "polite"), opposed(WHOLE, "concise"))}) == 4
