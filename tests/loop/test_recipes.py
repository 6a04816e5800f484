"""The shipped recipes: each passes the door, and those that differ in what they do come to their end."""

from pathlib import Path

import pytest

from loop import drive
from loop.cli import main
from loop.load_config import load_config, recipe_names
from runs.store import Store
from runs.verify import verify
from tests.loop.small import quiet

RUNNABLE = [name for name in recipe_names() if load_config(name).model.base.startswith("microworld:")]
"""All but those that want a model of the user's own."""
STUB = (
    *("engine.kind=stub", "export.mlflow=false", "audit.items=0", "prompts.count=16", "measure.prompts=8"),
    # The stub judges by hashing: nothing that it says of labelled pairs is better than a coin.
    *("guards.min_anchor_accuracy=0", "guards.min_position_consistency=0", "guards.max_unscored_frac=1"),
    *("guards.max_kl_to_seed_nats=1e9", "guards.max_kl_to_previous_nats=1e9"),
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


@pytest.mark.parametrize(
    "name", ["constitutional", "cream", "d-rlaif", "llama2-chat", "rlaif-dpo", "sft", "spin", "temporal"]
)
def test_a_recipe_comes_to_its_end_on_the_stub(tmp_path: Path, name: str) -> None:
    store, config = Store(tmp_path), load_config(name, STUB, smoke=True)
    drive.begin(store, "r1", name, config)
    outcome = drive.carry_on(store, "r1", quiet)
    assert outcome.kind == "done", outcome.reason
    assert verify(store) == []
