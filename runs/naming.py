"""Giving and taking names: a tag is put on an iteration, a run or a tag is deleted. Nothing but refs is written here.

A name that is deleted takes nothing with it at once: what no other name reaches goes with the next `selfsame gc`.
"""

from dataclasses import dataclass, replace

from runs.errors import UsageError
from runs.lineage import ADDRESS, Found, find_run, iterations, made_by, resolve, shared_up_to
from runs.pruned import NAMED_JUDGES, judges_of
from runs.records import Run
from runs.store import Store


@dataclass(frozen=True)
class Loss:
    """What only one name reaches: closed iterations, as addresses, and the finished steps of the one under way."""

    iterations: tuple[str, ...]
    under_way: tuple[str, ...]


def check_new_name(store: Store, name: str) -> None:
    """Returns if `name` can be given to a run or a tag. Raises UsageError for one that is taken, or still spoken of."""
    known = store.run(name)
    if known is not None:
        what, way_on = ("tag", f"branch {name} ANOTHER") if known.tag else ("run", f"resume {name}")
        raise UsageError(f"a {what} called {name} exists; `selfsame {way_on}` goes on from it, or take another name")
    for ref in store.refs():
        if name in ref.shared:
            raise UsageError(
                f"{ref.name} has iterations that a run called {name} made before it was deleted; take another name"
            )


def tag(store: Store, address: str, name: str) -> Run:
    """The tag `name` on the iteration at `address`, now in the store. Needs the lock. Raises UsageError."""
    found = resolve(store, address)
    if found.step is not None:
        raise UsageError(f"{address} is a part of an iteration; a tag is put on a whole one: {address.split('/')[0]}")
    check_new_name(store, name)
    made = replace(fork(store, found, name), tag=True)
    store.move(made)
    return made


def fork(store: Store, found: Found, name: str) -> Run:
    """The run that was found as it would be under another name at its iteration that was found, not yet written."""
    run, index = found.run, found.iteration.index
    return replace(
        run,
        name=name,
        iteration=found.iteration.digest,
        # A tag made nothing, and may be taken away.
        branched_from=f"{made_by(run, index) if run.tag else run.name}@{index}",
        shared=shared_up_to(run, index),
        closing=found.link.closing.digest,
        under_way={},
        tag=False,
    )


def loss(store: Store, name: str) -> Loss:
    """What only the run or tag `name` reaches. Raises UsageError if there is none of that name."""
    run = find_run(store, name)
    others = {iteration.digest for ref in store.refs() if ref.name != name for iteration in iterations(store, ref)}
    own = [iteration.index for iteration in iterations(store, run) if iteration.digest not in others]
    return Loss(tuple(f"{name}@{index}" for index in own), tuple(run.under_way))


def delete(store: Store, name: str) -> None:
    """Take the name away, and nothing else. Needs the lock. Raises UsageError for a run that another one looks up.

    Branches and tags lose nothing: what they share they reach by themselves.
    """
    find_run(store, name)
    for run in store.runs():
        for address in judges_of(run) if run.name != name else ():
            judge = ADDRESS.fullmatch(address)
            if judge and judge["run"] == name and address not in NAMED_JUDGES:
                raise UsageError(
                    f"{name} is looked up by {run.name}, whose judge is {address}: "
                    f"without it, {run.name} could not go on. Delete that one first"
                )
    store.remove("refs", [store.ref_path(name)])
