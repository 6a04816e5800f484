"""Where things came from: the chain of iterations behind a run, who made each, and what an address names."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runs.errors import CorruptError, UsageError
from runs.output import Output
from runs.records import Iteration, Record, Run
from runs.store import Store

ADDRESS = re.compile(r"(?P<run>[^@/]+)(@(?P<index>[0-9]{1,9})(/(?P<step>[^@/]+)(/(?P<row>[0-9]{1,12}))?)?)?")


@dataclass(frozen=True)
class Found:
    """What an address names. `step` and `output` are None for an iteration, `noun` and `row` for whole outputs."""

    run: Run
    iteration: Iteration
    step: str | None = None
    output: Output | None = None
    noun: str | None = None
    row: Record | None = None


@dataclass(frozen=True)
class Entry:
    """One line of a run's log. `made_by` is the run that made the iteration: an ancestor's, if it was inherited."""

    made_by: str
    iteration: Iteration
    verdict: str
    reason: str


def iterations(store: Store, run: Run) -> list[Iteration]:
    """The iterations behind `run`, oldest first: number i is at place i. Ancestors that a branch shares are included.

    Raises CorruptError if the chain is broken or its numbers are not 0, 1, 2 and so on.
    """
    chain: list[Iteration] = []
    name = run.iteration
    while name:
        iteration = store.iteration(name)
        if chain and iteration.index != chain[-1].index - 1:
            raise _broken(store, run, name, f"number {iteration.index} is the parent of number {chain[-1].index}")
        if not iteration.parent and iteration.index != 0:
            raise _broken(store, run, name, f"number {iteration.index} has no parent")
        chain.append(iteration)
        name = iteration.parent
    return chain[::-1]


def made_by(run: Run, index: int) -> str:
    """The name of the run that made number `index` of `run`: its own, or that of an ancestor, deleted or not."""
    makers = [(last, name) for name, last in run.shared.items() if index <= last]
    return min(makers)[1] if makers else run.name


def first_own(run: Run) -> int:
    """The number of the first iteration that `run` makes itself: 0, or the one after the fork."""
    return max(run.shared.values(), default=-1) + 1


def shared_up_to(run: Run, index: int) -> dict[str, int]:
    """Who made the iterations of `run` up to number `index`: what a branch there has as its `shared`."""
    before = {name: last for name, last in run.shared.items() if last < index}
    return before | {made_by(run, index): index}


def entries(store: Store, run: Run) -> list[Entry]:
    """The log of `run`, oldest first."""
    found = []
    for iteration in iterations(store, run):
        decision = decision_of(store, iteration)
        maker = made_by(run, iteration.index)
        found.append(Entry(maker, iteration, decision["verdict"], decision["reason"]))
    return found


def decision_of(store: Store, iteration: Iteration) -> dict[str, Any]:
    """The decision that closed the iteration, as JSON: its verdict, policy, reason, evidence and config changes."""
    decision: dict[str, Any] = store.output(iteration.outputs["decide"]).values["decision"]
    return decision


def outputs_of(run: Run, iteration: Iteration) -> dict[str, str]:
    """The output digests of the steps of one of the run's iterations; `gold` among them where it was taken."""
    gold = run.gold.get(iteration.digest)
    return iteration.outputs | ({"gold": gold} if gold else {})


def resolve(store: Store, address: str) -> Found:
    """What `r1`, `r1@3`, `r1@3/judge` or `r1@3/judge/17` names; a bare name is the run's last iteration.

    Rows are counted from 0 over the step's tables, in the order of the tables' names. Raises UsageError with what
    there is instead: a wrong address never falls back to something near.
    """
    parsed = ADDRESS.fullmatch(address)
    if not parsed:
        raise UsageError(f"{address!r} is no address; write NAME, NAME@3, NAME@3/judge or NAME@3/judge/17")
    run = _run(store, parsed["run"], address)
    chain = iterations(store, run)
    if not chain:
        raise UsageError(f"{address}: {run.name} has finished no iteration; run `selfsame resume {run.name}`")
    index = chain[-1].index if parsed["index"] is None else int(parsed["index"])
    if index >= len(chain):
        raise UsageError(
            f"{address}: {run.name} has the iterations 0 to {len(chain) - 1}; `selfsame log {run.name}` shows them"
        )
    iteration = chain[index]
    if parsed["step"] is None:
        return Found(run, iteration)
    outputs = outputs_of(run, iteration)
    if parsed["step"] not in outputs:
        raise UsageError(
            f"{address}: {run.name}@{index} has no step {parsed['step']!r}{_nearest(parsed['step'], outputs)}; "
            f"it has {', '.join(outputs)}"
        )
    output = store.output(outputs[parsed["step"]])
    if parsed["row"] is None:
        return Found(run, iteration, parsed["step"], output)
    rows = [(noun, row) for noun in sorted(output.tables) for row in store.all_rows(noun, output)]
    number = int(parsed["row"])
    if number >= len(rows):
        there = f"rows 0 to {len(rows) - 1}" if rows else "no rows"
        raise UsageError(f"{address}: {run.name}@{index}/{parsed['step']} has {there}")
    noun, row = rows[number]
    return Found(run, iteration, parsed["step"], output, noun, row)


def find_run(store: Store, name: str) -> Run:
    """The run of that name. Raises UsageError with the nearest name, or with all of them."""
    return _run(store, name, name)


def _run(store: Store, name: str, address: str) -> Run:
    run = store.run(name)
    if run is None:
        names = {other.name: " (a tag)" if other.tag else "" for other in store.refs()}
        listed = ", ".join(other + tag for other, tag in names.items())
        there = f"the runs are {listed}" if names else "there are none; `selfsame run RECIPE` starts one"
        raise UsageError(f"{address}: there is no run {name!r} in {store.home}{_nearest(name, names)}; {there}")
    return run


def _nearest(wanted: str, names: Iterable[str]) -> str:
    near: Sequence[str] = difflib.get_close_matches(wanted, list(names), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _broken(store: Store, run: Run, name: str, why: str) -> CorruptError:
    return CorruptError(f"the chain of {run.name} is broken at {store.object_path(name)}: {why}. Run `selfsame verify`")
