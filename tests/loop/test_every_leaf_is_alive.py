"""No dead option: a semantic leaf changes the key of its own step first, an operational one changes none."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from small import quiet, run_small, small_config

from loop import drive
from loop.config import Config
from loop.config_judge import MORE, READ, WHO
from loop.config_operational import OPERATIONAL
from loop.config_train import RL
from loop.iterate import PlannedStep
from loop.pipeline import GOLD, steps_of
from loop.steps.turn import Turn
from runs.records import Run
from runs.store import Store

FIRST_READER = {
    "seed": "0/seed",
    "constitution": "0/measure",
    "model": "0/seed",
    "prompts": "1/prompts",
    "generate": "1/generate",
    "revise": "1/revise",
    "judge": "0/measure",
    "pair": "1/pair",
    "meta_judge": "1/meta",
    "preference": "1/preference",
    "train": "1/train",
    "measure": "0/measure",
    "capability": "0/capability",
    "drift": "0/drift",
    "audit": "0/audit",
    "guards": "0/decide",
    "engine": "0/measure",
    "phases": "1/train",
}
"""The first step that reads each section; design/001 says why `judge` and `engine` have several readers."""


TRAIN_READ: dict[str, dict[str, object]] = {
    "learn": {"method": "sft"},
    "revision": {"method": "sft", "learn": "revisions"},
    "demonstrations": {"method": "sft", "learn": "demonstrations", "demonstrations": __file__},
    "rehearsal_frac": {"demonstrations": "microworld"},
    **{leaf: {"method": "rl"} for leaf in RL},
    "stack_rank": {"start": "stack"},
    "judge_weight": {"method": "rl", "reward": "composite"},
    "reference_decay": {"reference": "ema"},
    "flip_rate": {"loss": "robust"},
    "held_out_every_steps": {"held_out_frac": 0.5},
    "patience": {"held_out_frac": 0.5},
}
"""What must be so for the trainer to read a leaf."""


def leaves(section: type[BaseModel], prefix: str = "") -> list[str]:
    """Every dotted leaf below a section."""
    found = []
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += leaves(field.annotation, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("home"), iterations="1")
    assert outcome.kind == "done"
    revising = read_by("train.revision")
    drive.begin(store, "r2", "test", small_config(iterations="1", **revising))
    assert drive.carry_on(store, "r2", quiet).kind == "done"
    drive.begin(store, "r3", "test", small_config(iterations="1", **read_by("meta_judge.max_frac")))
    assert drive.carry_on(store, "r3", quiet).kind == "done"
    return store


def other_value(leaf: str, value: Any, scratch: Path) -> Any:
    """A legal value of the leaf that is not `value`."""
    special: dict[str, Any] = {
        "constitution": str(scratch / "other.yaml"),
        "model.base": "microworld:m0",
        "model.revision": "0" * 40,
        "model.adapter": str(scratch / "adapter"),
        "model.dtype": "bfloat16",
        "model.device": "cuda",
        "prompts.source": str(scratch / "prompts.jsonl"),
        "prompts.adapter": "self",
        "prompts.mix": [{"share": 1.0, "tags": ["harm=none"]}],
        "prompts.red_team_tags": ["harm=subtle"],
        "judge.method": "rubric",
        "judge.adapter": "seed",
        "judge.panel": ["seed"],
        "judge.panel_rule": "majority",
        "judge.base": "microworld:m0",
        "judge.revision": "0" * 40,
        "judge.endpoint_url": "https://elsewhere.example/v1",
        "judge.endpoint_model": "another",
        "judge.safety_tags": ["family=sort"],
        "judge.agreement_tags": ["family=sort"],
        "judge.match": "number",
        "drift.match": "number",
        "judge.principle_ids": ["overall"],
        "judge.min_confidence": 0.8,
        "judge.max_distance": 0.5,
        "judge.max_certainty": 0.6,
        "revise.passes": 2,
        "revise.tags": ["family=sort"],
        "revise.accept_score": 4.5,
        "pair.source": "labels",
        "pair.file": str(scratch / "labels.jsonl"),
        "pair.judged_frac": 0.5,
        "pair.labels": "soft",
        "pair.consistency": "prompt",
        "pair.ranked_by": "implicit",
        "pair.length_control": 0.25,
        "preference.source": "pairs",
        "preference.labels": str(scratch / "labels.jsonl"),
        "preference.models": "by_safety",
        "preference.safety_tags": ["family=sort"],
        "preference.start": "policy",
        "train.method": "sft",
        "train.reward": "preference",
        "train.learn": "best",
        "train.demonstrations": str(scratch / "prompts.jsonl"),
        "train.revision": "last",
        "train.start": "seed",
        "train.replay_frac": 0.5,
        "train.rehearsal_frac": 0.5,
        "train.held_out_frac": 0.5,
        "train.reference": "base",
        "train.loss": "ipo",
        "train.schedule": "cosine",
        "measure.anchors": None,
        "capability.prompts": str(scratch / "known.jsonl"),
        "capability.match": "number",
        "guards.promote": "on_gain",
        "guards.approve": "on_warn",
        "guards.actions": {"min_pairs": "warn"},
        "guards.limits": [{"name": "own", "metric": "m", "at_most": 1, "group": "judge", "demanded": False}],
        "guards.paired": [{"name": "own", "stream": "s", "demanded": False}],
        "guards.charts": [{"name": "own", "stream": "loss"}],
        "engine.kind": "vllm",
        "phases": [{"since": 1, "settings": {"train.epochs": 7}}],
        "limits.engine_while_training": "stop",
        "export.tracking_uri": "sqlite:///elsewhere.db",
    }
    if leaf in special:
        return special[leaf]
    if isinstance(value, bool):
        return not value
    if value is None:
        return 7
    return value + 1 if isinstance(value, int) else value / 2 or 1.0


def read_by(leaf: str) -> dict[str, object]:
    """What must be so for anything to read the leaf: self-made prompts, a way of judging, or somebody who judges."""
    section, _, name = leaf.partition(".")
    if leaf in ("prompts.red_team_tags", "prompts.red_team_score"):
        return {"prompts__red_team_frac": 0.5}
    if section == "prompts":
        return {"prompts__self_made_frac": 0.5}
    if section == "meta_judge":
        return {"judge__method": "rubric", "guards__max_unscored_frac": 1, "meta_judge__max_frac": 0.5}
    if section == "capability":
        return {"capability__prompts": "microworld"}
    if section == "revise":
        return {"revise__passes": 1}
    if leaf in ("pair.consistency", "pair.ranked_by"):
        return {"pair__labels": "consistency"}
    if leaf in ("pair.source", "pair.file", "pair.judged_frac"):
        labels = {"pair__source": "labels", "pair__file": "microworld"}
        return {"pair__file": "microworld"} if name == "source" else labels
    if leaf == "train.revision":
        return {"revise__passes": 1} | {f"train__{name}": value for name, value in TRAIN_READ["revision"].items()}
    if section == "drift":
        return {"drift__items": 5}
    if section == "audit":
        return {"audit__items": 5}
    if name in WHO["base"]:
        return {"judge__adapter": "base", "judge__base": "microworld:m1"}
    if name in WHO["proven"]:
        return {"judge__adapter": "proven"}
    if name in WHO["endpoint"]:
        url = "https://here.example/v1"
        return {"judge__adapter": "endpoint", "judge__endpoint_url": url, "judge__endpoint_model": "one"}
    if section == "preference":
        labels = {"source": "hybrid", "labels": "microworld"}
        read = {"source": labels, "labels": labels, "safety_tags": {"models": "by_safety"}}
        settings = {"source": "pairs"} | read.get(name, {})
        return {f"preference__{leaf}": value for leaf, value in settings.items()}
    if name in MORE["safety_first"]:
        return {"judge__safety_first": True}
    if name == "agreement_tags":
        return {"judge__agreement": 0.5}
    if name == "match":
        return {"judge__method": "verifier", "judge__match": "exact"}
    if section == "train" and name in TRAIN_READ:
        return {f"train__{leaf}": value for leaf, value in TRAIN_READ[name].items()}
    if name == "panel_rule":
        return {"judge__panel": ["seed"]}
    methods = [method for method, read in READ.items() if name in read]
    return {"judge__method": methods[0]} if section == "judge" and methods else {}


def changed(config: Config, leaf: str, scratch: Path) -> Config:
    """The configuration with one leaf changed."""
    tree = config.model_dump(mode="json")
    *path, last = leaf.split(".")
    section = tree
    for name in path:
        section = section[name]
    section[last] = other_value(leaf, section[last], scratch)
    return Config.model_validate(tree)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files for the leaves that name one: other words, other prompts, an adapter (only its bytes matter)."""
    folder = tmp_path_factory.mktemp("scratch")
    shipped = (Path(drive.__file__).parent.parent / "constitutions" / "microworld.yaml").read_text(encoding="utf-8")
    (folder / "other.yaml").write_text(shipped.replace("judge this answer", "score this answer"), encoding="utf-8")
    lines = [f'{{"prompt": "question {n}", "split": "{"held-out" if n % 2 else "train"}"}}' for n in range(40)]
    (folder / "prompts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "known.jsonl").write_text('{"prompt": "p", "tags": {"reference": "1"}}', encoding="utf-8")
    (folder / "labels.jsonl").write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}', encoding="utf-8")
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text("{}", encoding="utf-8")
    return folder


