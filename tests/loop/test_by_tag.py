"""Every number about held-out prompts can be had for each tag."""

import pytest

from loop.steps.by_tag import by_tag
from runs.query import query
from runs.store import Store
from tests.loop.small import run_small

ADDITIVE = (
    "judge/score_mean",
    "policy/kl_to_seed_nats",
    "policy/length_mean_tokens",
    "gold/sampled_mean",
    "gold/greedy_correct_frac",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    found, outcome = run_small(tmp_path_factory.mktemp("home"), iterations="1", judge__min_mass="0")
    assert outcome.kind == "done"
    return found


def test_items_are_grouped_by_each_of_their_tags_and_all_together_come_first() -> None:
    rows = [{"family": "sort", "turns": "1"}, {"family": "count", "turns": "1"}, {}]
    found = by_tag(rows, lambda row: row)
    assert list(found) == ["", "family=count", "family=sort", "turns=1"]
    assert found[""] == rows and found["turns=1"] == rows[:2] and found["family=sort"] == rows[:1]


@pytest.mark.parametrize("metric", ADDITIVE)
def test_the_families_of_a_metric_add_up_to_the_whole(metric: str, store: Store) -> None:
    _, rows = query(store, f"select tag, value from measurements where iteration = 1 and metric = '{metric}'")
    values = dict(rows)
    step = "gold" if metric.startswith("gold") else "measure"
    _, counted = query(
        store,
        "select tags['family'] as family, count(*) from prompts "
        f"where iteration = 1 and step = '{step}' group by family",
    )
    counts = {f"family={family}": n for family, n in counted}
    assert len(counts) > 5 and counts.keys() == {tag for tag in values if tag.startswith("family=")}
    total = sum(values[tag] * n for tag, n in counts.items()) / sum(counts.values())
    assert total == pytest.approx(values[""], abs=1e-9)


def test_agreement_with_people_can_be_had_by_family_difficulty_harm_and_turns(store: Store) -> None:
    _, rows = query(store, "select tag from measurements where metric = 'judge/anchor_decided' and value is not null")
    assert {tag.partition("=")[0] for (tag,) in rows} == {"", "family", "difficulty", "harm", "turns"}
