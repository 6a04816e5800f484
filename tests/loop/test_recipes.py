"""The shipped recipes: each passes the door, and those that differ in what they do come to their end."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from loop import drive, judging
from loop.cli import main
from loop.config_guards import Guards
from loop.cost import estimate
from loop.desk import Desk
from loop.engine.protocol import Score
from loop.engine.stub import StubEngine
from loop.load_config import load_config, recipe_names
from loop.progress import Event
from runs.lineage import last_index
from runs.store import Store
from runs.verify import verify
from tests.loop.small import branch, chain, quiet

RUNNABLE = [name for name in recipe_names() if load_config(name).model.base.startswith("microworld:")]
"""All but those that want a model of the user's own."""
STUB = (
    *("engine.kind=stub", "export.mlflow=false", "audit.items=2", "drift.items=2", "prompts.count=16"),
    *("measure.prompts=8", "measure.anchor_count=4", "gold.prompts=3", "capability.count=4"),
    # The stub judges by hashing: nothing that it says of labelled pairs is better than a coin.
    *("guards.min_anchor_accuracy=0", "guards.min_position_consistency=0", "guards.max_unscored_frac=1"),
    f"guards.actions={json.dumps(Guards().only_warning())}",
)


@pytest.mark.parametrize("name", RUNNABLE)
def test_every_recipe_passes_the_door_and_says_what_it_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    assert main(["run", name, "--dry-run"]) == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", RUNNABLE)
def test_the_smallest_size_comes_to_the_last_phase(name: str) -> None:
    config, whole = load_config(name, smoke=True), load_config(name)
    assert [phase.since for phase in config.phases] == [phase.since for phase in whole.phases]
    assert config.iterations == max([1, *(phase.since for phase in whole.phases)]) <= whole.iterations
    assert {variant.train.epochs for variant in config.variants()} == {1}
    assert {variant.prompts.count for variant in config.variants()} == {32}


AT_MOST = ("the policy: verdicts on judgments", "the policy: new prompts", "the policy: answers read")
"""How many of these there will be, nobody knows before: what cannot be read makes no pair, what is no prompt is asked
for again, and what an audit has read drift need not read."""
BY_MODEL = "the preference model: verdicts"


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_recipe_stopped_on_its_way_comes_to_its_end_asks_what_a_dry_run_says_and_branches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    asked: Counter[str] = Counter()
    run, reward = StubEngine.run, judging.rewards

    def counting(self: StubEngine, requests: Sequence[Any]) -> list[Any]:
        asked.update(work_of(request) for request in requests)
        return run(self, requests)

    def rewarding(desk: Desk, models: Any, questions: Sequence[Any]) -> Any:
        asked[BY_MODEL] += len(questions)
        return reward(desk, models, questions)

    monkeypatch.setattr(StubEngine, "run", counting)
    monkeypatch.setattr(judging, "rewards", rewarding)
    store, config = Store(tmp_path), load_config(name, STUB, smoke=True)
    cost = estimate(store, config, [])
    drive.begin(store, "r1", name, config)
    under_way: list[str] = []

    def watch(event: Event) -> None:
        if event.kind in ("shard", "end") and event.address.startswith("r1@1/"):
            under_way.append(event.address)

    stopped = drive.carry_on(store, "r1", watch, stop=lambda: "enough" if under_way else "")
    assert stopped.kind == "stopped" and last_index(store, drive.existing(store, "r1")) == 0
    outcome = drive.carry_on(store, "r1", quiet)
    assert outcome.kind == "done", outcome.reason

    forecast = {share.work: share.requests for share in cost.shares}
    certain = sum(count for work, count in forecast.items() if work not in (*AT_MOST, BY_MODEL))
    # A judge's own answer is asked once a prompt, and of which prompts is theirs to say.
    assert asked["known"] <= certain if config.judge.agreement else asked["known"] == certain
    assert all(0 < asked[work] <= forecast[work] for work in AT_MOST if work in forecast)
    # Whether a second model is heard is the prompt's to say, so that there it is a mean over some prompts.
    assert asked[BY_MODEL] == pytest.approx(forecast.get(BY_MODEL, 0), rel=0.1 if config.judge.safety_first else 0)

    branch(store, f"r1@{config.iterations - 1}", "r2", "guards.patience=7")
    before = asked.total()
    outcome = drive.carry_on(store, "r2", quiet)
    assert outcome.kind == "done", outcome.reason
    own, other = (chain(store, name) for name in ("r1", "r2"))
    # Another guard looks at the same candidate: nobody is asked or trained again.
    assert asked.total() == before and own[-1].policy == other[-1].policy
    assert own[:-1] == other[:-1] and own[-1].config != other[-1].config
    assert verify(store) == []


def work_of(request: Any) -> str:
    """Of what kind a request is, by its words."""
    if isinstance(request, Score):
        return AT_MOST[2]
    said = request.messages[-1].content
    if said.startswith("which of two judges"):
        return AT_MOST[0]
    return AT_MOST[1] if said.startswith("here are some requests") else "known"
