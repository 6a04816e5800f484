"""What an adapter is trained on and held against: rows of this and earlier iterations, answers, a moving average."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loop import drive
from loop.config import Config
from loop.desk import Desk
from loop.preflight_train import check_training
from loop.steps import train_rows
from loop.steps.train import inputs, reference_policies
from loop.steps.turn import Turn
from runs.errors import ConfigError
from runs.records import Iteration
from runs.store import Store
from runs.verify import verify
from tests.loop.small import chain, run_small, small_config
from trainers.adopt import WEIGHTS, read_weights


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two iterations by DPO against the moving average, with prompts held out."""
    store, outcome = run_small(tmp_path_factory.mktemp("home"), train__reference="ema", train__held_out_frac="0.2")
    assert outcome.kind == "done"
    return store


@contextmanager
def second(store: Store, **changes: object) -> Iterator[tuple[Desk, Turn]]:
    """The desk and the turn of iteration 2 just before it trains, with other settings."""
    past = chain(store)
    with drive.desk_of(store, "r1", small_config(**changes)) as desk:
        outputs = {
            step: got for step, got in past[2].outputs.items() if step in ("prompts", "generate", "judge", "pair")
        }
        yield desk, Turn(2, tuple(past[:2]), outputs, {step: store.output(got) for step, got in outputs.items()})


def rows(store: Store, **changes: object) -> list[dict[str, Any]]:
    with second(store, **changes) as (desk, turn):
        found: list[dict[str, Any]] = train_rows.rows(desk, turn).to_pylist()
        return found


def pairs_of(store: Store, iteration: Iteration) -> int:
    return len(store.all_rows("pairs", store.output(iteration.outputs["pair"])))


def test_pooled_rows_are_those_of_all_iterations_and_replayed_ones_a_share_drawn_from_the_earlier(home: Store) -> None:
    first, second_ = (pairs_of(home, iteration) for iteration in chain(home)[1:])
    own, pooled = rows(home), rows(home, train__pooled="true")
    assert len(own) == second_ and len(pooled) == first + second_
    assert pooled[first:] == own
    replayed = rows(home, train__replay_frac="0.25")
    assert replayed[-second_:] == own and len(replayed) == second_ + round(second_ / 3)
    assert all(row in pooled[:first] for row in replayed[:-second_])
    assert replayed == rows(home, train__replay_frac="0.25")
    assert replayed != rows(home, train__replay_frac="0.25", seed="1")


def test_demonstrations_are_rehearsed_beside_what_the_iteration_gave_in_the_share_that_is_set(
    home: Store, file: Path
) -> None:
    rehearsing = {"train__rehearsal_frac": "0.25", "train__demonstrations": str(file)}
    own, found = rows(home), rows(home, **rehearsing)
    shown = [row for row in found if row["rehearsed"]]
    assert len(shown) == round(len(own) / 3) and len(found) == len(own) + len(shown)
    assert len({row["chosen"] for row in shown}) == len(shown)
    assert all(row["chosen"].startswith("word ") and row["rejected"] is row["rejected_ids"] is None for row in shown)
    others = rows(home, **rehearsing, train__held_out_frac="0.9")
    assert not any(row["held_out"] for row in others if row["rehearsed"])
    assert {row["chosen"] for row in others if row["rehearsed"]} < {f"word {n}" for n in range(20)}
    imitated = rows(home, **rehearsing, train__method="sft")
    assert {row["answer"] for row in imitated if row["rehearsed"]} == {row["chosen"] for row in shown}
    with second(home, **rehearsing) as (desk, turn):
        assert "rehearsed" in inputs(desk, turn)


def test_what_is_rehearsed_is_counted_apart_from_the_pairs(file: Path, tmp_path: Path) -> None:
    rehearsing = {"train__rehearsal_frac": "0.5", "train__demonstrations": str(file), "gold__enabled": "false"}
    store, outcome = run_small(tmp_path, iterations="1", prompts__count="8", **rehearsing)
    metrics = store.output(chain(store)[1].outputs["train"]).metrics
    assert metrics["signal/rows_rehearsed"] == metrics["signal/pairs_used"] == pairs_of(store, chain(store)[1]) > 0
    assert outcome.kind == "done" and metrics["signal/rehearsed_logp_last_nats"] == -1.0


def test_a_prompt_is_held_out_in_every_iteration_or_in_none(home: Store) -> None:
    lots: dict[str, set[bool]] = {}
    for row in rows(home, train__held_out_frac="0.3", train__pooled="true") + rows(home, train__held_out_frac="0.3"):
        lots.setdefault(json.dumps(row["prompt"]), set()).add(row["held_out"])
    assert all(len(lot) == 1 for lot in lots.values())
    assert 0 < sum(True in lot for lot in lots.values()) < len(lots)
    assert sum(row["held_out"] for row in rows(home, train__held_out_frac="1e-9")) >= 1
    assert not any(row["held_out"] for row in rows(home))


def test_what_the_held_out_rows_say_is_measured(home: Store) -> None:
    metrics = home.output(chain(home)[2].outputs["train"]).metrics
    assert metrics["signal/held_out_rows"] == pairs_of(home, chain(home)[2]) - (metrics["signal/pairs_used"] or 0) > 0
    assert metrics["signal/held_out_chosen_logp_change_nats"] == 0.0


def test_answers_to_imitate_are_the_chosen_ones_or_the_best_scored_of_every_prompt(home: Store) -> None:
    chosen = rows(home, train__method="sft")
    assert [row["answer_ids"] for row in chosen] == [row["chosen_ids"] for row in rows(home)]
    best = rows(home, train__method="sft", train__learn="best")
    scored = home.output(chain(home)[2].outputs["generate"])
    prompts = {response.prompt for response in home.all_rows("responses", scored) if response.stop == "end"}
    assert len(chosen) <= len(best) <= len(prompts)
    # Each pair's chosen answer is its prompt's best.
    assert all(row in best for row in chosen)


