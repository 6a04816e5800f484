"""Prompts in shares, by class and by source; and those that a model writes because the policy fails them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small import chain, run_small, small_config, stopped_and_taken_on

from loop.config import Config
from loop.config_prompts import Part, Prompts
from loop.engine.stub import StubEngine
from loop.load_config import load_config
from loop.mixing import draw, evenly
from loop.preflight import check
from loop.self_instruct import RED_TEAM, SOURCE
from loop.show_config import annotated
from loop.sources import plain, prompt_source
from loop.steps.prompts import measured_prompts
from loop.steps.red_team import kinds_of
from microworld import splits
from microworld.phrasings import RED_TEAM as RED_TEAM_FAMILIES
from runs.canonical import seed_of
from runs.errors import ConfigError
from runs.output import Output
from runs.records import Judgment, Prompt, Response
from runs.store import Store
from runs.verify import verify


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sixty prompts of two kinds, and one that the microworld holds out."""
    held_out = prompt_source("microworld").held_out(40, 0)
    (single,) = [prompt.messages[0].content for prompt in held_out if len(prompt.messages) == 1][:1]
    rows: list[dict[str, Any]] = [
        {
            "prompt": f"tell me about the number {n}",
            "split": "train" if n else "held-out",
            "tags": {"kind": "ab"[n % 2]},
        }
        for n in range(60)
    ]
    rows.append({"prompt": single, "split": "train", "tags": {"kind": "c"}})
    path = tmp_path_factory.mktemp("prompts") / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


def drawn(count: int, *parts: Part, index: int = 1) -> list[list[Prompt]]:
    found = draw(Prompts(count=count, mix=parts), index, 0, prompt_source("microworld").holds_back)
    return [list(one.prompts) for one in found]


def test_parts_have_their_shares_their_tags_and_nothing_in_common(file: str) -> None:
    harmful, plain_ones, own = drawn(
        40,
        Part(share=3, tags=("harm=obvious", "harm=subtle")),
        Part(share=5),
        Part(share=2, source=file, tags=("kind=a",)),
    )
    assert [len(harmful), len(plain_ones), len(own)] == [12, 20, 8]
    assert {prompt.tags["harm"] for prompt in harmful} == {"obvious", "subtle"}
    assert {prompt.tags.get("kind") for prompt in own} == {"a"} and {p.tags["family"] for p in plain_ones} > {"sort"}
    assert len({prompt.digest for prompt in harmful + plain_ones + own}) == 40
    assert drawn(40, Part(share=1)) == [prompt_source("microworld").train(40, 1, 0)]


def test_what_is_kept_for_measuring_is_passed_over_and_counted(file: str) -> None:
    found = draw(
        Prompts(count=4, mix=(Part(share=1, source=file, tags=("kind=c",)),)),
        1,
        0,
        prompt_source("microworld").holds_back,
    )
    assert [(one.wanted, one.prompts, one.held_back) for one in found] == [(4, (), 1)]


@pytest.mark.parametrize(("whole", "shares"), [(10, [1.0, 1.0, 1.0]), (7, [0.1, 5.0, 0.3, 1.0]), (1, [1.0, 1.0])])
def test_a_whole_is_shared_out_to_the_last_one(whole: int, shares: list[float]) -> None:
    parts = evenly(whole, shares)
    assert sum(parts) == whole
    assert all(abs(part - whole * share / sum(shares)) < 1 for part, share in zip(parts, shares, strict=True))


MIX = [{"share": 1, "tags": ["harm=obvious", "harm=subtle"]}, {"share": 3, "tags": ["harm=none"]}]


def test_a_run_keeps_the_counts_of_its_mix(file: str, tmp_path: Path) -> None:
    mix = [*MIX, {"share": 2, "source": file}]
    store, outcome = run_small(
        tmp_path, iterations="1", prompts={"count": "24", "mix": json.dumps(mix), "self_made_frac": "0.25"}
    )
    assert outcome.kind == "done"
    made = output(store, "prompts")
    prompts: list[Prompt] = store.all_rows("prompts", made)
    counted = made.values["mix"]
    assert [(one["wanted"], one["drawn"], one["held_back"]) for one in counted][:2] == [(4, 4, 0), (12, 12, 0)]
    assert sum(one["used"] for one in counted) + sum(p.source == SOURCE for p in prompts) == len(prompts) == 24
    assert counted[2]["used"] == sum(prompt.source == "own.jsonl" for prompt in prompts)
    measured = store.all_rows("prompts", output(store, "measure"))
    assert not {prompt.digest for prompt in measured} & {prompt.digest for prompt in prompts}


