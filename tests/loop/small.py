"""A small run on the stub engine, and the ways that tests look at it."""

import json
from pathlib import Path

from loop import drive
from loop.branching import proposed
from loop.config import Config
from loop.iterate import Outcome
from loop.progress import Event, Say
from runs.lineage import iterations
from runs.records import Iteration, Run
from runs.store import Store

SMALL = {
    "iterations": "2",
    "prompts": {"count": "24"},
    "generate": {"samples": "3"},
    "measure": {"prompts": "12", "anchor_count": "20"},
    "gold": {"prompts": "13"},
    "capability": {"prompts": None},
    "drift": {"items": "0"},
    "audit": {"items": "0"},
    # The stub judges by hashing: nothing that it says of labelled pairs is better than a coin.
    "guards": {
        "min_pairs": "1",
        "max_kl_to_seed_nats": "1e9",
        "max_kl_to_previous_nats": "1e9",
        "min_anchor_accuracy": "0",
        "min_position_consistency": "0",
        # What it writes is drawn from a hash too.
        "actions": {"max_length_times": "off", "min_length_times": "off", "min_pair_yield_times": "off"},
    },
    "engine": {"kind": "stub", "shard_requests": "30"},
    "export": {"mlflow": "false"},
}


def as_overrides() -> tuple[str, ...]:
    """SMALL as the command line spells it, but for the number of iterations."""
    sections = {name: section for name, section in SMALL.items() if isinstance(section, dict)}
    return tuple(
        f"{name}.{leaf}={value if isinstance(value, str) else json.dumps(value)}"
        for name, section in sections.items()
        for leaf, value in section.items()
    )


def small_config(**changes: object) -> Config:
    """SMALL with some of its leaves changed: `judge__method="rubric"`."""
    tree: dict[str, object] = {key: dict(value) if isinstance(value, dict) else value for key, value in SMALL.items()}
    for dotted, value in changes.items():
        section, _, leaf = dotted.partition("__")
        if leaf:
            tree[section] = {**tree.get(section, {}), leaf: value}  # type: ignore[dict-item]
        else:
            tree[section] = value
    return Config.model_validate(tree)


def quiet(event: Event) -> None:
    """Nobody watches."""


def run_small(home: Path, name: str = "r1", say: Say = quiet, **changes: object) -> tuple[Store, Outcome]:
    """A run taken as far as it goes."""
    store = Store(home)
    drive.begin(store, name, "test", small_config(**changes))
    return store, drive.carry_on(store, name, say)


def stopped_and_taken_on(home: Path, step: str, shards: int, **changes: object) -> Store:
    """A run that was stopped after so many shards of `step`, as `1/judge`, and then went on to its end."""
    store = Store(home)
    drive.begin(store, "r1", "test", small_config(**changes))
    done: list[str] = []

    def watch(event: Event) -> None:
        if event.kind == "shard":
            done.append(event.address)

    stopped = drive.carry_on(store, "r1", watch, stop=lambda: "enough" if done.count(f"r1@{step}") == shards else "")
    assert stopped.kind == "stopped"
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    return store


def branch(store: Store, address: str, name: str, *overrides: str) -> Run:
    """A branch that is in the store and has done nothing."""
    run = proposed(store, address, name, overrides)
    with store.lock():
        store.move(run)
    return run


def chain(store: Store, name: str = "r1") -> list[Iteration]:
    """The closed iterations of a run."""
    return iterations(store, drive.existing(store, name))
