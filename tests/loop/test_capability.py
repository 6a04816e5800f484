"""What a policy gets right of prompts whose answer is known: measured each time, and nothing learnt from it."""

import json
from pathlib import Path
from statistics import fmean

import pytest
from small import chain, run_small, small_config

from loop.config_capability import Capability
from loop.steps.capability import Tried, capability_metrics, known_prompts
from runs.errors import ConfigError
from runs.output import Output
from runs.records import Judgment, Prompt, Response
from runs.store import Store

SMALL = {"prompts": "microworld", "count": 8, "samples": 3}


def found_by(store: Store) -> list[Output]:
    """What the step gave in each iteration."""
    return [store.output(one.outputs["capability"]) for one in chain(store)]


def test_a_policy_has_one_greedy_and_so_many_sampled_answers_to_each_prompt_and_a_verdict_on_each(
    tmp_path: Path,
) -> None:
    store, _ = run_small(tmp_path, iterations="1", capability=SMALL)
    for found in found_by(store):
        answers: list[Response] = store.all_rows("responses", found)
        verdicts: list[Judgment] = store.all_rows("judgments", found)
        assert [one.sampling.temperature for one in answers] == [0.0] * 8 + [1.0] * 24
        assert [one.judged for one in verdicts] == [(answer.digest,) for answer in answers]
        assert {one.by for one in verdicts} == {"verifier"}
        prompts: list[Prompt] = store.all_rows("prompts", found)
        assert [one.prompt for one in answers[:8]] == [prompt.digest for prompt in prompts]
        shares = {row.tag: row.numbers for row in store.all_rows("measurements", found)}
        assert {"", "family=sort", "difficulty=1"} <= shares.keys()
        assert not any(tag.startswith("reference=") for tag in shares)
        items = store.all_rows("drift_items", found)
        assert [one.item for one in items] == [prompt.digest for prompt in prompts]
        assert fmean(one.numbers["sampled"] for one in items) == pytest.approx(
            found.metrics["policy/capability_sampled_frac"]
        )


def test_the_same_prompts_are_put_in_each_iteration_and_without_a_file_there_is_no_such_step(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path / "with", capability=SMALL)
    assert len({found.tables["prompts"] for found in found_by(store)}) == 1
    store, _ = run_small(tmp_path / "without")
    assert not any("capability" in one.outputs for one in chain(store))


def test_nothing_before_the_guards_depends_on_it(tmp_path: Path) -> None:
    with_it, _ = run_small(tmp_path / "with", iterations="1", capability=SMALL)
    without, _ = run_small(tmp_path / "without", iterations="1")
    for step in ("generate", "judge", "pair", "train", "measure"):
        assert chain(with_it)[1].outputs[step] == chain(without)[1].outputs[step], step
    assert found_by(with_it)[1].metrics.keys() >= {"policy/capability_greedy_frac"}


def test_shares_are_over_prompts_and_pass_at_k_asks_for_one_right_answer_of_k() -> None:
    prompt, yes, no = Prompt((), "test"), True, False
    tried = [
        Tried(prompt, True, (yes, yes, no, no)),
        Tried(prompt, False, (no, yes, no, no)),
        Tried(prompt, False, (no,) * 4),
    ]
    found = capability_metrics(tried)
    assert found["policy/capability_greedy_frac"] == pytest.approx(1 / 3)
    assert found["policy/capability_sampled_frac"] == pytest.approx(3 / 12)
    assert found["policy/pass_at_2_frac"] == pytest.approx((5 / 6 + 1 / 2) / 3)
    assert found["policy/pass_at_4_frac"] == pytest.approx(2 / 3)


def test_a_prompt_that_no_answer_can_be_right_to_is_refused_at_the_door(tmp_path: Path) -> None:
    path = tmp_path / "known.jsonl"
    rows = [{"prompt": "one and one?", "tags": {"reference": "2"}}, {"prompt": "why?", "tags": {}}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"known.jsonl: prompt 2 .*reference=None.*give each prompt a reference"):
        known_prompts(Capability(prompts=str(path)))
    assert len(known_prompts(Capability(prompts=str(path), count=1))) == 1


def test_a_run_without_such_prompts_has_nothing_of_it_in_its_settings() -> None:
    assert "capability" not in small_config().semantic()
    assert "capability" in small_config(capability=SMALL).semantic()
