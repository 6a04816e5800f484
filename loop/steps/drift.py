"""Step `drift`: where the loop is going, by numbers that each have a reference. Nothing is trained on them.

`measure` answered the held-out prompts and judged the answers; this step reads that, and asks little more. Each group
can be turned off, and what each cost is kept beside the output.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from loop.anchors import anchors_digest
from loop.clock import begin_lap
from loop.desk import Desk
from loop.panel import bench
from loop.sources import prompt_source
from loop.steps.by_tag import probes_digest
from loop.steps.drift_judge import judge_drift
from loop.steps.drift_policy import policy_drift
from loop.steps.drift_prompts import prompts_drift
from loop.steps.drift_seen import Found, Numbers, Seen, seen
from loop.steps.drift_signal import signal_drift
from loop.steps.past import drift_before, standing_before
from loop.steps.turn import Turn
from loop.steps.yardsticks import GROUP, kind_of, yardsticks
from runs.canonical import digest
from runs.output import Output
from runs.records import DriftItem, Measurement

OF_AN_INTERVAL = ("_low", "_high", "_se", "_n")
"""What ends the name of a number that says how sure another one is: it has no reference of its own."""
GROUPS: dict[str, Callable[[Desk, Turn, Seen], Found]] = {
    "judge": judge_drift,
    "policy": policy_drift,
    "prompts": prompts_drift,
    "signal": signal_drift,
}


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """What was measured and trained on, the policies and judges beside, the labelled pairs, and the drift before.

    All metrics of the iteration have their references here, so all of its outputs so far are inputs.
    """
    before = drift_before(desk, turn)
    # Where there was no drift before, what the seed was measured at is the reference.
    first = {"first": turn.past[0].outputs["measure"]} if turn.past and not before else {}
    return {
        **turn.outputs,
        "model": turn.model,
        "candidate": turn.candidate,
        "seed_policy": turn.seed_policy,
        "previous": turn.policy,
        "judges": bench(desk, turn, turn.candidate).digest,
        "constitution": desk.constitution.digest,
        "source": prompt_source(desk.config.prompts.source).digest,
        "anchors": anchors_digest(desk.config.measure.anchors),
        "anchor_count": str(desk.config.measure.anchor_count),
        "max_tokens": str(desk.config.measure.max_tokens),
        "yardsticks": digest(yardsticks(desk, turn)),
        "before": before,
        **first,
    }


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The numbers of every group that is on, those of each probe, and the reference of every metric so far."""
    measured = seen(desk, turn)
    found: dict[str, Found] = {}
    seconds = {}
    for name, group in GROUPS.items():
        if getattr(desk.config.drift, name):
            lap = begin_lap()
            found[name] = group(desk, turn, measured)
            took = lap()
            seconds[name] = took["ended"] - took["began"]
    desk.beside["seconds"] = seconds
    metrics = {name: value for one in found.values() for name, value in one.metrics.items()}
    measurement = Measurement(turn.candidate, turn.seed_policy, probes_digest(measured.prompts), metrics)
    tables: dict[str, tuple[str, ...]] = {
        "drift_items": (desk.store.put_rows("drift_items", items(turn.candidate, found)),),
        "measurements": (desk.store.put_rows("measurements", [measurement]),),
    }
    for one in found.values():
        for noun, shards in one.tables.items():
            tables[noun] = tables.get(noun, ()) + shards
    kinds = {name: GROUP + group for group, one in found.items() for name in one.names()}
    values = {"metrics": metrics, "candidate": turn.candidate, **references(desk, turn, metrics, kinds)}
    return Output("drift", {noun: shards for noun, shards in tables.items() if shards}, values)


def items(candidate: str, found: Mapping[str, Found]) -> list[DriftItem]:
    """A row for each probe, with what all groups say of it."""
    held_out: dict[str, Numbers] = {}
    labelled: dict[str, Numbers] = {}
    for one in found.values():
        for rows, of_group in ((held_out, one.held_out), (labelled, one.labelled)):
            for item, numbers in of_group.items():
                rows[item] = rows.get(item, {}) | numbers
    return [
        *(DriftItem(candidate, "held-out", item, numbers) for item, numbers in held_out.items()),
        *(DriftItem(candidate, "labelled", item, numbers) for item, numbers in labelled.items()),
    ]


def references(
    desk: Desk, turn: Turn, own: Mapping[str, float | None], own_kinds: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """What each metric of the iteration is held against: its first value in this line of descent that is like it.

    That is the seed policy's for what is measured of a policy or its judge, and for the training signal that of the
    first iteration whose adapter was promoted. What an iteration that was not promoted found is no reference, nor is
    what was measured otherwise. With the `references` go the `kinds` of all numbers, and the last yardstick of each.
    """
    first, by, of_kind = dict[str, float](), dict[str, str](), dict[str, str]()
    standing = standing_before(desk, turn)
    if standing and (before := standing.previous.outputs.get("drift")):
        left = desk.store.output(before).values
        first, by, of_kind = left["references"], left.get("yardsticks", {}), left.get("kinds", {})
    elif standing:
        measured = desk.store.output(turn.past[0].outputs["measure"]).metrics
        first, by = _numbers(measured), standing.seed.yardsticks
        of_kind = {name: kind_of("measure", name, {}) for name in measured}
    now = yardsticks(desk, turn)
    other = {kind for kind, yardstick in now.items() if kind in by and by[kind] != yardstick}
    so_far, kinds = dict(own), dict(own_kinds)
    for step, output in turn.done.items():
        so_far |= output.metrics
        kinds |= {name: kind_of(step, name, {}) for name in output.metrics}
    kept = {name: value for name, value in first.items() if of_kind.get(name) not in other}
    return {"references": _numbers(so_far) | kept, "kinds": of_kind | kinds, "yardsticks": {**by, **now}}


def _numbers(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in metrics.items()
        if value is not None and math.isfinite(value) and not name.endswith(OF_AN_INTERVAL)
    }
