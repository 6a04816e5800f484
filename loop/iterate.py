"""The loop: carry a run forward by asking one question again and again, "which receipt is missing?".

A step whose key has a receipt is never run again, so resuming is running the loop again, and extending a run is
running it with more iterations. Nothing is caught here: an error leaves the receipts that exist, and they are the
progress.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from loop.clock import begin_lap
from loop.desk import Desk
from loop.limits import LimitReached
from loop.pipeline import GOLD, Step, steps_of
from loop.progress import Event
from loop.steps.decide import is_due
from loop.steps.turn import Turn
from loop.word import waits, what_waits, word_on
from runs.canonical import digest
from runs.lineage import closed, decision_of, nearest
from runs.records import Iteration, Run

Steps = Callable[[int], tuple[Step, ...]]


@dataclass(frozen=True)
class Outcome:
    """How a run came to rest: all its iterations are there, a guard halted it, a limit stopped it, or a person is to
    say whether a decision may stand."""

    kind: Literal["done", "halted", "stopped", "waiting"]
    reason: str


@dataclass(frozen=True)
class PlannedStep:
    """A step that a run would take, and whether its result is there already."""

    index: int
    step: str
    key: str
    done: bool


def carry_on(desk: Desk, run: Run, tell: Callable[[], None], steps: Steps = steps_of) -> Outcome:
    """Take `run` to its last iteration, or as far as guards and limits let it; `tell` is called after each iteration.

    A halt stays: a halted run comes back at once with its reason, unless a person went past it. `steps` gives the steps
    of an iteration by its index.
    """
    while True:
        past = nearest(desk.store, run)
        if past and (reason := halt_reason(desk, past[-1])) and not is_overridden(desk, past):
            return Outcome("halted", f"{run.name}@{past[-1].index}: {reason}")
        if past and past[-1].index >= desk.config.iterations:
            return Outcome("done", f"{run.name} is at iteration {desk.config.iterations}, its last")
        try:
            advanced = advance(desk, run, past, steps)
        except LimitReached as limit:
            return Outcome("stopped", str(limit))
        if advanced.iteration == run.iteration:
            return Outcome("waiting", what_waits(desk.store, advanced))
        run = advanced
        tell()


def advance(desk: Desk, run: Run, past: tuple[Iteration, ...], steps: Steps) -> Run:
    """The run, one iteration further, made from whatever the disk already holds and nothing twice.

    Where a person is to say whether its decision may stand, the iteration is not closed.
    """
    turn = Turn.after(past)
    desk.turn_to(turn.index, braked_by(desk, past))
    goes_past_a_halt = is_overridden(desk, past)
    receipts: dict[str, str] = {}
    for step in steps(turn.index):
        if not is_due(desk, turn, step.name):
            continue
        receipts[step.name], got = result_of(desk, step, turn)
        turn = turn.with_output(step.name, got, desk.store.output(got))
        # Known work is passed over in silence: a run that goes on never looks as if it had gone back.
        if run.under_way.get(step.name) != turn.outputs[step.name]:
            run = replace(run, under_way=turn.outputs)
            desk.store.move(run)
    if waits(turn.done["decide"]):
        return run
    iteration, gold = close(desk, turn), ""
    if desk.config.gold.enabled and not goes_past_a_halt:
        # After all else is fixed, and recorded beside the iteration: gold enters no key and no digest of the loop.
        receipts[GOLD.name], gold = result_of(desk, GOLD, turn)
    run = closed(desk.store, run, iteration, receipts, gold)
    desk.store.move(run)
    return run


def close(desk: Desk, turn: Turn) -> Iteration:
    """The iteration that a finished turn amounts to."""
    (decision,) = desk.store.all_rows("decisions", turn.done["decide"])
    return Iteration(
        parent=turn.past[-1].digest if turn.past else "",
        index=turn.index,
        config=desk.config.semantic(),
        seed=desk.config.seed,
        outputs=turn.outputs,
        policy=decision.policy,
        decision=decision.digest,
    )


def plan(desk: Desk, behind: Sequence[Iteration] = ()) -> list[PlannedStep]:
    """The steps whose results the store holds already for this configuration, and the first one that it lacks.

    `behind` are the iterations that it begins after, whatever they were made with: at least number 0 and the last two.
    What comes after the first step that is lacking depends on what that one will give, so it has no key yet.
    """
    planned: list[PlannedStep] = []
    past = tuple(behind)
    while (turn := Turn.after(past)).index <= desk.config.iterations and not _stays_halted(desk, past):
        desk.turn_to(turn.index, braked_by(desk, past))
        for step in steps_of(turn.index):
            if not is_due(desk, turn, step.name):
                continue
            key = step.key(desk, turn)
            got = desk.store.recall(key)
            planned.append(PlannedStep(turn.index, step.name, key, got is not None))
            if got is None:
                return planned
            turn = turn.with_output(step.name, got, desk.store.output(got))
        if waits(turn.done["decide"]):
            return planned
        past = (*past, close(desk, turn))
    return planned


def is_overridden(desk: Desk, past: tuple[Iteration, ...]) -> bool:
    """Whether a person said that the run is to go past the halt that its last iteration is."""
    word = word_on(desk.store, desk.run, Turn.after(past))
    return word is not None and word.kind == "override"


def braked_by(desk: Desk, past: tuple[Iteration, ...]) -> int:
    """How hard the last decision brakes the iteration after it; 0 is not at all."""
    left = desk.store.output(past[-1].outputs["decide"]).values.get("standing") if past else None
    return int(left["braked"]) if left else 0


def _stays_halted(desk: Desk, past: tuple[Iteration, ...]) -> bool:
    return bool(past and halt_reason(desk, past[-1]) and not is_overridden(desk, past))


def halt_reason(desk: Desk, iteration: Iteration) -> str:
    """Why the iteration halted; "" if it did not."""
    decision = decision_of(desk.store, iteration)
    return str(decision["reason"]) if decision["verdict"] == "halt" else ""


def result_of(desk: Desk, step: Step, turn: Turn) -> tuple[str, str]:
    """The step's key, and the digest of its output: recalled if there is a receipt, made if not."""
    address = f"{desk.run}@{turn.index}/{step.name}"
    asked = step.asked(desk, turn)
    key = digest(asked)
    got = desk.store.recall(key)
    if got is not None:
        desk.say(Event("known", address))
        return key, got
    desk.limits.check()
    desk.say(Event("begin", address))
    desk.beside = {}
    lap = begin_lap()
    output = step.run(desk, turn, key)
    provenance = {"address": address, **lap(), **desk.beside}
    got = desk.store.commit(key, desk.store.put_record(output), asked, provenance)
    desk.say(Event("end", address))
    return key, got
