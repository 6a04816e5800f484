"""Weights that were thrown away on purpose, and those that no run can do without.

`selfsame gc --prune-adapters` notes the digests of weights in `control/pruned.json` before it removes them, so that a
hole is known from a loss. An adapter's record, its configuration and its probe stay; training it again restores it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runs.durable import make_folder, read_checked, write_checked
from runs.errors import UsageError
from runs.lineage import iterations, judge_made, made_by, nearest, newest_preference, resolve
from runs.records import Run
from runs.store import Store

NAMED_JUDGES = ("self", "previous", "seed", "own", "proven", "base", "endpoint")
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

    They are that of iteration 0, the one promoted last, the judges' (its own adapter too), and all where the reference
    is their mean; and the preference models trained last, where there are any. Raises UsageError where the
    configuration names a judge by an address that names nothing.
    """
    past = tuple(iterations(store, run)) if _averages(run) else nearest(store, run)
    judges = judges_of(run)
    needed = past if _averages(run) else (*past[:1], *past[-2 if "previous" in judges else -1 :])
    used = {iteration.policy: _address(run, iteration.index) for iteration in needed}
    by_model = "preference" in run.config or "preference" in _in_any_phase(run, "judge.method")
    if by_model:  # one may have been trained thousands of iterations ago
        used |= dict.fromkeys(models_at(store, run.iteration), run.name)
    if "proven" in judges and past:  # it may have been seated thousands of iterations ago
        left = store.output(past[-1].outputs["decide"]).values.get("seat")
        used |= {left["policy"]: _address(run, left["index"])} if left else {}
    if "own" in judges and past:
        standing = store.output(past[-1].outputs["decide"]).values["standing"]["previous"]
        judge = judge_made(store, standing["outputs"])
        used |= {judge: _address(run, standing["index"])} if judge else {}
    for address in judges:
        if address not in NAMED_JUDGES:
            iteration = resolve(store, address).iteration
            used[iteration.policy] = address
            if by_model:
                used |= dict.fromkeys(models_at(store, iteration.digest), address)
    return used


def policies_to_go_back_to(store: Store, run: Run) -> dict[str, str]:
    """The policies that the guards could have the next iteration of `run` roll back to, with their judges, each with an
    address of it: the best so far, and those since."""
    last = store.iteration(run.iteration) if run.iteration else None
    left = store.output(last.outputs["decide"]).values.get("standing") if last else None
    if not left:
        return {}
    best = left["best"]
    since = [kept for kept in (*left["recent"], *left.get("anew", ())) if kept["index"] > best["index"]]
    used: dict[str, str] = {}
    for kept in (best, *since):
        used |= dict.fromkeys(
            filter(None, (kept["policy"], judge_made(store, kept["outputs"]))), _address(run, kept["index"])
        )
    return used


def models_at(store: Store, iteration: str) -> tuple[str, ...]:
    """The preference models trained last on the way to that iteration."""
    output = newest_preference(store, iteration)
    return output.adapters if output else ()


def judges_of(run: Run) -> tuple[str, ...]:
    """Who judges in `run`, in whichever phase, as its configuration names them."""
    judge = run.config.get("judge", {})
    first, *in_phases = _in_any_phase(run, "judge.adapter")
    named = [first or "self", *judge.get("panel", ()), *filter(None, in_phases)]
    return tuple(dict.fromkeys(map(str, named)))


def _averages(run: Run) -> bool:
    """Whether DPO's reference is, in whichever phase, a moving average of all policies."""
    return "ema" in _in_any_phase(run, "train.reference")


def _in_any_phase(run: Run, dotted: str) -> tuple[Any, ...]:
    """The values of a leaf: outside of phases, and in each."""
    section, leaf = dotted.split(".")
    in_phases = [phase["settings"].get(dotted) for phase in run.config.get("phases", ())]
    return (run.config.get(section, {}).get(leaf), *in_phases)


def refuse_pruned(store: Store, run: Run) -> None:
    """Returns if all is there that the next iteration of `run` may need, or could roll back to.

    Raises UsageError with what was pruned.
    """
    gone = pruned(store.home)
    for policy, address in (policies_to_go_back_to(store, run) | policies_in_use(store, run)).items():
        # The base model is a policy too, and no object.
        if store.has(policy) and (weights := store.adapter(policy).weights) in gone and not store.has(weights):
            raise UsageError(
                f"the adapter of {address} was pruned by `selfsame gc --prune-adapters`, and {run.name} may need it; "
                f"take a later iteration (`selfsame log {address.partition('@')[0]}` lists them), "
                "or run the same configuration again, which trains it again"
            )


def _address(run: Run, index: int) -> str:
    return f"{made_by(run, index)}@{index}"


def _path(home: Path) -> Path:
    return home / "control" / "pruned.json"
