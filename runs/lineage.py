"""Where things came from: the chain of iterations behind a run, who made each, and what an address names."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Any

from runs.errors import CorruptError, UsageError
from runs.output import Output
from runs.records import Closing, Iteration, Record, Run
from runs.store import Store

ADDRESS = re.compile(r"(?P<run>[^@/]+)(@(?P<index>[0-9]{1,9})(/(?P<step>[^@/]+)(/(?P<row>[0-9]{1,12}))?)?)?")

JUDGE_TRAINING = "train_judge"
"""The step that trains the judge's own adapter, where it has one."""


@dataclass(frozen=True)
class Link:
    """One iteration of a run's chain, with what the run keeps beside it."""

    iteration: Iteration
    closing: Closing

    @property
    def outputs(self) -> dict[str, str]:
        """The output digests of its steps; `gold` among them where it was taken."""
        return self.iteration.outputs | ({"gold": self.closing.gold} if self.closing.gold else {})


@dataclass(frozen=True)
class Found:
    """What an address names. `step` and `output` are None for an iteration, `noun` and `row` for whole outputs."""

    run: Run
    link: Link
    step: str | None = None
    output: Output | None = None
    noun: str | None = None
    row: Record | None = None

    @property
    def iteration(self) -> Iteration:
        """The iteration that is named, or whose part is."""
        return self.link.iteration


def back_from(store: Store, run: Run) -> Iterator[Link]:
    """The chain behind `run`, newest first; ancestors that a branch shares are included. Each is read when its turn
    comes, so that whoever wants the last one of thousands reads one.

    Raises CorruptError where the chain is broken or its numbers are not 0, 1, 2 and so on.
    """
    name, beside, above = run.iteration, run.closing, None
    while name:
        iteration = store.iteration(name)
        index = iteration.index
        if above is not None and index != above - 1:
            raise _broken(store, run, name, f"number {index} is the parent of number {above}")
        if (index == 0) != (iteration.parent == ""):
            raise _broken(store, run, name, f"number {index} has {'a' if iteration.parent else 'no'} parent")
        if not beside or (closing := store.closing(beside)).iteration != name:
            raise _broken(store, run, name, f"what was kept beside number {index} is not to be found")
        yield Link(iteration, closing)
        name, beside, above = iteration.parent, closing.before, index


def links(store: Store, run: Run, since: int = 0) -> list[Link]:
    """The chain behind `run` from number `since` on, oldest first."""
    return list(takewhile(lambda link: link.iteration.index >= since, back_from(store, run)))[::-1]


def iterations(store: Store, run: Run) -> list[Iteration]:
    """The iterations behind `run`, oldest first: number i is at place i."""
    return [link.iteration for link in links(store, run)]


def first_link(store: Store, run: Run) -> Link:
    """Number 0 of a run that has one, found without reading those after it."""
    last = store.closing(run.closing)
    closing = store.closing(last.first) if last.first else last
    return Link(store.iteration(closing.iteration), closing)


def nearest(store: Store, run: Run) -> tuple[Iteration, ...]:
    """All that an iteration has to know of those before it, oldest first: number 0 and the last two."""
    last = tuple(link.iteration for link in islice(back_from(store, run), 2))[::-1]
    return (first_link(store, run).iteration, *last) if last and last[0].index else last


def last_index(store: Store, run: Run) -> int:
    """The number of the run's last closed iteration; -1 if it has none."""
    return store.iteration(run.iteration).index if run.iteration else -1


def closed(store: Store, run: Run, iteration: Iteration, receipts: Mapping[str, str], gold: str = "") -> Run:
    """`run` with one iteration more, which is in the store, with its `Closing`; the run's name is not moved yet."""
    name = store.put_record(iteration)
    first = (store.closing(run.closing).first or run.closing) if run.closing else ""
    closing = Closing(name, first, run.closing, dict(receipts), gold)
    return replace(run, iteration=name, closing=store.put_record(closing), under_way={})


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


def newest_preference(store: Store, iteration: str, planned: Sequence[Iteration] = ()) -> Output | None:
    """The last output with preference models on the way to the iteration of that digest; None if there is none.

    Iterations that are only `planned` are not in the store yet.
    """
    known = {one.digest: one for one in planned}
    while iteration:
        one = known.get(iteration) or store.iteration(iteration)
        if "preference" in one.outputs and (output := store.output(one.outputs["preference"])).models:
            return output
        iteration = one.parent
    return None


def judge_made(store: Store, outputs: Mapping[str, str]) -> str | None:
    """The judge's own adapter that an iteration with these outputs proposed; None where it has none."""
    made = outputs.get(JUDGE_TRAINING)
    return str(store.output(made).values["adapter"]) if made else None


def kept_constitution(store: Store, run: Run) -> str:
    """The digest of the constitution that a run was begun with; "" where the store does not hold what it says.

    A run that has not set to work has not laid it down yet.
    """
    digest = run.inputs.get("constitution", "")
    return digest if digest and store.has(digest) else ""


def decision_of(store: Store, iteration: Iteration) -> dict[str, Any]:
    """The decision that closed the iteration, as JSON: its verdict, policy, reason, evidence and config changes."""
    decision: dict[str, Any] = store.output(iteration.outputs["decide"]).values["decision"]
    return decision


def resolve(store: Store, address: str) -> Found:
    """What `r1`, `r1@3`, `r1@3/judge` or `r1@3/judge/17` names; a bare name is the run's last iteration.

    Rows are counted from 0 over the step's tables, in the order of the tables' names. Raises UsageError with what
    there is instead: a wrong address never falls back to something near.
    """
    parsed = ADDRESS.fullmatch(address)
    if not parsed:
        raise UsageError(f"{address!r} is no address; write NAME, NAME@3, NAME@3/judge or NAME@3/judge/17")
    run = _run(store, parsed["run"], address)
    last = last_index(store, run)
    if last < 0:
        raise UsageError(f"{address}: {run.name} has finished no iteration yet; `selfsame status` says what it is at")
    index = last if parsed["index"] is None else int(parsed["index"])
    if index > last:
        raise UsageError(f"{address}: {run.name} has the iterations 0 to {last}; `selfsame log {run.name}` shows them")
    link = links(store, run, index)[0]
    if parsed["step"] is None:
        return Found(run, link)
    outputs = link.outputs
    if parsed["step"] not in outputs:
        raise UsageError(
            f"{address}: {run.name}@{index} has no step {parsed['step']!r}{_nearest(parsed['step'], outputs)}; "
            f"it has {', '.join(outputs)}"
        )
    output = store.output(outputs[parsed["step"]])
    if parsed["row"] is None:
        return Found(run, link, parsed["step"], output)
    rows = [(noun, row) for noun in sorted(output.tables) for row in store.all_rows(noun, output)]
    number = int(parsed["row"])
    if number >= len(rows):
        there = f"rows 0 to {len(rows) - 1}" if rows else "no rows"
        raise UsageError(f"{address}: {run.name}@{index}/{parsed['step']} has {there}")
    noun, row = rows[number]
    return Found(run, link, parsed["step"], output, noun, row)


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
