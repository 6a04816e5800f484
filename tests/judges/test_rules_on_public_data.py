"""Rule-Based Rewards on the paper's public data: the class table, and weights against the best single proposition."""

import pytest

from benchmarks import rbr
from benchmarks.cells import rows
from benchmarks.rules import BEGIN, END, PAGE, TYPES, pairs, tables
from constitutions.response_types import CLASSES, WORTH
from judges.rule_weights import best_single, fit, improvement, ordering

here = pytest.mark.skipif(
    not rbr.DATA.is_dir(), reason=f"no RBR data at {rbr.DATA}: SELFSAME_TEST_DATA names its folder"
)
PAPER = {
    "ideal": "ideal",
    "minimum_acceptable_style": "acceptable",
    "unacceptable_completion": "unacceptable",
    "illogical_completion": "illogical",
    "disallowed_completion": "disallowed",
}


@here
def test_our_form_of_the_papers_class_table_puts_each_completion_where_the_papers_own_does() -> None:
    table, kinds = rbr.class_table(), rbr.response_types()
    assert [PAPER[name] for name in table["completion_class_order"]] == list(CLASSES)

    def holds(id: str, labels: dict[str, bool]) -> bool:
        parts = table["derived_propositions"].get(id)
        return labels[id] if parts is None else all(holds(part, labels) == (v == "true") for part, v in parts.items())

    completions = [*rbr.labelled("train"), *rbr.labelled("test")]
    assert len(completions) == 351 + 167
    for one in completions:
        stated = {
            PAPER[name]: all(holds(id, one.propositions) == (v == "true") for id, v in types[one.response_type].items())
            for name, types in table["completion_classes"].items()
        }
        chances = {id: float(label) for id, label in one.propositions.items()}
        assert kinds[one.response_type].class_chances(chances) == {name: float(is_it) for name, is_it in stated.items()}


@here
@pytest.mark.parametrize(("name", "least"), [("comply", 0.88), ("hard_refuse", 0.96), ("safe_refuse_2", 0.98)])
def test_weights_fitted_on_train_order_the_test_split_better_than_the_best_single_proposition(
    name: str, least: float
) -> None:
    kind, names = rbr.response_types()[name], sorted(rbr.labelled("train")[0].propositions)
    train, test = (pairs(name, kind, split, error=0.0, seed=1) for split in ("train", "test"))
    weights, single = fit(train, names), best_single(train, names)
    right, gained = ordering(test, weights, seed=1).right.value, improvement(test, weights, single, seed=1)
    assert right is not None and right > least
    assert gained.low is not None and gained.low >= 0
    assert ordering(test, WORTH, seed=1).right.value == 1


@here
def test_a_response_type_of_one_class_has_nothing_to_fit() -> None:
    assert pairs("safe_refuse_1", rbr.response_types()["safe_refuse_1"], "train", error=0.0, seed=1) == []
    assert set(rbr.response_types()) == set(TYPES)


def test_the_pages_tables_are_those_of_the_rows() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.split(BEGIN)[1].split(END)[0].strip() == tables(rows("rules"))
