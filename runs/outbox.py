"""What MLflow should show of a run, derived from the store alone.

One page (an MLflow run) for a run and one below it for each of its iterations. Every point carries the time at which
its step ended or its gradient step was taken, never the time of sending: MLflow's SQL stores keep such a point once
however often it is sent (the key of their table is name, time, step, run and value).
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from runs.canonical import canonical_json, digest
from runs.counted import counted
from runs.errors import CorruptError
from runs.held_limits import limits
from runs.lineage import Link, back_from, decision_of, first_link, first_own, links
from runs.output import Output
from runs.records import Run
from runs.store import Store

TEXT_LIMIT = 5000
"""Longest tag or parameter in characters; MLflow takes 6000 of a parameter and 8000 of a tag."""


@dataclass(frozen=True)
class Point:
    """One value of one metric. `time_ms` is Unix time; `step` an iteration's index, in a loss curve a gradient step."""

    name: str
    value: float
    time_ms: int
    step: int


@dataclass(frozen=True)
class Page:
    """One run of MLflow. `identity` is the same whenever the page is derived again, and other for another page.

    `points` are shown on the page of an iteration and on its run's too, `curve` on the page alone.
    """

    identity: str
    name: str
    tags: dict[str, str]
    params: dict[str, str]
    points: tuple[Point, ...]
    curve: tuple[Point, ...]
    began_ms: int
    ended_ms: int
    halted: bool


def receipts_of(store: Store, run: Run, link: Link) -> dict[str, dict[str, Any]]:
    """The receipts of an iteration's steps, by step. Raises CorruptError where one is gone."""
    found = {step: store.receipt(key) for step, key in link.closing.receipts.items()}
    for step, receipt in found.items():
        if receipt is None:
            place = f"{run.name}@{link.iteration.index}/{step}"
            raise CorruptError(f"{place} has lost its receipt. Run `selfsame verify`")
    return {step: receipt for step, receipt in found.items() if receipt is not None}


def run_page(store: Store, run: Run) -> Page:
    """The page of a run that has closed an iteration of its own, without points: those are its iterations'."""
    last = next(back_from(store, run))
    decision = decision_of(store, last.iteration)
    count = last.iteration.index + 1 - first_own(run)
    after = f" after {run.branched_from}" if run.branched_from else ""
    tags = {
        **_lineage_tags(store, run, last),
        "selfsame.recipe": run.recipe,
        "selfsame.branched_from": run.branched_from,
        "selfsame.depth": str(len(run.shared)),
        "mlflow.note.content": f"**{run.name}**, recipe {run.recipe}: {counted(count, 'iteration')} of its own{after}, "
        f"the last one {last.iteration.index} ({decision['verdict']}: {decision['reason']}).",
    }
    operational = {f"selfsame.{name}": text for name, text in _flat(run.operational) if not name.startswith("export.")}
    return Page(
        identity=_identity(run),
        name=run.name,
        tags=_written(tags | operational),
        params=_written(dict(_flat(run.config))),
        points=(),
        curve=(),
        began_ms=_ms(run.begun),
        ended_ms=_times(receipts_of(store, run, last))[1],
        halted=decision["verdict"] == "halt",
    )


def inherited_points(store: Store, run: Run) -> tuple[Point, ...]:
    """The points of the iterations up to the fork, which an ancestor made: a branch shows them on its own page."""
    shared = links(store, run)[: first_own(run)]
    return tuple(point for link in shared for point in _points(store, receipts_of(store, run, link), link)[0])


def iteration_page(store: Store, run: Run, link: Link) -> Page:
    """The page of one of the run's own iterations."""
    receipts, iteration = receipts_of(store, run, link), link.iteration
    decision = decision_of(store, iteration)
    points, missing = _points(store, receipts, link)
    train = store.output(iteration.outputs["train"]) if "train" in iteration.outputs else None
    curve, missing_of_curve = _curve(train, receipts.get("train"))
    constitutions = [receipt["asked"]["inputs"].get("constitution") for receipt in receipts.values()]
    tags = {
        **_lineage_tags(store, run, link),
        "selfsame.constitution": next((name for name in constitutions if name), ""),
        # A number that could not be had is named here; a chart would show it as 0 or break on it.
        "selfsame.missing": ", ".join(sorted({*missing, *missing_of_curve})),
        "mlflow.note.content": f"{decision['verdict']}: {decision['reason']}",
    }
    began_ms, ended_ms = _times(receipts)
    return Page(
        identity=digest([_identity(run), iteration.digest]),
        name=f"{run.name}@{iteration.index}",
        tags=_written(tags),
        params=_written(dict(_flat(iteration.config))),
        points=tuple(points),
        curve=tuple(curve),
        began_ms=began_ms,
        ended_ms=ended_ms,
        halted=decision["verdict"] == "halt",
    )


