"""A run's seed policy, measured against itself: the repetitions that limits are calibrated by.

Nothing is trained, and no iteration is made: the steps that measure are taken again, with answers of their own to the
same prompts. What was asked is kept by shards, so that a calibration that is stopped goes on where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from loop.config_guards import Guards
from loop.desk import Desk
from loop.drive import config_of, desk_of, existing
from loop.guards.calibration import Calibrated, Tested, asked_again, calibrated
from loop.guards.examine import examine
from loop.guards.seen import Seen
from loop.pipeline import CAPABILITY, DRIFT, MEASURE
from loop.progress import Event, Say
from loop.steps.decide_seen import Before, seen_before, seen_of
from loop.steps.past import standing_before
from loop.steps.turn import Turn
from loop.steps.yardsticks import yardsticks
from runs.errors import UsageError
from runs.lineage import first_link
from runs.records import Iteration
from runs.store import Store

MEASURING = (MEASURE, CAPABILITY, DRIFT)


@dataclass(frozen=True)
class Calibration:
    """What chance does to the guards of a run, over `times` repetitions, and the limits that it leaves alone.

    `rate` is the chance of a false alarm in one iteration that each proposed limit has.
    """

    run: str
    times: int
    rate: float
    limits: tuple[Calibrated, ...]
    tests: tuple[Tested, ...]


def calibration(store: Store, name: str, times: int, rate: float, say: Say) -> Calibration:
    """Measure the seed policy of the run `times` times more, and hold each time against the first.

    Raises UsageError where iteration 0 was not measured, and where no repetition differs from another.
    """
    run = existing(store, name)
    seed = first_link(store, run).iteration if run.iteration else None
    if seed is None or "measure" not in seed.outputs:
        raise UsageError(
            f"{name} has no measured iteration 0 to measure again; `selfsame resume {name}` takes it there first"
        )
    config = config_of(run)
    with desk_of(store, name, config, say) as desk, store.lock():
        desk.turn_to(0)
        of = _before(desk, seed)
        repeated = [_measured_again(desk, seed, again) for again in range(1, times + 1)]
    return held_against(name, config.guards, repeated, of, rate)


def held_against(name: str, guards: Guards, repeated: Sequence[Seen], before: Before, rate: float) -> Calibration:
    """What the guards make of each repetition. Raises UsageError where no two of them differ."""
    limits = tuple(calibrated(limit, repeated, before.of, guards.brake_at, rate) for limit in guards.every_limit())
    findings = [one for seen in repeated for one in examine(guards, seen, before.of)]
    tests = tuple(
        found for test in guards.every_paired() if (found := asked_again(test, repeated, before.of, findings))
    )
    moved = any(apart.sd for one in tests for apart in one.apart)
    if not moved and not any(one.proposed is not None for one in limits):
        raise UsageError(
            f"{len(repeated)} measurements of {name}@0 came out the same to the last digit: answers that are not drawn "
            "say nothing of chance, and no limit can be had from them"
        )
    return Calibration(name, len(repeated), rate, limits, tests)


def _before(desk: Desk, seed: Iteration) -> Before:
    turn = _turn(seed)
    # Items are read where there are new ones to hold against them, as there will be.
    measured = turn.with_output("measure", seed.outputs["measure"], desk.store.output(seed.outputs["measure"]))
    return seen_before(desk, measured, standing_before(desk, turn))


def _turn(seed: Iteration, again: int = 0) -> Turn:
    """An iteration that trains nothing: its candidate is the seed policy."""
    return replace(Turn.after((seed,)), again=again)


def _measured_again(desk: Desk, seed: Iteration, again: int) -> Seen:
    turn = _turn(seed, again)
    desk.say(Event("note", desk.run, text=f"measuring the seed policy again: {again}"))
    for step in MEASURING:
        if step.name not in desk.config.unasked(0):
            output = step.run(desk, turn, "")
            turn = turn.with_output(step.name, desk.store.put_record(output), output)
    return replace(seen_of(desk, turn), yardsticks=yardsticks(desk, turn))
