"""Pairs of the judge, of people and of demonstrations; older answers beside new ones; labels by agreement."""

import math
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import kendalltau
from small import chain, run_small, small_config

from loop.demonstration_file import demonstrations_path, read_demonstrations
from loop.engine.protocol import Score
from loop.engine.stub import StubEngine
from loop.preflight import check
from loop.unasked import unasked_steps
from runs.errors import ConfigError
from runs.output import Output
from runs.pair_table import sample_pairs
from runs.records import Iteration, PreferencePair, Response
from runs.store import Store
from runs.verify import verify

LABELS: dict[str, Any] = {"pair__source": "labels", "pair__file": "microworld"}
DEMONSTRATIONS: dict[str, Any] = {"pair__source": "demonstrations", "pair__file": "microworld"}


def output(store: Store, iteration: Iteration, step: str) -> Output:
    return store.output(iteration.outputs[step])


def pairs_of(store: Store, iteration: Iteration) -> list[PreferencePair]:
    return store.all_rows("pairs", output(store, iteration, "pair"))


def answers_of(store: Store, iteration: Iteration) -> dict[str, Response]:
    steps = [step for step in ("generate", "pair") if step in iteration.outputs]
    return {one.digest: one for step in steps for one in store.all_rows("responses", output(store, iteration, step))}


def test_of_peoples_labels_pairs_are_made_without_an_answer_or_a_judgment(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, **LABELS)
    assert outcome.kind == "done" and verify(store) == []
    first, second = chain(store)[1:]
    assert not {"generate", "judge"} & first.outputs.keys()
    for iteration in (first, second):
        pairs, answers = pairs_of(store, iteration), answers_of(store, iteration)
        assert len(pairs) == 24 == output(store, iteration, "train").metrics["signal/pairs_used"]
        assert {(p.label_source, p.margin) for p in pairs} == {("people", 0.0)}
        assert {(answers[p.chosen].by, answers[p.chosen].token_ids) for p in pairs} == {("person", ())}
        shown = sample_pairs(store, [store.output(one) for one in iteration.outputs.values()])
        assert len(shown) == 20 and all(row["chosen"] != row["rejected"] for row in shown)
    assert not {p.prompt for p in pairs_of(store, first)} & {p.prompt for p in pairs_of(store, second)}
    run = store.run("r1")
    assert run is not None and {"generate", "judge"} <= unasked_steps(run.config, 1)


def test_people_and_the_judge_are_mixed_in_the_share_that_is_set(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, iterations="1", pair__judged_frac="0.25", **LABELS)
    assert outcome.kind == "done"
    pairs = pairs_of(store, chain(store)[1])
    judged = [pair for pair in pairs if pair.label_source == "self"]
    assert judged and len(pairs) - len(judged) == round(judged and len(judged) * 3)
    metrics = output(store, chain(store)[1], "pair").metrics
    assert (metrics["signal/pairs"], metrics["signal/pairs_given"]) == (len(pairs), len(pairs) - len(judged))
    assert output(store, chain(store)[1], "train").metrics["signal/pairs_used"] == len(pairs)


def test_a_demonstration_is_chosen_over_each_different_answer_to_its_prompt(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, train__pooled="true", **DEMONSTRATIONS)
    assert outcome.kind == "done" and verify(store) == []
    written = {one.prompt.digest: one.answer for one in read_demonstrations(demonstrations_path("microworld"))}
    for iteration in chain(store)[1:]:
        assert "judge" not in iteration.outputs
        pairs, answers = pairs_of(store, iteration), answers_of(store, iteration)
        assert {p.label_source for p in pairs} == {"demonstrations"} and len(pairs) > 24
        assert all(answers[p.chosen].text == written[p.prompt] for p in pairs)
        assert all(answers[p.rejected].adapter == chain(store)[iteration.index - 1].policy for p in pairs)
        said = [(p.prompt, answers[p.rejected].text) for p in pairs]
        assert len(set(said)) == len(said)
    counts = [len(pairs_of(store, iteration)) for iteration in chain(store)[1:]]
    assert output(store, chain(store)[2], "train").metrics["signal/pairs_used"] == sum(counts)


def test_the_seeds_answers_may_be_rejected_and_are_never_chosen(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, generate__seed_samples="3")
    assert outcome.kind == "done"
    seed, first, second = chain(store)
    assert "seed_shards" not in output(store, first, "generate").values
    answers = answers_of(store, second)
    assert [one.adapter for one in answers.values()].count(seed.policy) == 3 * 24
    by = [(answers[p.chosen].adapter, answers[p.rejected].adapter) for p in pairs_of(store, second)]
    assert {chosen for chosen, _ in by} == {first.policy}
    assert {rejected for _, rejected in by} == {first.policy, seed.policy}
    share = output(store, second, "pair").metrics["signal/rejected_of_seed_frac"]
    assert share == sum(rejected == seed.policy for _, rejected in by) / len(by)


