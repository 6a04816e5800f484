"""One run with a fault, let go on to its end whatever the guards say, as one row of what they would have seen."""

import json
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from loop import drive, iterate
from loop.config import Config
from loop.config_guards import Guards
from loop.desk import Desk
from loop.faults.catalogue import HEALTHY
from loop.faults.fault import Fault
from loop.faults.injecting import faulty_steps, with_fault
from loop.faults.packed import packed
from loop.guards.seen import Seen
from loop.load_config import load_config
from loop.progress import Say
from loop.steps.decide_seen import seen_of
from loop.steps.turn import Turn
from runs.lineage import Link, links
from runs.records import Judgment, Response
from runs.store import Store

RECIPE = "self-rewarding"
MEASURED = {
    "gold.prompts": 2000,
    "gold.greedy": False,
    "audit.items": 0,
    "drift.prompts": False,
    "drift.signal": False,
    "drift.items": 1,
    "drift.samples": 2,
    "capability.prompts": "microworld",
    "engine.threads": 1,
    "train.threads": 1,
    "export.mlflow": False,
}
"""Gold on enough prompts, all that guards look at, and nothing else."""


def settings(fault: Fault, seed: int, overrides: Sequence[str] = ()) -> Config:
    """The settings of the run: those of a healthy one, the fault's, and `overrides`, with guards that only warn."""
    sizes = {"seed": seed, "iterations": fault.iterations}
    named = {**HEALTHY, **MEASURED, **sizes, "guards.actions": Guards().only_warning()}
    given = {override.partition("=")[0] for override in overrides}
    spelt = [
        f"{leaf}={value if isinstance(value, str) else json.dumps(value)}"
        for leaf, value in named.items()
        if leaf not in given
    ]
    return with_fault(load_config(RECIPE, [*spelt, *overrides]), fault)


def trajectory(fault: Fault, config: Config, store: Store, say: Say = lambda event: None) -> dict[str, Any]:
    """The row of one run: what guards see of each iteration, with `gold` over either half of the prompts.

    Runs of one seed are alike up to the onset of their faults, and in one `store` that part is done once. Raises
    WorkerError where a worker fails: nothing is tried again.
    """
    run = drive.begin(store, fault.name, RECIPE, config)
    with store.lock(), drive.desk_of(store, fault.name, config, say) as desk:
        outcome = iterate.carry_on(desk, run, lambda: None, faulty_steps(fault))
        made = links(store, drive.existing(store, fault.name))
        row = packed([_seen(desk, link) for link in made])
    for one, link in zip(row["iterations"], made, strict=True):
        one["gold"] = gold_halves(store, link)
    ended = {} if outcome.kind == "done" else {"ended": outcome.reason}
    return {"onset": fault.onset, **ended, **row}


def _seen(desk: Desk, link: Link) -> Seen:
    outputs = link.iteration.outputs
    desk.turn_to(link.iteration.index)
    done = {step: desk.store.output(got) for step, got in outputs.items()}
    return replace(seen_of(desk, Turn(link.iteration.index, (), outputs, done)), rows={})


def gold_halves(store: Store, link: Link) -> list[float]:
    """Mean gold of the sampled answers over every other prompt, and over the rest."""
    gold = store.output(link.outputs["gold"])
    scores = {one.judged[0]: one.score for one in store.all_rows("judgments", gold) if isinstance(one, Judgment)}
    answers: list[Response] = store.all_rows("responses", gold)
    sampled = [scores[one.digest] for one in answers if one.sampling.temperature > 0]
    totals = [score for score in sampled if score is not None]
    return [round(fmean(totals[half::2]), 4) for half in (0, 1)]
