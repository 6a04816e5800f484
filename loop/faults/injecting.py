"""The loop's steps with a fault in them: before its onset they are the loop's own."""

from dataclasses import replace

from loop.config import Config
from loop.config_phase import Phase, with_settings
from loop.desk import Desk
from loop.faults.fault import Fault
from loop.iterate import Steps
from loop.pipeline import Step, steps_of
from loop.steps.turn import Turn
from loop.warp import Warp
from runs.output import Output


def with_fault(config: Config, fault: Fault) -> Config:
    """The settings of a healthy run, with those of the fault from its onset on.

    A broken judge is the policy itself, so that the seed's judge is still there to hold it against.
    """
    tree = with_settings(config.model_dump(mode="json"), dict(fault.ground))
    changed = {**({"judge.adapter": "self"} if fault.judged else {}), **fault.settings}
    if changed:
        tree["phases"] = [Phase(since=fault.onset, settings=changed).model_dump(mode="json")]
    return Config.model_validate(tree)


def faulty_steps(fault: Fault) -> Steps:
    """The steps of an iteration by its index. A step with the fault has it in its key."""

    def steps(index: int) -> tuple[Step, ...]:
        own = steps_of(index)
        sound = index < fault.onset or not (fault.judged or fault.outputs)
        return own if sound else tuple(_faulty(step, fault, index - fault.onset) for step in own)

    return steps


def _faulty(step: Step, fault: Fault, age: int) -> Step:
    def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
        return step.inputs(desk, turn) | {"fault": fault.name}

    def run(desk: Desk, turn: Turn, key: str) -> Output:
        desk.warp = _warp(fault, turn, age)
        try:
            output = step.run(desk, turn, key)
        finally:
            desk.warp = None
        change = fault.outputs.get(step.name)
        return change(desk, turn, output, age) if change else output

    return replace(step, inputs=inputs, run=run)


def _warp(fault: Fault, turn: Turn, age: int) -> Warp | None:
    judged = fault.judged
    if judged is None:
        return None
    return Warp(
        f"{fault.name} since {age}", turn.seed_policy, lambda item, sound, scale: judged(item, sound, scale, age)
    )
