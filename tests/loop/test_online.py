"""Reinforcement learning in the loop on the stub engine: what it is given, who rewards, and what is not made for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from constitutions.response_types import response_type_for
from judges.dialogue import Item
from judges.expected import Expected
from judges.propositions import Propositions
from loop import drive
from loop.config import Config
from loop.preflight_train import check_training
from loop.steps import online
from loop.steps.train import inputs
from loop.steps.turn import Turn
from runs.errors import ConfigError
from runs.output import Output
from runs.records import Message
from runs.store import Store
from runs.verify import verify
from tests.loop.small import chain, run_small, small_config
from trainers.reward_spec import JudgeReward, Rules, SafetyFirstReward, SumReward

RL: dict[str, Any] = {"train__method": "rl"}
BY_MODEL: dict[str, Any] = RL | {"train__reward": "preference"}


def trained(store: Store) -> list[Output]:
    return [store.output(one.outputs["train"]) for one in chain(store)[1:]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("home"), **RL)
    assert outcome.kind == "done"
    return store


def test_an_iteration_makes_no_answers_and_pairs_that_nobody_reads(home: Store) -> None:
    for iteration, output in zip(chain(home)[1:], trained(home), strict=True):
        assert {"prompts", "train", "measure"} <= {*iteration.outputs}
        assert not {"generate", "judge", "pair"} & {*iteration.outputs}
        assert iteration.policy == output.adapter
        assert output.metrics["signal/prompts_used"] == 24
        assert {"signal/reward_first", "signal/reward_last", "signal/kl_to_reference_last_nats"} <= {*output.metrics}
    assert verify(home) == []


def test_pairs_are_made_where_a_preference_model_learns_from_them_and_it_then_rewards(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, **BY_MODEL, preference__source="pairs")
    assert outcome.kind == "done"
    for iteration in chain(store)[1:]:
        assert {"generate", "judge", "pair", "preference"} <= {*iteration.outputs}
    assert verify(store) == []


def test_of_two_preference_models_llama_2s_rule_is_the_reward(tmp_path: Path) -> None:
    labels = {"preference__source": "labels", "preference__labels": "microworld", "preference__models": "by_safety"}
    store, outcome = run_small(tmp_path, iterations="1", **BY_MODEL, **labels)
    assert outcome.kind == "done"
    past = chain(store)
    with drive.desk_of(store, "r1", small_config(**BY_MODEL, **labels)) as desk:
        got = past[1].outputs["prompts"]
        turn = Turn(2, tuple(past), {"prompts": got}, {"prompts": store.output(got)})
        who = online.rewarder(desk, turn)
        assert isinstance(who.rule, SafetyFirstReward) and who.rule.floor == 0.15
        models = store.output(past[0].outputs["preference"]).models
        assert who.models == (models["safety"], models["helpfulness"])
        assert {row["risky"] for row in online.rows(desk, turn).to_pylist()} == {True, False}
    stricter = small_config(**BY_MODEL, **labels, judge__safety_floor="0.5")
    with drive.desk_of(store, "r1", Config.model_validate(stricter.semantic())) as desk:
        assert online.rewarder(desk, turn).rule == SafetyFirstReward(floor=0.5)
    assert stricter.unread() == [] and small_config(judge__safety_floor="0.5").unread() == ["judge.safety_floor"]


def test_a_composite_reward_is_the_judge_and_the_preference_models(tmp_path: Path) -> None:
    labels = {"preference__source": "labels", "preference__labels": "microworld", "preference__models": "by_safety"}
    both = RL | labels | {"train__reward": "composite", "train__judge_weight": "0.5", "iterations": "1"}
    store, outcome = run_small(tmp_path, **both)
    assert outcome.kind == "done"
    models = store.output(chain(store)[0].outputs["preference"]).models
    found: dict[str, str] = {}
    for weight in ("0.5", "2"):
        asked, rows, who = first(store, small_config(**both | {"train__judge_weight": weight}))
        assert isinstance(who.rule, SumReward) and who.rule.judge_weight == float(weight)
        assert isinstance(who.rule.other, SafetyFirstReward)
        assert who.models == (chain(store)[0].policy, models["safety"], models["helpfulness"])
        assert all(len(row["question"]) == 2 for row in rows) and {row["risky"] for row in rows} == {True, False}
        found[weight] = asked["reward"]
    assert found["0.5"] != found["2"]


def first(store: Store, config: Config) -> tuple[dict[str, str], list[dict[str, Any]], online.Rewarder]:
    """What iteration 1 trains on, with other settings."""
    past = chain(store)
    with drive.desk_of(store, "r1", config) as desk:
        got = past[1].outputs["prompts"]
        turn = Turn(1, tuple(past[:1]), {"prompts": got}, {"prompts": store.output(got)})
        return inputs(desk, turn), online.rows(desk, turn).to_pylist(), online.rewarder(desk, turn)


def test_the_judge_is_asked_what_the_judge_step_would_ask(home: Store) -> None:
    config = small_config(**RL)
    _, rows, who = first(home, config)
    with drive.desk_of(home, "r1", config) as desk:
        judge, scale = Expected(desk.constitution, 0.5), desk.constitution.scale
    for row in rows:
        messages = tuple(Message(**one) for one in row["prompt"])
        (question,) = judge.ask(Item(messages, ("an answer {request}",), {}, 0, 0), ())
        assert question.messages == (Message("user", "an answer {request}".join(row["question"])),)
    assert who.rule == JudgeReward(low=scale.low, high=scale.high, min_mass=0.5)
    assert who.models == (chain(home)[0].policy,)


def test_rules_are_asked_what_the_judge_step_would_ask_of_the_propositions_that_count(home: Store) -> None:
    config = small_config(**RL, judge__rule_weight="0.5")
    asked, rows, who = first(home, config)
    with drive.desk_of(home, "r1", config) as desk:
        constitution, prompts = desk.constitution, home.all_rows("prompts", home.output(asked["prompts"]))
    assert isinstance(who.rule, JudgeReward) and who.rule.rules == Rules(
        weight=0.5, response_types=constitution.response_types
    )
    ids = list(constitution.propositions)
    for prompt, row in zip(prompts, rows, strict=True):
        questions = Propositions(constitution, 0.5).ask(Item(prompt.messages, ("an answer",), prompt.tags, 0, 0), ())
        kind = response_type_for(constitution.response_types, prompt.tags)
        assert kind is not None and constitution.response_types[row["response_type"]] == kind
        assert {one["id"] for one in row["propositions"]} == kind.propositions
        for one in row["propositions"]:
            (message,) = questions[ids.index(one["id"])].messages
            assert message.content == "an answer".join(one["question"])
    assert len({row["response_type"] for row in rows}) > 1


@pytest.mark.parametrize(
    "changes", [{"generate__max_tokens": "7"}, {"judge__min_mass": "0.25"}, {"judge__rule_weight": "1"}]
)
def test_what_another_section_says_of_the_reward_enters_the_key(changes: dict[str, Any], home: Store) -> None:
    assert first(home, small_config(**RL))[0] != first(home, small_config(**RL, **changes))[0]


def test_a_reward_by_a_preference_model_that_nobody_trained_says_so(tmp_path: Path) -> None:
    for number, reward in enumerate(("preference", "composite")):
        with pytest.raises(ConfigError, match=f"train.reward={reward}: this run has no preference model yet"):
            run_small(tmp_path / str(number), **BY_MODEL | {"train__reward": reward})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"judge__method": "pairwise"}, "set judge.method=expected"),
        ({"judge__panel": ["seed"]}, "or train.reward=preference"),
        ({"judge__safety_first": "true"}, "without judge.panel, commit_first, agreement and safety_first"),
        ({"judge__adapter": "base", "judge__base": "microworld:m0"}, "judge.adapter=base is another model"),
        ({"generate__max_tokens": "600"}, "no room for a prompt within train.max_length_tokens=512"),
        ({"train__reference": "ema", "train__start": "seed"}, "set train.start=continue"),
    ],
)
def test_settings_that_no_reward_follows_from_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_training(small_config(**RL, **changes))


def test_a_run_stores_what_its_trainer_reads_and_nothing_of_the_other_methods() -> None:
    config = small_config(**RL, train__length_penalty="0.01")
    stored = config.semantic()["train"]
    assert {"method", "reward", "completions", "kl_coef", "max_kl_nats", "length_penalty", "reference"} <= {*stored}
    assert not {"learn", "loss", "pooled", "held_out_frac"} & {*stored}
    assert "length_penalty" not in small_config(**RL).semantic()["train"]
    assert not {"reward", "completions", "kl_coef"} & {*small_config().semantic()["train"]}
    assert Config.model_validate(json.loads(json.dumps({**config.semantic(), **config.operational()}))) == config
