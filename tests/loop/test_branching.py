"""Branches: at any iteration, with any setting that can change there; nothing is copied, and nothing touched."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from small import branch, chain, quiet, run_small, small_config
from test_every_leaf_is_alive import TRAIN_READ, keys, leaves, other_value, scratch

from loop import drive
from loop.branching import proposed
from loop.changes import Change
from loop.cli import main
from loop.config import Config
from loop.config_drift import Drift
from loop.config_judge import READ, SWITCHES
from loop.config_meta_judge import MetaJudge
from loop.config_operational import OPERATIONAL
from loop.progress import Event
from runs.canonical import digest_file
from runs.errors import ConfigError, UsageError
from runs.gc import Retention, collect, garbage
from runs.lineage import iterations, resolve
from runs.naming import delete, tag
from runs.store import Store
from runs.verify import verify

__all__ = ["scratch"]  # the fixture

AFTER_THE_SEED = {
    "seed": "prompts",
    "constitution": "judge",
    "prompts": "prompts",
    "generate": "generate",
    "revise": "judge",  # where the parent has no step to revise in
    "judge": "judge",
    "pair": "pair",
    "preference": "train",  # as with revising
    "meta_judge": "judge",  # which must write
    "train": "train",
    "measure": "measure",
    "capability": "decide",  # as with the audit
    "drift": "decide",
    "audit": "decide",  # which weighs what there is; the parent has no audit
    "guards": "decide",
    "engine": "generate",
    "phases": "train",
}
"""The first step after iteration 0 that reads each section."""
TOGETHER = {
    "meta_judge.max_frac": ["meta_judge.max_frac=0.5", "judge.method=rubric"],
    "judge.endpoint_url": ["judge.adapter=endpoint", "judge.endpoint_model=one"],
    "judge.endpoint_model": ["judge.adapter=endpoint", "judge.endpoint_url=https://elsewhere.example/v1"],
    "judge.max_principle_tokens": [
        "judge.max_principle_tokens=50",
        "judge.method=pairwise",
        "judge.together=true",
        "judge.principles=null",
    ],
    "audit.every": ["audit.every=2", "audit.items=5"],
    "pair.source": ["pair.source=labels", "pair.file=microworld"],
    "pair.labels": ["pair.labels=soft", "judge.method=pairwise"],
    "judge.base": ["judge.base=microworld:m0", "judge.adapter=base"],
    "train.batch_size": ["train.batch_size=32"],
    "train.rehearsal_frac": ["train.demonstrations=microworld"],
    "train.micro_batch_size": ["train.micro_batch_size=4"],
    "prompts.self_made_frac": ["prompts.self_made_frac=0.5"],
    "prompts.red_team_frac": ["prompts.red_team_frac=0.25"],
    "prompts.source": ["gold.enabled=false", "measure.anchors=null"],
}
"""What a leaf needs to be a legal change: another value, or other leaves with it."""
SEMANTIC = [leaf for leaf in leaves(Config) if leaf.split(".")[0] not in OPERATIONAL]
FIXED = [leaf for leaf in SEMANTIC if leaf.startswith("model.")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(tmp_path_factory.mktemp("branching"))
    assert outcome.kind == "done"
    return store


@pytest.fixture(scope="module")
def as_was(home: Store) -> dict[str, str]:
    """The key of every step of `r1`."""
    return keys(drive.planned(home, "r1", small_config()))


def files(store: Store) -> dict[str, tuple[int, str]]:
    """Every file of the store with its mtime and its hash, but for the lock."""
    found = [path for path in store.home.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path): (path.stat().st_mtime_ns, digest_file(path)) for path in found}


@pytest.fixture(scope="module")
def before(home: Store, as_was: dict[str, str]) -> dict[str, tuple[int, str]]:
    """The files of the store before the leaves are changed, each in a branch that goes again."""
    return files(home)


def overrides(leaf: str, scratch: Path) -> list[str]:
    tree: Any = small_config().model_dump(mode="json")
    for part in leaf.split("."):
        tree = tree[part]
    given = TOGETHER.get(leaf, [])
    if any(one.startswith(f"{leaf}=") for one in given):
        return given
    return [*shlex.split(str(Change(leaf, tree, other_value(leaf, tree, scratch)))), *given]


def test_a_branch_that_trains_otherwise_recalls_what_comes_before_training(home: Store) -> None:
    before = files(home)
    branch(home, "r1@1", "r2", "train.beta=0.2")
    said: list[Event] = []
    assert drive.carry_on(home, "r2", said.append).kind == "done"
    steps = {kind: [e.address for e in said if e.kind == kind and "@" in e.address] for kind in ("known", "begin")}
    assert steps["known"] == [f"r2@2/{step}" for step in ("prompts", "generate", "judge", "pair")]
    assert steps["begin"][0] == "r2@2/train"
    assert chain(home, "r2")[:2] == chain(home)[:2] and chain(home, "r2")[2] != chain(home)[2]
    after = files(home)
    assert {path: after[path] for path in before} == before
    assert verify(home) == []


IDLE_JUDGE = (
    small_config().judge.idle()
    - {"panel", "base", "endpoint_url", "endpoint_model", "max_principle_tokens"}
    - (SWITCHES & READ["expected"])
)
READ_BY_NOBODY = {
    "prompts": small_config().prompts.idle() - {"mix", "self_made_frac", "red_team_frac"},
    "revise": small_config().revise.idle() - {"passes"},
    "judge": IDLE_JUDGE,
    "pair": small_config().pair.idle() - {"source", "length_control", "max_longer_tokens"},
    "meta_judge": set(MetaJudge.model_fields) - {"max_frac"},
    "preference": small_config().preference.idle() - {"source"},
    "train": TRAIN_READ.keys() - {"rehearsal_frac"},
    "capability": small_config().capability.idle() - {"prompts"},
    "drift": set(Drift.model_fields) - {"items"},
}
"""The leaves that nothing reads in a run that is as `r1` is."""
CHANGEABLE = [leaf for leaf in SEMANTIC if leaf not in FIXED]


# Each leaf at one of the two forks that an iteration follows, in turn: both for all would double the time.
@pytest.mark.parametrize(("at", "leaf"), [(number % 2, leaf) for number, leaf in enumerate(CHANGEABLE)])
def test_a_changed_leaf_counts_from_its_own_step_and_touches_nothing(
    home: Store, scratch: Path, before: dict[str, tuple[int, str]], as_was: dict[str, str], at: int, leaf: str
) -> None:
    name = f"{leaf.replace('.', '-').replace('_', '-')}-{at}"
    if leaf.startswith("train.lora_") and at > 0:
        with pytest.raises(ConfigError, match="keeps its own shape"):
            proposed(home, f"r1@{at}", name, overrides(leaf, scratch))
        return
    child = branch(home, f"r1@{at}", name, *overrides(leaf, scratch))
    after = files(home)
    made = home.ref_path(name)
    assert after.keys() - before.keys() == {str(made)}
    assert {path: after[path] for path in before} == before
    section, _, last = leaf.partition(".")
    if leaf == "pair.labels":
        section = "judge"  # soft labels want a judge that compares, and who judges comes first
    if leaf == "pair.source":
        section = "generate"  # where people's labels make the pairs, nobody answers
    if leaf == "audit.every":
        at = 1  # of every second iteration number 2 is the next, whichever it branches from
    as_is = keys(drive.planned(home, name, drive.config_of(child), iterations(home, child)))
    made.unlink()  # each branch reads all the names that there are
    ahead = [step for step in as_was if int(step.split("/")[0]) > at]
    differing = [step for step in ahead if as_is.get(step, "never reached") != as_was[step]]
    if last in READ_BY_NOBODY.get(section, ()):
        assert not differing
    else:
        assert differing[0] == f"{at + 1}/{AFTER_THE_SEED[section]}"


@pytest.mark.parametrize("leaf", FIXED)
def test_the_model_cannot_change_and_another_run_is_offered(home: Store, scratch: Path, leaf: str) -> None:
    before = files(home)
    with pytest.raises(ConfigError) as caught:
        proposed(home, "r1@1", "other", overrides(leaf, scratch))
    assert leaf in str(caught.value) and "selfsame run test --name other" in str(caught.value)
    assert files(home) == before


def test_a_branch_without_a_change_ends_where_its_parent_did(home: Store) -> None:
    branch(home, "r1@0", "same")
    said: list[Event] = []
    drive.carry_on(home, "same", said.append)
    assert not [event for event in said if event.kind == "begin"]
    assert chain(home, "same") == chain(home)


def test_a_refused_change_names_the_branch_that_takes_it_on_and_that_command_works(
    home: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home.home))
    assert main(["resume", "r1", "train.beta=0.7", "pair.min_margin=0.2"]) == 78
    said = capsys.readouterr().err
    for fact in ("pair.min_margin=0.2", "0.1", "1/pair"):
        assert fact in said
    offered = said.strip().rpartition("selfsame ")[2].split()
    assert offered[:2] == ["branch", "r1@2"]
    assert main(offered) == 0
    child = drive.existing(home, offered[2])
    assert (child.config["train"]["beta"], child.config["pair"]["min_margin"]) == (0.7, 0.2)
    assert child.branched_from == "r1@2"


def test_a_change_is_refused_on_a_branch_that_has_no_iteration_left_to_do(
    home: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home.home))
    branch(home, "r1@2", "nothing-left")
    assert main(["resume", "nothing-left", "train.beta=0.7"]) == 78
    said = capsys.readouterr().err
    for fact in ("train.beta=0.7", "from 3/prompts on", "selfsame branch nothing-left@2 "):
        assert fact in said


def test_a_dry_run_says_what_would_be_redone_and_how_long_it_took_and_writes_nothing(
    home: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home.home))
    before = files(home)
    assert main(["branch", "r1@0", "dry", "train.beta=0.25", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    done = [step["step"] for step in said["steps"] if step["done"]]
    to_do = [step for step in said["steps"] if not step["done"]]
    assert done == ["prompts", "generate", "judge", "pair"]
    assert [step["step"] for step in to_do] == ["train", "measure", "decide", "gold"]
    assert all(step["seconds"] >= 0 and step["last"] == "r1@1" for step in said["steps"])
    assert said["iterations_after"] == 1 and said["seconds"] > sum(step["seconds"] for step in to_do)
    assert main(["resume", "r1", "iterations=3", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["steps"][0]["index"] == 3 and said["iterations_after"] == 0
    assert files(home) == before


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (["branch", "r1@99", "x"], ["r1@99", "0 to 2"]),
        (["branch", "r11@1", "x"], ["r11", "r1"]),
        (["branch", "r1@1/judge", "x"], ["whole", "r1@1"]),
        (["branch", "r1@1", "r1"], ["exists", "selfsame resume r1"]),
        (["branch", "r1@1", "../x"], ["cannot be a run's name"]),
        (["tag", "r1@99", "x"], ["0 to 2"]),
        (["delete", "r11"], ["r1"]),
        (["diff", "r1", "r1@99"], ["0 to 2"]),
        (["resume", "r11"], ["r1"]),
        (["log", "r11", "--graph"], ["r1"]),
    ],
)
def test_an_address_that_names_nothing_exits_2_and_starts_nothing(
    home: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], facts: list[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home.home))
    before = files(home)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert all(fact in said for fact in facts), said
    assert files(home) == before


def test_a_typo_in_an_empty_home_makes_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    for words in (["branch", "r1@1", "x"], ["tag", "r1", "x"], ["delete", "r1"], ["resume", "r1"], ["diff", "a", "b"]):
        assert main(words) == 2
    assert not (tmp_path / "home").exists()


def test_a_branch_at_a_halt_is_refused_with_the_iteration_before_it(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, guards__min_pairs="1000", iterations="1")
    assert outcome.kind == "halted"
    with pytest.raises(UsageError, match=r"selfsame branch r1@0 x guards\.min_pairs=1"):
        proposed(store, "r1", "x", ["guards.min_pairs=1"])
    with pytest.raises(ConfigError, match=r"selfsame branch r1@0 r1-2 guards\.min_pairs=1"):
        drive.change(store, "r1", small_config(iterations="1"))
    child = branch(store, "r1@0", "x", "guards.min_pairs=1")
    ahead = drive.planned(store, "x", drive.config_of(child), chain(store, "x"))
    assert [(step.step, step.done) for step in ahead][-2:] == [("pair", True), ("train", False)]


def test_a_tag_stays_is_branched_from_and_outlives_its_run(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="1")
    whole = chain(store)
    with store.lock():
        tag(store, "r1@0", "best")
        delete(store, "r1")
    assert resolve(store, "best").iteration == resolve(store, "best@0").iteration == whole[0]
    with pytest.raises(UsageError, match="is a tag of r1@0"):
        drive.carry_on(store, "best", quiet)
    with pytest.raises(UsageError, match="r1 made before it was deleted"):
        drive.begin(store, "r1", "test", small_config())
    child = branch(store, "best", "r2")
    assert (child.branched_from, child.shared) == ("r1@0", {"r1": 0})
    drive.carry_on(store, "r2", quiet)
    assert chain(store, "r2") == whole
    assert verify(store) == []


def test_a_branch_at_pruned_weights_is_refused_and_doing_the_work_again_restores_them(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path)
    whole = chain(store)
    weights = store.adapter(whole[1].policy).weights
    with store.lock():
        found = garbage(store, Retention(older_than=0))
        collect(store, found)
    assert found.weights == (store.object_path(weights),) and verify(store) == []
    with pytest.raises(UsageError, match="r1@1 was pruned"):
        proposed(store, "r1@1", "r2", [])
    proposed(store, "r1@2", "r2", ["train.beta=0.2"])
    branch(store, "r1@0", "r3")
    begun: list[str] = []
    drive.carry_on(store, "r3", lambda event: begun.append(event.address) if event.kind == "begin" else None)
    assert begun == ["r3@1/train"] and chain(store, "r3") == whole
    assert store.has(weights) and verify(store) == []


def test_a_run_that_judges_for_another_is_not_deleted(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="0")
    drive.begin(store, "r2", "test", small_config(judge__adapter="r1@0"))
    with store.lock(), pytest.raises(UsageError, match=r"looked up by r2, whose judge is r1@0"):
        delete(store, "r1")