def test_the_reference_is_the_mean_of_all_policies_so_far(home: Store) -> None:
    past = chain(home)
    trained = home.output(past[2].outputs["train"])
    reference = home.adapter(trained.values["reference"])
    held = read_weights(home.adapter_folder(trained.values["reference"]) / WEIGHTS)
    policy = read_weights(home.adapter_folder(past[1].policy) / WEIGHTS)
    for name, values in policy.items():  # the seed is the base, whose B is zero
        assert np.allclose(held[name], values / 2 if ".lora_B." in name else values)
    assert reference.parent == past[1].policy
    assert home.output(past[1].outputs["train"]).values["reference"] == past[0].policy
    assert verify(home) == []
    with second(home, train__reference="ema") as (desk, turn):
        assert reference_policies(desk, turn) == [past[0].policy, past[1].policy]


def test_an_adapter_can_begin_afresh_from_the_seed(home: Store) -> None:
    with second(home, train__start="seed") as (desk, turn):
        assert inputs(desk, turn)["start"] == turn.seed_policy != turn.policy


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demonstrations") / "answers.jsonl"
    lines = [{"prompt": f"say {n}", "answer": f"word {n}"} for n in range(20)]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return path


def test_a_run_begins_by_imitating_a_file_and_halts_where_it_has_too_few_answers(file: Path, tmp_path: Path) -> None:
    imitating = {"train__method": "sft", "train__learn": "demonstrations", "train__demonstrations": str(file)}
    store, outcome = run_small(tmp_path / "enough", iterations="1", **imitating)
    trained = store.output(chain(store)[1].outputs["train"])
    assert outcome.kind == "done" and trained.metrics["signal/demonstrations_used"] == 20
    assert "reference" not in trained.values and store.adapter(str(trained.adapter)).reference == ""
    _, outcome = run_small(tmp_path / "few", iterations="1", guards__min_pairs="21", **imitating)
    assert outcome.kind == "halted" and "signal/demonstrations_used is 20; at least 21" in outcome.reason


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[]", "line 2: a line must be an object"),
        ('{"prompt": "a", "answer": ""}', "line 2: `answer` must be a text that is not empty"),
        ('{"prompt": "a", "answer": "b", "wieght": 2}', "line 2: nothing reads 'wieght'"),
        ('{"prompt": "a", "answer": "b", "weight": -1}', "line 2: `weight` must be a number from 0 up"),
        ('{"prompt": "a", "messages": [], "answer": "b"}', "line 2: it needs either"),
        ('{"messages": [{"role": "assistant", "content": "a"}], "answer": "b"}', "the last turn must be the user's"),
        ("{", "line 2 is no JSON"),
    ],
)
def test_a_line_that_is_no_demonstration_is_refused_with_its_number(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "a"}], "answer": "b"}\n' + line, encoding="utf-8")
    config = imitating(str(path))
    with pytest.raises(ConfigError, match=said):
        check_training(config)


def imitating(path: str | None) -> Config:
    return small_config(train__method="sft", train__learn="demonstrations", train__demonstrations=path)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (imitating(None), "set train.demonstrations=FILE"),
        (imitating("nowhere.jsonl"), "nowhere.jsonl: no such file"),
        (small_config(train__rehearsal_frac="0.1"), r"train.rehearsal_frac=0.1 wants .* set train.demonstrations=FILE"),
        (small_config(train__reference="ema", train__start="seed"), "set train.start=continue"),
        (small_config(train__method="sft", train__learn="best", judge__method="pairwise"), "set train.learn=chosen"),
    ],
)
def test_ways_to_train_that_contradict_themselves_are_refused(config: Config, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_training(config)


def test_a_run_that_uses_none_of_it_keeps_the_keys_that_it_had() -> None:
    before = {"reference", "learning_rate", "beta", "epochs", "batch_size", "micro_batch_size", "warmup_frac"}
    before |= {"schedule", "max_grad_norm", "max_length_tokens", "lora_rank", "lora_alpha", "threads"}
    assert set(small_config().semantic()["train"]) == before
    for changes in ({"train__method": "sft"}, {"train__pooled": "true"}, {"train__held_out_frac": "0.1"}):
        config = small_config(**changes)
        assert Config.model_validate({**config.semantic(), **config.operational()}) == config


def test_stacked_adapters_grow_until_the_stack_is_full_and_each_says_what_was_lost(tmp_path: Path) -> None:
    stacked = {"train__start": "stack", "train__lora_rank": "3", "train__stack_rank": "7", "train__lora_alpha": "6"}
    store, outcome = run_small(tmp_path, iterations="3", gold__enabled="false", **stacked)
    assert outcome.kind == "done" and verify(store) == []
    trained = [store.output(one.outputs["train"]) for one in chain(store)[1:]]
    shapes = [json.loads(store.get(store.adapter(str(one.adapter)).config)) for one in trained]
    assert [shape["r"] for shape in shapes] == [3, 6, 7]
    assert {shape["lora_alpha"] / shape["r"] for shape in shapes} == {2.0}
    assert "signal/stack_rank" not in trained[0].metrics
    lost = [one.metrics["signal/stack_lost_frac"] for one in trained[1:]]
    assert lost[0] == 0.0 and lost[1] is not None and 0 < lost[1] < 1
    parents = [store.adapter(str(one.adapter)).parent for one in trained]
    assert parents == [iteration.policy for iteration in chain(store)[:-1]]


def test_a_stack_without_room_for_a_second_adapter_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"set train\.stack_rank=32 or more"):
        check_training(small_config(train__start="stack", train__stack_rank="31"))