def series(store: Store, run: Run, wanted: Collection[str]) -> dict[str, dict[int, float]]:
    """Those of the wanted metrics that the run or its ancestors have: name -> iteration index -> value.

    What is missing somewhere is left out there.
    """
    found: dict[str, dict[int, float]] = {}
    for link in links(store, run):
        for name in link.outputs.values():
            for metric, value in store.output(name).metrics.items():
                if metric in wanted and is_number(value):
                    found.setdefault(metric, {})[link.iteration.index] = float(value)
    return found


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a number that a chart can show."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _identity(run: Run) -> str:
    """What tells the run from every other, also from one of its name in another home or before a `delete`."""
    return digest([run.name, run.begun])


def _lineage_tags(store: Store, run: Run, link: Link) -> dict[str, str]:
    iteration = link.iteration
    decision = decision_of(store, iteration)
    trained = store.output(iteration.outputs["train"]).adapter if "train" in iteration.outputs else None
    return {
        "selfsame.run": run.name,
        "selfsame.iteration": str(iteration.index),
        "selfsame.digest": iteration.digest,
        "selfsame.parent": iteration.parent,
        "selfsame.policy": iteration.policy,
        "selfsame.adapter": trained or "",
        "selfsame.base": str(store.output(first_link(store, run).outputs["seed"]).values["base"]),
        "selfsame.verdict": decision["verdict"],
        "selfsame.reason": decision["reason"],
        "selfsame.environment": canonical_json(run.environment).decode("utf-8", "replace"),
    }


def _points(store: Store, receipts: Mapping[str, dict[str, Any]], link: Link) -> tuple[list[Point], list[str]]:
    """Every metric of the iteration's steps and the seconds that each took, and the names of what had no number.

    Beside a metric stands its reference, as the step `drift` says, and the limit that a guard held it against:
    `policy/entropy_nats_reference`, `policy/kl_to_seed_nats_at_most`.
    """
    points: list[Point] = []
    missing: list[str] = []
    took = {step: receipt["provenance"]["ended"] - receipt["provenance"]["began"] for step, receipt in receipts.items()}
    references: dict[str, float] = {}
    if "drift" in link.outputs:
        references = store.output(link.outputs["drift"]).values["references"]
    bounds = limits(store.output(link.outputs["decide"]))
    for step, output in link.outputs.items():
        ended = receipts[step]["provenance"]["ended"]
        # What enters no digest is kept beside the output, in its receipt.
        beside = {
            f"engine/{step}_{name}": value for name, value in receipts[step]["provenance"].get("numbers", {}).items()
        }
        parts = receipts[step]["provenance"].get("seconds", {})
        times = {f"time/{step}_s": took[step], **{f"time/{step}_{part}_s": s for part, s in parts.items()}}
        metrics = store.output(output).metrics
        if step == "drift":  # what it cost beside all else that the loop itself needs
            times["time/drift_frac"] = took[step] / sum(s for name, s in took.items() if name not in ("drift", "gold"))
        held = {f"{name}_reference": references[name] for name in metrics if name in references}
        held |= {f"{name}_{side}": bound for (name, side), bound in bounds.items() if name in metrics}
        for name, value in (metrics | held | times | beside).items():
            if is_number(value):
                points.append(Point(name, float(value), _ms(ended), link.iteration.index))
            else:
                missing.append(name)
    return points, missing


def _curve(train: Output | None, receipt: dict[str, Any] | None) -> tuple[list[Point], list[str]]:
    """The points of the loss curve at their own steps and times, and the names of what had no number somewhere."""
    points: list[Point] = []
    missing: list[str] = []
    if train is None or receipt is None:
        return points, missing
    rows: Sequence[dict[str, Any]] = train.values.get("curve", ())
    # Times enter no digest, so they are kept beside the output, in its receipt.
    for row, time_s in zip(rows, receipt["provenance"].get("curve_times_s", ()), strict=True):
        for name, value in row.items():
            if name == "step":
                continue
            if is_number(value):
                points.append(Point(f"train/{name}", float(value), _ms(time_s), row["step"]))
            else:
                missing.append(f"train/{name}")
    return points, missing


def _flat(tree: dict[str, Any], place: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value if isinstance(value, str) else canonical_json(value).decode()


def _written(texts: dict[str, str]) -> dict[str, str]:
    """`texts` without empty ones, cut to what MLflow takes."""
    return {name: text[:TEXT_LIMIT] for name, text in texts.items() if text}


def _times(receipts: Mapping[str, dict[str, Any]]) -> tuple[int, int]:
    """When the first of some steps began and the last one ended."""
    times = [receipt["provenance"] for receipt in receipts.values()]
    return _ms(min(time["began"] for time in times)), _ms(max(time["ended"] for time in times))


def _ms(time_s: float) -> int:
    return round(time_s * 1000)
