"""What a change of settings means: which leaves differ, which cannot change after iteration 0, and what to type."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loop.config import Config
from runs.lineage import decision_of, iterations
from runs.records import Iteration, Run
from runs.store import Store


@dataclass(frozen=True)
class Change:
    """A dotted leaf with its value before and after. A leaf that one side does not have is None there."""

    leaf: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """The change as the command line takes it."""
        return shlex.quote(f"{self.leaf}={self.new if isinstance(self.new, str) else json.dumps(self.new)}")


def leaf_changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """The leaves in which two trees differ, by name."""
    return sorted(_differing(old, new, ""), key=lambda change: change.leaf)


def semantic_changes(before: Config, after: Config) -> list[Change]:
    """The leaves in which two configurations differ and that decide what comes out, by name."""
    deciding = {change.leaf for change in leaf_changes(before.semantic(), after.semantic())}
    whole = leaf_changes(before.model_dump(mode="json"), after.model_dump(mode="json"))
    return [change for change in whole if change.leaf in deciding]


def fixed_at(store: Store, fork: Iteration, leaf: str) -> str:
    """Why `leaf` cannot be changed from `fork` on; "" where it can."""
    if leaf.startswith("model."):
        return (
            "iteration 0 fixed the model, and later keys know it by that step's output alone: "
            "another model would answer for this one"
        )
    # The base model is a policy too, and no object.
    if leaf in ("train.lora_rank", "train.lora_alpha") and store.has(fork.policy):
        return "training goes on from the adapter of that iteration, which keeps its own shape"
    return ""


def way_on(store: Store, run: Run, *changes: Change | str) -> str:
    """The command that takes the run on with these changes: a branch where it can be one, else another run.

    A file that is not what it was is named by its setting alone, which stays.
    """
    chain = iterations(store, run)
    if chain and decision_of(store, chain[-1])["verdict"] == "halt":
        chain.pop()
    name = next(name for n in range(2, 10**6) if store.run(name := f"{run.name[:55]}-{n}") is None)
    leaves = [change if isinstance(change, str) else change.leaf for change in changes]
    spelt = "".join(f" {change}" for change in changes if isinstance(change, Change))
    if chain and not any(fixed_at(store, chain[-1], leaf) for leaf in leaves):
        return f"selfsame branch {run.name}@{chain[-1].index} {name}{spelt}"
    return f"selfsame run {run.recipe} --name {name}{spelt}"


def _differing(old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[Change]:
    for key in old.keys() | new.keys():
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from _differing(a, b, f"{place}{key}.")
        elif a != b:
            yield Change(f"{place}{key}", a, b)
