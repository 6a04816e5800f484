"""Weights that were thrown away on purpose, and those that no run can do without.

`selfsame gc --prune-adapters` notes the digests of weights in `control/pruned.json` before it removes them, so that a
hole is known from a loss. An adapter's record, its configuration and its probe stay; training it again restores it.
"""

from collections.abc import Iterable
from pathlib import Path

from runs.durable import make_folder, read_checked, write_checked
from runs.errors import UsageError
from runs.lineage import iterations, resolve
from runs.records import Run
from runs.store import Store

NAMED_JUDGES = ("self", "previous", "seed")


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

    They are that of iteration 0, the one promoted last, and the judge's. Raises UsageError where the configuration
    names a judge by an address that names nothing.
    """
    chain = iterations(store, run)
    judge = str(run.config.get("judge", {}).get("adapter", "self"))
    needed = (*chain[:1], *chain[-2 if judge == "previous" else -1 :])
    used = {iteration.policy: f"{run.name}@{iteration.index}" for iteration in needed}
    if judge not in NAMED_JUDGES:
        used[resolve(store, judge).iteration.policy] = judge
    return used


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