def keys(plan: list[PlannedStep]) -> dict[str, str]:
    return {f"{step.index}/{step.step}": step.key for step in plan}


def gold_key(store: Store, config: Config) -> str:
    """The key of the gold step at iteration 0."""
    with drive.desk_of(store, "r1", config) as desk:
        turn = Turn(0, ())
        for step in steps_of(0):
            if step.name in config.unasked(0):
                continue
            got = store.recall(step.key(desk, turn))
            assert got is not None
            turn = turn.with_output(step.name, got, store.output(got))
        return GOLD.key(desk, turn)


# How often is audited decides which steps there are, and no step (`test_audit_step`).
KEYED = [leaf for leaf in leaves(Config) if leaf.split(".")[0] not in OPERATIONAL and leaf != "audit.every"]


@pytest.mark.parametrize("leaf", KEYED)
def test_a_semantic_leaf_changes_the_key_of_its_own_step_and_none_before_it(
    home: Store, scratch: Path, leaf: str
) -> None:
    config = small_config(iterations="1", **read_by(leaf))
    before = drive.planned(home, "r1", config)
    after = drive.planned(home, "r1", changed(config, leaf, scratch))
    steps = [f"{step.index}/{step.step}" for step in before]
    first = next(step for step in steps if keys(before)[step] != keys(after).get(step, "never reached"))
    # A source also names the held-out prompts, on which the seed is measured first.
    # What is written to be failed is written first of all. Where people's labels make the pairs, nobody answers.
    odd = {
        "prompts.source": "0/measure",
        "prompts.red_team_tags": "1/red_team",
        "prompts.red_team_score": "1/red_team",
        "pair.source": "1/generate",
    }
    assert first == odd.get(leaf, FIRST_READER[leaf.split(".")[0]])


@pytest.mark.parametrize("leaf", [leaf for leaf in leaves(Config) if leaf.split(".")[0] in OPERATIONAL])
def test_an_operational_leaf_changes_no_key_of_the_loop(home: Store, scratch: Path, leaf: str) -> None:
    config = small_config(iterations="1")
    before = drive.planned(home, "r1", config)
    after = drive.planned(home, "r1", changed(config, leaf, scratch))
    assert keys(after).items() >= keys(before).items()
    if leaf.startswith("gold."):
        assert gold_key(home, changed(config, leaf, scratch)) != gold_key(home, config)


def test_the_sections_are_all_either_read_by_a_step_or_operational() -> None:
    assert set(Config.model_fields) == {*FIRST_READER, *OPERATIONAL}


def test_a_run_stores_its_configuration_so_that_it_reads_back_equal(home: Store) -> None:
    run: Run = drive.existing(home, "r1")
    assert drive.config_of(run) == small_config(iterations="1")
