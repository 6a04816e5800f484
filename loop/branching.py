"""Branching: a name of its own at an old iteration. Nothing is copied, and nothing that exists is changed.

The fork is shared: a branch of `r1@3` makes number 4 first. It has its parent's settings with the changes, and because
a key holds only what matters, what the change does not touch is recalled: with another `train.beta` the branch finds
the parent's prompts, answers, judgments and pairs of number 4, and begins with `train`.

What may change is decided by what the keys after the fork are made of; the keys before it are never made again.

- Any setting may that a later step reads for itself: `seed`, `constitution`, `prompts`, `generate`, `judge`, `pair`,
  `train`, `measure`, `guards`, `engine`. It counts from the first step after the fork that reads it, whatever
  iteration 0 did with the old value; the iterations up to the fork keep their numbers, made with the old one.
- Nothing of `model` may: later steps know the model by the output of iteration 0's step `seed`, so that another one
  would give other results under the same keys. For the same reason the base and the adapter must have the bytes that
  they had. Other files may have changed since; the branch takes them as they are now.
- `train.lora_rank` and `train.lora_alpha` shape a new adapter. They may change only where the policy at the fork is the
  base model, because training goes on from an adapter in that adapter's shape.

A branch at a halt is refused (it would be halted there too), and one at an iteration whose weights were pruned, or
those of a policy that the guards could go back to from there.
"""

from collections.abc import Sequence
from dataclasses import replace

from loop.changes import fixed_at, semantic_changes
from loop.clock import utc_now
from loop.drive import config_of, input_digests
from loop.load_config import with_overrides
from loop.preflight import check, check_judge
from loop.preflight_preference import check_preference_models
from runs.environment import environment
from runs.errors import ConfigError, UsageError
from runs.lineage import Found, decision_of, resolve
from runs.naming import check_new_name, fork
from runs.pruned import refuse_pruned
from runs.records import Run
from runs.store import Store


def proposed(store: Store, address: str, name: str, overrides: Sequence[str]) -> Run:
    """The run `name`, branched at `address` with `overrides` of its parent's settings; whoever stores it makes it one.

    Nothing is written here. Raises UsageError or ConfigError for what cannot be a branch.
    """
    found = resolve(store, address)
    if found.step is not None:
        raise UsageError(f"{address} is a part of an iteration; branch at a whole one: {address.split('/')[0]}")
    check_new_name(store, name)
    spelt = " ".join([name, *overrides])
    _refuse_halt(store, found, spelt)
    parent, before = found.run, config_of(found.run)
    after = with_overrides(before.model_dump(mode="json"), overrides, f"the configuration of {parent.name}")
    for change in semantic_changes(before, after):
        if reason := fixed_at(store, found.iteration, change.leaf):
            raise ConfigError(
                f"{change.leaf}={change.new} (it is {change.old}) cannot be changed at {address}: {reason}. "
                f"Begin another run: selfsame run {parent.recipe} --name {spelt}"
            )
    check(after)
    check_judge(after, store)
    check_preference_models(after, store, found.iteration)
    inputs = input_digests(after)
    for what in ("model.base", "model.adapter"):
        if inputs[what] != parent.inputs[what]:
            raise ConfigError(
                f"{what} is not what it was when {parent.name} began ({inputs[what]}, then {parent.inputs[what]}); "
                "put the old files back, or begin another run"
            )
    run = replace(
        fork(store, found, name),
        config=after.semantic(),
        operational=after.operational(),
        environment=environment(),
        inputs=inputs,
        begun=utc_now().timestamp(),
    )
    refuse_pruned(store, run)
    return run


def _refuse_halt(store: Store, found: Found, spelt: str) -> None:
    decision, index = decision_of(store, found.iteration), found.iteration.index
    if decision["verdict"] != "halt":
        return
    again = f"selfsame run {found.run.recipe} --name {spelt}"
    before = f"selfsame branch {found.run.name}@{index - 1} {spelt}" if index else again
    raise UsageError(
        f"{found.run.name}@{index} is where a guard halted ({decision['reason']}), and a branch there would be halted "
        f"too; go on with other settings from {'the iteration before it' if index else 'the start'}: {before}"
    )