def test_what_won_before_stands_beside_the_new_answers_to_the_same_prompt(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.jsonl"
    lines = [f'{{"prompt": "question {n}", "split": "{"held-out" if n % 2 else "train"}"}}' for n in range(40)]
    prompts.write_text("\n".join(lines), encoding="utf-8")
    others = {"prompts__source": str(prompts), "gold__enabled": "false", "measure__anchors": None}
    store, outcome = run_small(tmp_path / "home", generate__past_winners="true", **others)
    assert outcome.kind == "done"
    first, second = chain(store)[1:]
    won = {pair.chosen for pair in pairs_of(store, first)}
    assert output(store, first, "generate").metrics["signal/past_winners"] == 0
    assert won and won <= answers_of(store, second).keys()
    assert output(store, second, "generate").metrics["signal/past_winners"] == len(won)
    assert any(pair.chosen in won for pair in pairs_of(store, second))


@pytest.mark.parametrize("method", ["expected", "pairwise"])
def test_labels_are_as_sure_as_the_judge_agrees_with_the_one_before_it(tmp_path: Path, method: str) -> None:
    asked = {"pair__labels": "consistency", "judge__method": method}
    store, outcome = run_small(tmp_path / "a", **asked)
    assert outcome.kind == "done" and verify(store) == []
    first, second = chain(store)[1:]
    assert {pair.label_probability for pair in pairs_of(store, first)} == {1.0}  # nobody judged before
    (mean,) = {pair.label_probability for pair in pairs_of(store, second)}
    assert mean == output(store, second, "pair").metrics["signal/ranking_consistency_mean"] and 0 < mean < 1
    judges = {row.adapter for row in store.all_rows("judgments", output(store, second, "pair"))}
    assert judges == {chain(store)[0].policy}
    if method == "expected":
        store, _ = run_small(tmp_path / "b", pair__consistency="prompt", **asked)
        assert len({pair.label_probability for pair in pairs_of(store, chain(store)[2])}) > 2


def test_labels_can_be_as_sure_as_the_policies_implicit_rewards_rank_the_answers_alike(tmp_path: Path) -> None:
    asked = {"pair__labels": "consistency", "pair__ranked_by": "implicit", "judge__adapter": "seed"}
    store, outcome = run_small(tmp_path, iterations="3", gold__enabled="false", prompts__count="8", **asked)
    assert outcome.kind == "done" and verify(store) == []
    seed, first, second, third = chain(store)
    for early in (first, second):  # the policy before, or both, are the seed, whose own reward ranks nothing
        assert {pair.label_probability for pair in pairs_of(store, early)} == {1.0}
    ranked = store.all_rows("judgments", output(store, third, "pair"))
    assert {row.adapter for row in ranked} == {first.policy, second.policy}
    answers = answers_of(store, third)
    engine = StubEngine(seed.policy)
    agreed = []
    for prompt in store.all_rows("prompts", output(store, third, "prompts")):
        texts = sorted({answer.text for answer in answers.values() if answer.prompt == prompt.digest})
        ranks = []
        for policy in (second.policy, first.policy):
            engine.serve(policy)
            said = engine.run([Score(prompt.messages, who, text) for text in texts for who in (policy, seed.policy)])
            sums = [sum(one.logprobs) for one in said]
            ranks.append([own - reference for own, reference in zip(sums[::2], sums[1::2], strict=True)])
        if len(texts) > 1:
            agreed.append((kendalltau(*ranks).statistic + 1) / 2)
    (label,) = {pair.label_probability for pair in pairs_of(store, third)}
    assert label == pytest.approx(sum(agreed) / len(agreed))


def test_a_label_can_be_as_sure_as_the_scores_are_apart(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="1", pair__labels="margin")
    pairs = pairs_of(store, chain(store)[1])
    assert pairs and all(math.isclose(p.label_probability, 1 / (1 + math.exp(-p.margin))) for p in pairs)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pair__source": "labels"}, "pair.source=labels wants a file"),
        ({"pair__labels": "soft"}, "pair.labels=soft wants probabilities"),
        ({"pair__labels": "consistency", "judge__adapter": "seed"}, "agrees with itself an iteration before"),
        ({**LABELS, "preference__source": "pairs"}, "preference.source=pairs learns from the judge's pairs"),
        ({**DEMONSTRATIONS, "prompts__self_made_frac": "0.5"}, "leave out prompts.self_made_frac"),
        ({**LABELS, "generate__seed_samples": "2"}, "are for a judge to reject"),
    ],
)
def test_pairs_that_cannot_be_had_are_refused_at_the_door(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(small_config(**changes))


def test_a_file_of_pairs_that_the_judge_is_held_against_is_refused() -> None:
    anchors = demonstrations_path("microworld").with_name("anchor.jsonl")
    with pytest.raises(ConfigError, match=r"held against \(measure.anchors\)"):
        check(small_config(pair__source="labels", pair__file=str(anchors)))


def test_what_is_off_is_in_no_key() -> None:
    assert small_config().semantic()["pair"] == {"min_margin": 0.1, "labels": "hard"}
    assert small_config().semantic()["generate"].keys() == {"samples", "temperature", "top_p", "max_tokens"}


def test_a_moving_average_over_adapters_that_began_afresh_in_an_earlier_phase_is_refused() -> None:
    later = [{"since": 2, "settings": {"train.reference": "ema", "train.start": "continue"}}]
    with pytest.raises(ConfigError, match=r"train\.start=seed those of an earlier phase have other matrices"):
        check(small_config(train__start="seed", phases=later))
    check(small_config(phases=later))
    first = [{"since": 1, "settings": {"train.start": "continue"}}, *later]
    check(small_config(train__start="seed", phases=first))
