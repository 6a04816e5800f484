"""Weights that were thrown away on purpose, and those that no run can do without.

`selfsame gc --prune-adapters` notes the digests of weights in `control/pruned.json` before it removes them, so that a
hole is known from a loss. An adapter's record, its configuration and its probe stay; training it again restores it.
"""

from collections.abc import Iterable
from pathlib import Path

from runs.durable import make_folder, read_checked, write_checked
from runs.errors import UsageError
from runs.lineage import iterations, nearest, resolve
from runs.records import Run
from runs.store import Store

NAMED_JUDGES = ("self", "previous", "seed", "base", "endpoint")
"""The words that say who judges; any other name is an address."""


def pruned(home: Path) -> frozenset[str]:
    """The digests of the weights that may be gone. Raises CorruptError where the note is damaged."""
    note = read_checked(_path(home))
    return frozenset(note["weights"] if note else ())


def note_pruned(store: Store, weights: Iterable[str]) -> None:
    """Make `weights` the ones that may be gone. Needs the lock."""
    make_folder(_path(store.home).parent)
    write_checked(_path(store.home), {"weights": sorted(weights)})


def policies_in_use(store: Store, run: Run) -> dict[str, str]:
    """The policies that the next iteration of `run` may need, each with an address of it.

    They are that of iteration 0, the one promoted last, the judges', and all where the reference is their mean. Raises
    UsageError where the configuration names a judge by an address that names nothing.
    """
    past = tuple(iterations(store, run)) if _averages(run) else nearest(store, run)
    judges = judges_of(run)
    needed = past if _averages(run) else (*past[:1], *past[-2 if "previous" in judges else -1 :])
    used = {iteration.policy: f"{run.name}@{iteration.index}" for iteration in needed}
    for address in judges:
        if address not in NAMED_JUDGES:
            used[resolve(store, address).iteration.policy] = address
    return used


def judges_of(run: Run) -> tuple[str, ...]:
    """Who judges in `run`, in whichever phase, as its configuration names them."""
    judge = run.config.get("judge", {})
    in_phases = [phase["settings"].get("judge.adapter") for phase in run.config.get("phases", ())]
    named = [judge.get("adapter", "self"), *judge.get("panel", ()), *filter(None, in_phases)]
    return tuple(dict.fromkeys(map(str, named)))


def _averages(run: Run) -> bool:
    """Whether DPO's reference is, in whichever phase, a moving average of all policies."""
    in_phases = [phase["settings"].get("train.reference") for phase in run.config.get("phases", ())]
    return "ema" in (run.config.get("train", {}).get("reference"), *in_phases)


def refuse_pruned(store: Store, run: Run) -> None:
    """Returns if all that the next iteration of `run` may need is there. Raises UsageError with what was pruned."""
    gone = pruned(store.home)
    for policy, address in policies_in_use(store, run).items():
        # The base model is a policy too, and no object.
        if store.has(policy) and (weights := store.adapter(policy).weights) in gone and not store.has(weights):
            raise UsageError(
                f"the adapter of {address} was pruned by `selfsame gc --prune-adapters`, and {run.name} would need it; "
                f"take a later iteration (`selfsame log {address.partition('@')[0]}` lists them), "
                "or run the same configuration again, which trains it again"
            )


def _path(home: Path) -> Path:
    return home / "control" / "pruned.json"
