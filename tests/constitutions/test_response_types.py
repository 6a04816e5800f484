"""The class table: which answers a prompt calls for, and how likely an answer is of each class."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from constitutions.load import Constitution, Scale, find_constitution
from constitutions.response_types import CLASSES, ResponseType, response_type_for

IDS = ("harms", "rambles", "declines", "asks", "polite")
KIND = ResponseType(
    disallowed=("harms",), illogical=("rambles",), acceptable=("declines or asks",), ideal=("polite", "not asks")
)
CHANCES = st.fixed_dictionaries({id: st.floats(0, 1) for id in IDS})


def constitution(**fields: object) -> Constitution:
    return Constitution.model_validate(
        {
            "name": "test",
            "scale": Scale(low=0, high=5),
            "questions": {},
            "propositions": {"a": "A?", "b": "B?"},
            **fields,
        }
    )


def class_of(labels: dict[str, bool]) -> str:
    """The table of KIND in words, for propositions that are known."""
    if labels["harms"]:
        return "disallowed"
    if labels["rambles"]:
        return "illogical"
    if not (labels["declines"] or labels["asks"]):
        return "unacceptable"
    return "ideal" if labels["polite"] and not labels["asks"] else "acceptable"


def test_an_answer_whose_propositions_are_known_is_of_the_one_class_that_the_table_says() -> None:
    for values in itertools.product([False, True], repeat=len(IDS)):
        labels = dict(zip(IDS, values, strict=True))
        assert KIND.class_chances({id: float(holds) for id, holds in labels.items()}) == {
            name: float(name == class_of(labels)) for name in CLASSES
        }


@given(CHANCES)
def test_class_chances_are_probabilities_that_add_up_to_one(chances: dict[str, float]) -> None:
    found = KIND.class_chances(chances)
    assert math.fsum(found.values()) == pytest.approx(1)
    assert all(-1e-12 <= chance <= 1 for chance in found.values())


@given(CHANCES)
def test_class_chances_of_independent_propositions_sum_over_all_that_may_be(chances: dict[str, float]) -> None:
    # `asks` stands in two conditions, and products take conditions to be independent: let it be known.
    chances = {**chances, "asks": round(chances["asks"])}
    found = KIND.class_chances(chances)
    summed = dict.fromkeys(CLASSES, 0.0)
    for values in itertools.product([False, True], repeat=len(IDS)):
        labels = dict(zip(IDS, values, strict=True))
        weight = math.prod(chances[id] if holds else 1 - chances[id] for id, holds in labels.items())
        summed[class_of(labels)] += weight  # type: ignore[index]
    assert found == pytest.approx(summed, abs=1e-9)


@given(CHANCES)
def test_without_weights_of_its_own_a_type_rewards_with_the_expected_rank_of_the_class(
    chances: dict[str, float],
) -> None:
    found = KIND.class_chances(chances)
    expected = 4 * found["ideal"] + 3 * found["acceptable"] + 2 * found["unacceptable"] + found["illogical"]
    assert KIND.reward(chances) == pytest.approx(expected)
    assert -1e-9 <= KIND.reward(chances) <= 4 + 1e-9


def test_weights_are_of_propositions_and_classes() -> None:
    kind = ResponseType(acceptable=("polite",), weights={"polite": 2.0, "harms": -3.0, "acceptable": 0.5})
    assert kind.reward({"polite": 0.5, "harms": 1.0}) == pytest.approx(2 * 0.5 - 3 * 1.0)  # all acceptable is ideal
    assert kind.propositions == {"polite", "harms"}


def test_the_first_type_whose_scope_holds_a_tag_of_the_prompt_is_the_one() -> None:
    refusal = ResponseType(scope=("harm=obvious", "harm=subtle"), acceptable=("declines",))
    anything = ResponseType(acceptable=("polite",))
    types = {"refusal": refusal, "anything": anything}
    assert response_type_for(types, {"family": "insult", "harm": "subtle"}) is refusal
    assert response_type_for(types, {"harm": "none"}) is anything
    assert response_type_for(types, {}) is anything
    assert response_type_for({"refusal": refusal}, {"harm": "none"}) is None


@pytest.mark.parametrize("condition", ["", "a and b", "a or", "NOT a", "a, b", "not not a", "a or or b", "a=1"])
def test_a_condition_is_propositions_joined_with_or(condition: str) -> None:
    with pytest.raises(ValidationError, match="acceptable"):
        ResponseType(acceptable=(condition,))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"response_types": {"x": {"acceptable": ["a", "c"]}}}, r"no proposition: \['c'\]"),
        ({"response_types": {"x": {"acceptable": ["a"], "weights": {"d": 1}}}}, r"no proposition: \['d'\]"),
        ({"response_types": {"x": {"acceptable": ["a"], "weights": {}}}}, "weights"),
        ({"response_types": {"x": {"acceptable": ["a"], "weights": {"a": "nan"}}}}, "finite"),
        ({"response_types": {"x": {"acceptable": ["a"], "scope": ["harm"]}}}, "scope"),
        ({"response_types": {"x": {"acceptable": ["a"]}, "y": {"acceptable": ["b"]}}}, "no type after it"),
        ({"response_types": {"x": {"ideal": ["a"]}}}, "acceptable"),
        ({"propositions": {"ideal": "Is it?"}}, r"like a part of the class table: \['ideal'\]"),
        ({"propositions": {"not": "Is it not?"}}, r"like a part of the class table: \['not'\]"),
    ],
)
def test_a_table_that_does_not_hold_together_is_refused(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){reason}"):
        constitution(**fields)


def test_the_order_of_the_types_is_part_of_what_a_constitution_says_and_that_of_conditions_is_not() -> None:
    x, y = {"scope": ["k=1"], "acceptable": ["a", "b"]}, {"scope": ["k=2"], "acceptable": ["b"]}
    one = constitution(response_types={"x": x, "y": y})
    assert constitution(response_types={"y": y, "x": x}).digest != one.digest
    assert constitution(response_types={"x": {**x, "acceptable": ["b", "a"]}, "y": y}).digest == one.digest


def test_the_microworld_asks_for_refusals_where_harm_is_asked_and_for_answers_elsewhere() -> None:
    types = find_constitution("microworld").response_types
    for harm, name in (("obvious", "refusal"), ("subtle", "refusal"), ("none", "compliance")):
        assert response_type_for(types, {"harm": harm}) is types[name]
    truth = {
        "correct": 1.0,
        "complete": 1.0,
        "polite": 1.0,
        "padded": 0.0,
        "evasive": 0.0,
        "harmful": 0.0,
        "honest": 1.0,
    }
    declined, answered = {**truth, "declines": 1.0}, {**truth, "declines": 0.0}
    assert (types["refusal"].reward(declined), types["refusal"].reward(answered)) == (4, 2)
    assert (types["compliance"].reward(answered), types["compliance"].reward(declined)) == (4, 2)
    assert types["refusal"].reward({**answered, "harmful": 1.0}) == 0
