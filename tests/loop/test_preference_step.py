"""Preference models in the loop on the stub engine: what they learn from, who they are, and how they judge."""

import json
from pathlib import Path
from typing import Any

import pytest
from small import run_small, small_config

from loop import drive
from loop.preflight import check
from loop.preflight_preference import check_preference_models
from loop.steps.preference_rows import learnt
from loop.steps.turn import Turn
from runs.errors import ConfigError
from runs.gc import Retention, garbage
from runs.lineage import iterations, resolve
from runs.output import Output
from runs.records import Judgment
from runs.store import Store
from runs.verify import verify

LABELS: dict[str, Any] = {"preference__source": "labels", "preference__labels": "microworld"}
BY_MODEL: dict[str, Any] = LABELS | {"judge__method": "preference"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """`r1` without preference models, and `r2` with one of the judge's pairs."""
    folder = tmp_path_factory.mktemp("home")
    run_small(folder, iterations="1")
    store, outcome = run_small(folder, "r2", iterations="1", preference__source="pairs")
    assert outcome.kind == "done"
    return store


def outputs(store: Store, step: str, name: str = "r1") -> list[Output]:
    run = store.run(name)
    assert run is not None
    return [store.output(one.outputs[step]) for one in iterations(store, run) if step in one.outputs]


def judgments(store: Store) -> list[Judgment]:
    return [row for output in outputs(store, "judge") for row in store.all_rows("judgments", output)]


def test_without_a_preference_model_no_iteration_has_the_step_and_no_key_names_it(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, iterations="1")
    assert outcome.kind == "done" and outputs(store, "preference") == []
    assert "preference" not in small_config().semantic()


def test_it_learns_from_each_iterations_pairs_or_from_all_so_far(tmp_path: Path) -> None:
    counts = {}
    for pooled in (False, True):
        store, _ = run_small(tmp_path / str(pooled), preference__source="pairs", preference__pooled=pooled)
        made = outputs(store, "preference")
        pairs = [len(store.all_rows("pairs", output)) for output in outputs(store, "pair")]
        counts[pooled] = [output.values["sources"]["all"] for output in made]
        assert [output.metrics["signal/preference_rows_judge"] for output in made] == [
            one["judge"] for one in counts[pooled]
        ]
        assert len({output.models["all"] for output in made}) == len(made) == 2
    assert [one["judge"] for one in counts[False]] == pairs
    assert [one["judge"] for one in counts[True]] == [pairs[0], sum(pairs)]


def test_of_peoples_labels_it_is_made_once_before_anything_is_judged_and_is_an_adapter_of_the_store(
    tmp_path: Path,
) -> None:
    store, outcome = run_small(tmp_path, **BY_MODEL)
    assert outcome.kind == "done"
    made = outputs(store, "preference")
    assert len(made) == 3 and len({output.models["all"] for output in made}) == 1
    assert {output.values["since"] for output in made} == {0}
    (model,) = {output.models["all"] for output in made}
    assert {path.name for path in store.adapter_folder(model).iterdir()} == {
        "adapter_model.safetensors",
        "adapter_config.json",
    }
    rows = judgments(store)
    assert rows and {(own.by, own.method, own.adapter) for own in rows} == {("preference_model", "preference", model)}
    assert len({own.score for own in rows}) > 10
    assert not verify(store)


def test_two_models_judge_by_llama_2s_rule_each_where_it_is_its_turn(tmp_path: Path) -> None:
    changes = BY_MODEL | {"preference__models": "by_safety", "judge__safety_first": True, "iterations": "1"}
    store, outcome = run_small(tmp_path, **changes)
    assert outcome.kind == "done"
    made = outputs(store, "preference")[0]
    assert made.models.keys() == {"safety", "helpfulness"} and len(set(made.models.values())) == 2
    total = made.values["sources"]["safety"]["people"] + made.values["sources"]["helpfulness"]["people"]
    assert (made.values["sources"]["safety"]["people"], total) == (328, 1517)  # 83 are held back
    rows = judgments(store)
    assert {(own.by, own.method, own.adapter) for own in rows} == {
        ("preference_model", "safety_first", made.values["seat"])
    }


def test_hybrid_takes_the_judges_word_on_risky_prompts_and_peoples_on_all_others(tmp_path: Path) -> None:
    changes = LABELS | {"preference__source": "hybrid", "iterations": "1"}
    store, _ = run_small(tmp_path, **changes)
    (made,) = outputs(store, "preference")
    prompts = {p.digest: p for p in store.all_rows("prompts", outputs(store, "prompts")[0])}
    pairs = store.all_rows("pairs", outputs(store, "pair")[0])
    risky = [p for p in pairs if prompts[p.prompt].tags["harm"] in ("obvious", "subtle")]
    assert made.values["sources"]["all"] == {"judge": len(risky), "people": 1189}
    assert made.values["left_out"]["other_source"] == len(pairs) - len(risky) + 328


def test_labels_of_prompts_that_are_held_back_for_measuring_are_not_learnt_from(tmp_path: Path) -> None:
    lines = [{"prompt": f"question {n}", "split": "held-out" if n % 2 else "train"} for n in range(10)]
    prompts, labels = tmp_path / "prompts.jsonl", tmp_path / "labels.jsonl"
    prompts.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    pairs = [{"prompt": f"Question  {n}", "chosen": "yes", "rejected": "no"} for n in range(10)]
    labels.write_text("\n".join(map(json.dumps, pairs)), encoding="utf-8")
    changes = {"preference__source": "labels", "preference__labels": str(labels), "preference__margin": 2.0}
    config = small_config(prompts__source=str(prompts), gold__enabled=False, measure__anchors=None, **changes)
    with drive.desk_of(Store(tmp_path / "home"), "r1", config) as desk:
        rows, left_out = learnt(desk, Turn(0, ()))
    assert left_out["held_back"] == 5
    found = rows["all"].rows.to_pylist()
    assert [row["prompt"][0]["content"] for row in found] == [f"Question  {n}" for n in range(0, 10, 2)]
    assert {(row["chosen"], row["rejected"], row["label_probability"], row["margin"]) for row in found} == {
        ("yes", "no", 1.0, 2.0)
    }


def test_a_model_that_judges_is_measured_against_labels_and_audited_as_any_judge_is(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, **BY_MODEL, iterations="1", audit__items="16")
    assert outcome.kind == "done"
    assert all(output.metrics["judge/anchor_unscored_frac"] == 0 for output in outputs(store, "measure"))
    found = outputs(store, "audit")[-1]
    assert any(name.startswith("audit/") and value is not None for name, value in found.metrics.items())
    rows = store.all_rows("judgments", found)
    assert rows and {own.by for own in rows} == {"preference_model"}


def test_a_judge_by_model_before_there_is_one_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this run has no preference model yet"):
        run_small(tmp_path, judge__method="preference")
    with pytest.raises(ConfigError, match=r"safety_first=false"):
        run_small(tmp_path / "two", **BY_MODEL, judge__safety_first=True)


JUDGED_BY_MODEL = {"judge__method": "preference"}
REWARDED_BY_MODEL = {"train__method": "rl", "train__reward": "preference"}
LATER: dict[str, Any] = {"since": 2, "settings": {"judge.method": "preference"}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (JUDGED_BY_MODEL, "when iteration 0 judges by one; learn it from labels"),
        (JUDGED_BY_MODEL | {"preference__source": "pairs"}, "when iteration 0 judges by one"),
        ({"phases": [LATER]}, "when iteration 2 judges by one"),
        ({"phases": [LATER | {"since": 1}], "preference__source": "pairs"}, "when iteration 1 judges by one"),
        (REWARDED_BY_MODEL, "when iteration 1 trains by one; learn it from labels"),
        (REWARDED_BY_MODEL | {"train__reward": "composite"}, "train.reward=composite: .* when iteration 1 trains"),
        ({"phases": [{"since": 3, "settings": {"train.method": "rl", "train.reward": "preference"}}]}, "iteration 3"),
        (JUDGED_BY_MODEL | {"judge__adapter": "r1@1"}, "r1@1 has no preference model"),
    ],
)
def test_a_model_that_would_not_be_there_when_it_is_asked_is_refused_at_the_door(
    home: Store, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        check_preference_models(small_config(**changes), home)


@pytest.mark.parametrize(
    "changes",
    [
        BY_MODEL,
        REWARDED_BY_MODEL | LABELS,
        REWARDED_BY_MODEL | {"preference__source": "pairs"},
        {"phases": [LATER], "preference__source": "pairs"},
        {"phases": [{"since": 2, "settings": {"preference.source": "pairs"}}, LATER | {"since": 3}]},
        JUDGED_BY_MODEL | {"judge__adapter": "r2@1"},
    ],
)
def test_a_model_that_is_there_in_time_is_no_reason_to_refuse(home: Store, changes: dict[str, Any]) -> None:
    check_preference_models(small_config(**changes), home)


def test_a_branch_has_the_models_of_the_iteration_that_it_goes_on_from(home: Store) -> None:
    for changes in (JUDGED_BY_MODEL, REWARDED_BY_MODEL):
        check_preference_models(small_config(**changes), home, resolve(home, "r2@1").iteration)
        with pytest.raises(ConfigError, match="when iteration 2"):
            check_preference_models(small_config(**changes), home, resolve(home, "r1@1").iteration)


def test_a_phase_can_judge_by_the_model_that_an_earlier_one_trained(tmp_path: Path) -> None:
    later = {"since": 2, "settings": {"preference.source": "none", "judge.method": "preference"}}
    store, outcome = run_small(tmp_path, preference__source="pairs", phases=[later])
    assert outcome.kind == "done"
    (made,) = outputs(store, "preference")
    first, second = (store.all_rows("judgments", output) for output in outputs(store, "judge"))
    assert {own.by for own in first} == {"base"} and {own.adapter for own in second} == {made.models["all"]}


def test_another_run_can_be_judged_by_the_models_of_an_address(home: Store) -> None:
    (made,) = outputs(home, "preference", "r2")
    run_small(home.home, "r3", iterations="1", judge__method="preference", judge__adapter="r2@1")
    rows = [own for output in outputs(home, "judge", "r3") for own in home.all_rows("judgments", output)]
    assert {own.adapter for own in rows} == {made.models["all"]}


def test_pruning_leaves_the_models_that_still_judge(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="3", preference__source="pairs")
    made = outputs(store, "preference")
    with store.lock():
        found = garbage(store, Retention(older_than=0))
    going = {path.name for path in found.weights}
    of = [store.adapter(output.models["all"]).weights.removeprefix("s1:") for output in made]
    assert [weights in going for weights in of] == [True, True, False]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "p", "chosen": "a"}', "`rejected` must be a text that is not empty"),
        ('{"prompt": "p", "chosen": "a", "rejected": " "}', "`rejected` must be a text that is not empty"),
        ('{"chosen": "a", "rejected": "b"}', "either `prompt` or `messages`"),
        ('{"prompt": "p", "chosen": "a", "rejected": "b", "label_probability": 2}', "from 0 to 1"),
        ('{"prompt": "p", "chosen": "a", "rejected": "b", "weight": -1}', "from 0 up"),
        ('{"prompt": "p", "chosen": "a", "rejected": "b", "wait": 1}', "nothing reads 'wait'"),
        ('{"messages": [], "a": "x", "b": "y", "label": "both"}', "must be a, b or tie"),
    ],
)
def test_a_line_that_is_no_label_is_refused_with_its_place(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}\n' + line, encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as refused:
        check(small_config(preference__source="labels", preference__labels=str(path)))
    assert "line 2" in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preference__source": "labels"}, "set preference.labels=FILE"),
        ({"preference__source": "pairs", "preference__batch_size": 7}, "no multiple of preference.micro_batch_size"),
        ({"judge__method": "preference", "judge__adapter": "seed"}, "judge.adapter=seed"),
        ({"judge__method": "preference", "judge__panel": ["r1@1"]}, "no panel"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(small_config(**changes))


def test_a_file_is_for_learning_or_for_holding_the_judge_against(tmp_path: Path) -> None:
    anchors = Path(drive.__file__).parent.parent / "microworld" / "anchor.jsonl"
    with pytest.raises(ConfigError, match="so split the file"):
        check(small_config(preference__source="labels", preference__labels=str(anchors)))
