"""Runs whose model writes a share of the prompts: what they keep of it, report of it, and hold it to."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rouge_score.rouge_scorer import RougeScorer
from small import chain, run_small, small_config, stopped_and_taken_on

from constitutions.files import shipped
from loop import drive
from loop.config import Config
from loop.pipeline import PROMPTS
from loop.self_instruct import SOURCE
from loop.sources import plain, prompt_source
from loop.steps.turn import Turn
from runs.canonical import seed_of
from runs.output import Output
from runs.query import query
from runs.records import Iteration, Prompt
from runs.store import Store
from runs.verify import verify

HALF: dict[str, object] = {
    "prompts__self_made_frac": "0.5",
    "gold__enabled": "false",
    "prompts__max_words": "15",
    "prompts__max_rouge_l": "0.45",  # strict: the stub has few words, and new prompts are few
    "prompts__attempts": "20",
    "engine__shard_requests": "12",
}


def prompts_output(store: Store, index: int, name: str = "r1") -> Output:
    return store.output(chain(store, name)[index].outputs["prompts"])


def made(store: Store, index: int) -> list[Prompt]:
    return [prompt for prompt in store.all_rows("prompts", prompts_output(store, index)) if prompt.source == SOURCE]


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("half"), **HALF)
    assert outcome.kind == "done"
    return store


def test_a_share_of_the_prompts_is_self_made_and_the_rest_is_the_sources(half: Store) -> None:
    rows = half.all_rows("prompts", prompts_output(half, 1))
    assert Counter(prompt.source for prompt in rows) == {"microworld": 12, SOURCE: 12}
    assert len({prompt.digest for prompt in rows}) == 24
    answered = half.all_rows("responses", half.output(chain(half)[1].outputs["generate"]))
    assert {response.prompt for response in answered} == {prompt.digest for prompt in rows}


def test_the_yield_is_reported_and_every_reply_is_accounted_for(half: Store) -> None:
    output = prompts_output(half, 1)
    metrics = {name.removeprefix("prompts/"): value for name, value in output.metrics.items()}
    assert (metrics["wanted"], metrics["self_made"]) == (12, 12)
    dropped = sum(value or 0 for name, value in metrics.items() if name.startswith("dropped_"))
    passed = (metrics["self_made"] or 0) + (metrics["spare"] or 0)
    assert metrics["asked"] == passed + dropped == len(half.all_rows("responses", output))
    assert metrics["yield_frac"] == passed / (passed + dropped) < 1


def test_a_self_made_prompt_names_its_reply_and_its_examples(half: Store) -> None:
    replies = {row.digest: row for row in half.all_rows("responses", prompts_output(half, 1))}
    drawn = {prompt.digest for prompt in prompt_source("microworld").train(24, 1, seed_of(0, "prompts"))}
    for prompt in made(half, 1):
        assert plain(replies[prompt.tags["reply"]].text) == plain(prompt.messages[0].content)
        examples = prompt.tags["examples"].split()
        assert len(set(examples)) == 4 and drawn.issuperset(examples)


def test_self_made_prompts_can_be_queried_and_verified(half: Store) -> None:
    _, rows = query(half, "select iteration, count(*) from prompts where source = 'self-made' group by 1 order by 1")
    assert rows == [(1, 12), (2, 12)]
    assert verify(half) == []


def test_no_new_prompt_is_like_another_of_any_iteration(half: Store) -> None:
    texts = [prompt.messages[0].content for index in (1, 2) for prompt in made(half, index)]
    scorer = RougeScorer(["rougeL"])
    likeness = [scorer.score(a, b)["rougeL"].fmeasure for n, a in enumerate(texts) for b in texts[:n]]
    assert max(likeness) <= 0.45


def test_the_writer_is_the_seed_or_the_policy_that_answers(half: Store, tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, **HALF, prompts__adapter="self")
    writers = {row.adapter for row in store.all_rows("responses", prompts_output(store, 2))}
    assert writers == {chain(store)[1].policy} != {chain(store)[0].policy}
    fixed = {row.adapter for index in (1, 2) for row in half.all_rows("responses", prompts_output(half, index))}
    assert fixed == {chain(half)[0].policy}


def test_where_too_few_are_found_the_source_gives_the_rest_and_the_metrics_say_so(tmp_path: Path) -> None:
    notes: list[str] = []
    store, outcome = run_small(
        tmp_path, say=lambda event: notes.append(event.text), **HALF | {"prompts__max_rouge_l": "0"}, iterations="1"
    )
    metrics = prompts_output(store, 1).metrics
    assert outcome.kind == "done" and metrics["signal/prompts"] == 24
    assert metrics["prompts/self_made"] == len(made(store, 1)) < metrics["prompts/wanted"] == 12
    assert metrics["prompts/asked"] == 20 * 12
    assert any("of 12 new prompts after 240 requests" in note for note in notes)


def test_a_run_stopped_among_its_requests_goes_on_to_the_same_prompts(half: Store, tmp_path: Path) -> None:
    store = stopped_and_taken_on(tmp_path, "1/prompts", 1, **HALF)
    assert [i.digest for i in chain(store)] == [i.digest for i in chain(half)]


def test_without_self_made_prompts_nothing_about_them_enters_a_key_or_an_iteration(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="1")
    odd: dict[str, object] = {"prompts__examples": "9", "prompts__adapter": "self", "prompts__max_rouge_l": "0.1"}
    assert drive.planned(store, "r1", small_config(iterations="1", **odd)) == drive.planned(
        store, "r1", small_config(iterations="1")
    )
    output = prompts_output(store, 1)
    assert set(output.tables) == {"prompts"} and output.values == {"metrics": {"signal/prompts": 24}}
    assert chain(store)[1].config["prompts"] == {"source": "microworld", "count": 24}
    (receipt,) = (receipt for receipt in store.receipts() if receipt["digest"] == chain(store)[1].outputs["prompts"])
    assert receipt["asked"]["config"] == {"prompts": {"source": "microworld", "count": 24}}
    assert set(receipt["asked"]["inputs"]) == {"source"}


def test_all_that_decides_a_self_made_prompt_is_in_the_key(half: Store, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    words = shipped("microworld").read_text(encoding="utf-8").replace("here are some requests", "look at these")
    other.write_text(words, encoding="utf-8")
    past = tuple(chain(half)[:2])
    rewritten = (past[0], replace(past[1], outputs={**past[1].outputs, "prompts": past[1].outputs["generate"]}))
    repromoted = (past[0], replace(past[1], policy=past[0].policy))

    def keys(share: str) -> list[str]:
        """The key of iteration 2's prompts as things are, and with one thing changed at a time."""
        return [
            prompts_key(half, tuple(before), {"prompts__self_made_frac": share, "prompts__adapter": "self", **changes})
            for before, changes in (
                (past, {}),
                (past, {"constitution": str(other)}),
                (past, {"engine__max_num_seqs": "7"}),
                (past, {"measure__anchors": None}),
                (rewritten, {}),
                (repromoted, {}),
            )
        ]

    assert len(set(keys("0.5"))) == 6
    assert len(set(keys("0"))) == 1


def prompts_key(store: Store, past: tuple[Iteration, ...], changes: dict[str, object]) -> str:
    with drive.desk_of(store, "r1", small_config(**changes)) as desk:
        return PROMPTS.key(desk, Turn(len(past), past))


def test_a_configuration_with_self_made_prompts_reads_back_equal() -> None:
    config = small_config(**HALF)
    assert Config.model_validate({**config.semantic(), **config.operational()}) == config