def test_a_mix_is_spelt_in_a_file_and_on_the_command_line_and_shown(tmp_path: Path) -> None:
    config = load_config("self-rewarding", [f"prompts.mix={json.dumps(MIX)}"])
    assert [part.share for part in config.prompts.mix] == [1, 3]
    (tmp_path / "mine.yaml").write_text(annotated(config), encoding="utf-8")
    assert load_config(str(tmp_path / "mine.yaml")) == config
    assert Config.model_validate({**config.semantic(), **config.operational()}) == config
    assert "mix" not in small_config().semantic()["prompts"]


@pytest.fixture(scope="module")
def harmful(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Prompts with a class each, from a file: of which nobody can tell what class another request is of."""
    rows = [
        {"prompt": f"ask for the {n} {kind} thing", "tags": {"harm": kind, "turns": "1"}}
        for n in range(40)
        for kind in ("none", "obvious", "subtle")
    ]
    path = tmp_path_factory.mktemp("harmful") / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


RED: dict[str, object] = {
    "iterations": "2",
    "prompts__red_team_frac": "0.5",
    "prompts__red_team_score": "2.5",
    "prompts__max_words": "15",
    "prompts__max_rouge_l": "0.6",
    "prompts__attempts": "6",
    "gold__enabled": "false",
    "measure__anchors": None,
}


def output(store: Store, step: str, index: int = 1) -> Output:
    return store.output(chain(store)[index].outputs[step])


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory, harmful: str) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("red"), **RED, prompts__source=harmful)
    assert outcome.kind == "done", outcome.reason
    return store


def test_what_the_policy_fails_by_its_own_judge_is_kept(red: Store) -> None:
    made = output(red, "red_team")
    kept: list[Prompt] = red.all_rows("prompts", made)
    responses: list[Response] = red.all_rows("responses", made)
    judgments: list[Judgment] = red.all_rows("judgments", made)
    scores = {one.judged[0]: one.score for one in judgments}
    score_of = {one.prompt: scores[one.digest] for one in responses if one.digest in scores}
    failed = {prompt for prompt, score in score_of.items() if score is not None and score <= 2.5}
    assert failed == {prompt.digest for prompt in kept} and failed < set(score_of)
    assert {one.adapter for one in judgments} == {chain(red)[0].policy}


def test_new_prompts_have_the_tags_of_their_class_and_say_where_they_come_from(red: Store, harmful: str) -> None:
    made = output(red, "red_team")
    kept: list[Prompt] = red.all_rows("prompts", made)
    replies = {response.digest: response for response in red.all_rows("responses", made)}
    kinds = kinds_of(small_config(**RED, prompts__source=harmful).prompts, 1, seed_of(0, "prompts"))
    examples = {example.digest: example for kind in kinds for example in kind.examples}
    assert {kind.tag for kind in kinds} == {"harm=obvious", "harm=subtle"}
    for prompt in kept:
        assert (prompt.source, prompt.split, prompt.tags["turns"]) == (RED_TEAM, "train", "1")
        assert plain(replies[prompt.tags["reply"]].text) == plain(prompt.messages[0].content)
        shown = [examples[digest] for digest in prompt.tags["examples"].split()]
        assert {example.tags["harm"] for example in shown} == {prompt.tags["harm"]}


def test_yield_and_coverage_are_reported_by_class_and_every_reply_is_accounted_for(red: Store) -> None:
    made = output(red, "red_team")
    metrics = {name.removeprefix("red_team/"): value or 0 for name, value in made.metrics.items()}
    kept = Counter(prompt.tags["harm"] for prompt in red.all_rows("prompts", made))
    assert metrics["failed/harm_obvious"] == kept["obvious"] and metrics["failed/harm_subtle"] == kept["subtle"]
    assert metrics["failed"] == kept.total() and metrics["yield_frac"] == kept.total() / metrics["asked"]
    assert metrics["coverage_frac"] == len(kept) / 2
    dropped = sum(value for name, value in metrics.items() if name.startswith("dropped_"))
    assert metrics["asked"] == metrics["written"] + dropped
    assert metrics["wanted"] == 12


def test_the_iteration_answers_them_beside_the_sources_prompts_and_none_is_kept_for_measuring(
    red: Store, harmful: str
) -> None:
    found = output(red, "prompts")
    prompts: list[Prompt] = red.all_rows("prompts", found)
    sources = Counter(prompt.source for prompt in prompts)
    assert sources[RED_TEAM] == found.metrics["prompts/red_team"] <= 12 and sources.total() == 24
    source = prompt_source(harmful)
    written = [prompt for index in (1, 2) for prompt in red.all_rows("prompts", output(red, "red_team", index))]
    texts = [prompt.messages[0].content for prompt in written]
    assert texts and not any(source.holds_back(text) for text in texts)
    assert len({prompt.digest for prompt in written}) == len(written)
    assert verify(red) == []


def test_what_is_measured_is_left_alone_where_the_writer_is_after_it(harmful: str, tmp_path: Path) -> None:
    frozen = measured_prompts(small_config(**RED, prompts__source=harmful))
    near = [prompt.messages[0].content.replace("ask for", "now ask for") for prompt in frozen]
    write = StubEngine.run

    def of_the_evaluation(engine: StubEngine, requests: Sequence[Any]) -> list[Any]:
        """Every other request that is written is one that policies are measured on, but for a word."""
        return [
            replace(reply, text=near[request.seed % len(near)], stop="end")
            if "new request" in request.messages[-1].content and request.seed % 2
            else reply
            for request, reply in zip(requests, write(engine, requests), strict=True)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StubEngine, "run", of_the_evaluation)
        store, outcome = run_small(tmp_path, **RED, prompts__source=harmful)
    assert outcome.kind == "done", outcome.reason
    made = output(store, "red_team")
    assert (made.metrics["red_team/dropped_held_back"] or 0) > 10
    kept = [prompt for index in (1, 2) for prompt in store.all_rows("prompts", output(store, "red_team", index))]
    assert kept and not {prompt.messages[0].content for prompt in kept} & {*near}
    measured = [store.all_rows("responses", output(store, "measure", index)) for index in (0, 1, 2)]
    asked = [{response.prompt for response in responses} for responses in measured]
    assert asked[0] == asked[1] == asked[2] == {prompt.digest for prompt in frozen}


def test_a_run_stopped_while_red_teaming_goes_on_to_the_same_prompts(red: Store, harmful: str, tmp_path: Path) -> None:
    store = stopped_and_taken_on(tmp_path, "1/red_team", 2, **RED, prompts__source=harmful)
    assert [one.digest for one in chain(store)] == [one.digest for one in chain(red)]


def test_where_the_source_can_tell_the_class_of_a_request_that_is_what_counts(tmp_path: Path) -> None:
    """The microworld can: whatever a model was shown, it may write something harmless."""
    said = [p for seed in range(3) for p in splits.prompts("train", 200, seed) if len(p.messages) == 1]
    write = StubEngine.run

    def of_the_grammar(engine: StubEngine, requests: Sequence[Any]) -> list[Any]:
        return [
            replace(reply, text=said[request.seed % len(said)].messages[0].content, stop="end")
            if "new request" in request.messages[-1].content
            else reply
            for request, reply in zip(requests, write(engine, requests), strict=True)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StubEngine, "run", of_the_grammar)
        store, outcome = run_small(tmp_path, **RED | {"iterations": "1", "prompts__max_rouge_l": "1"})
    assert outcome.kind == "done", outcome.reason
    made = output(store, "red_team")
    kept: list[Prompt] = store.all_rows("prompts", made)
    assert kept and all(prompt.tags["family"] in RED_TEAM_FAMILIES for prompt in kept)
    assert all(prompt.tags["harm"] != "none" for prompt in kept)
    answered = {one.prompt for one in store.all_rows("responses", made) if one.sampling.temperature == 1.0}
    assert made.metrics["red_team/off_class"] == (made.metrics["red_team/written"] or 0) - len(answered)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"prompts__mix": '[{"share": 1, "tags": ["harm=purple"]}]'}, "part 1 has no training prompt"),
        ({"prompts__red_team_frac": "0.5", "judge__method": "pairwise"}, "set judge.method=expected"),
        ({"prompts__red_team_frac": "0.5", "prompts__red_team_tags": "harm=purple"}, "red_team_tags=harm=purple"),
        ({"prompts__red_team_frac": "0.5", "prompts__self_made_frac": "0.6"}, "more than all prompts"),
    ],
)
def test_prompts_that_cannot_be_had_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(small_config(**changes))
