"""What MLflow should show of a run, derived from the store alone.

One page (an MLflow run) for a run and one below it for each of its iterations. Every point carries the time at which
its step ended or its gradient step was taken, never the time of sending: MLflow's SQL stores keep such a point once
however often it is sent (the key of their table is name, time, step, run and value).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from runs.canonical import canonical_json, digest
from runs.errors import CorruptError
from runs.lineage import decision_of, first_own, iterations, outputs_of
from runs.output import Output
from runs.records import Iteration, Run
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

    `points` are shown on the page and on its parent's too, `curve` on the page alone.
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


@dataclass(frozen=True)
class Past:
    """What the store says of a run: `chain` is from iteration 0 on, those included that it shares with ancestors.

    `receipts` are those of steps, by step, iteration index and output digest.
    """

    store: Store
    run: Run
    chain: list[Iteration]
    receipts: dict[tuple[str, int, str], dict[str, Any]]

    @property
    def shared(self) -> list[Iteration]:
        """The iterations up to the fork, which an ancestor made."""
        return self.chain[: first_own(self.run)]

    @property
    def own(self) -> list[Iteration]:
        """The iterations that the run made itself."""
        return self.chain[first_own(self.run) :]

    @property
    def identity(self) -> str:
        """What tells the run from every other, also from one of its name in another home or before a `delete`."""
        first = self.own[0]
        began = min(receipt["provenance"]["began"] for receipt in self.receipts_of(first, first.outputs).values())
        return digest([self.run.name, first.digest, began])

    def receipts_of(self, iteration: Iteration, outputs: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """The receipts of an iteration's steps, by step. Raises CorruptError where one is missing."""
        found = {step: self.receipts.get((step, iteration.index, output)) for step, output in outputs.items()}
        for step, receipt in found.items():
            if receipt is None:
                place = f"{self.run.name}@{iteration.index}/{step}"
                raise CorruptError(f"{place} has no receipt for its output {outputs[step]}. Run `selfsame verify`")
        return {step: receipt for step, receipt in found.items() if receipt is not None}


def read_past(store: Store, run: Run) -> Past:
    """What the store says of a run. Of two receipts for one output, got by different keys, the first one counts."""
    found: dict[tuple[str, int, str], dict[str, Any]] = {}
    for receipt in store.receipts():
        asked = receipt["asked"]
        if "index" not in asked:
            continue  # a shard's
        name = asked["step"], asked["index"], receipt["digest"]
        if name not in found or receipt["provenance"]["ended"] < found[name]["provenance"]["ended"]:
            found[name] = receipt
    return Past(store, run, iterations(store, run), found)


def run_page(past: Past) -> Page:
    """The page of a run that has closed an iteration of its own. Its points are those of the iterations it shares."""
    run, own, last = past.run, past.own, past.own[-1]
    decision = decision_of(past.store, last)
    after = f" after {run.branched_from}" if run.branched_from else ""
    tags = {
        **_lineage_tags(past, last),
        "selfsame.recipe": run.recipe,
        "selfsame.branched_from": run.branched_from,
        "selfsame.depth": str(len(run.shared)),
        "mlflow.note.content": f"**{run.name}**, recipe {run.recipe}: {len(own)} iterations of its own{after}, "
        f"the last one {last.index} ({decision['verdict']}: {decision['reason']}).",
    }
    operational = {f"selfsame.{name}": text for name, text in _flat(run.operational) if not name.startswith("export.")}
    return Page(
        identity=past.identity,
        name=run.name,
        tags=_written(tags | operational),
        params=_written(dict(_flat(run.config))),
        points=tuple(point for iteration in past.shared for point in _points(past, iteration)[0]),
        curve=(),
        began_ms=_times(past.receipts_of(own[0], own[0].outputs))[0],
        ended_ms=_times(past.receipts_of(last, outputs_of(run, last)))[1],
        halted=decision["verdict"] == "halt",
    )


def iteration_page(past: Past, iteration: Iteration) -> Page:
    """The page of one of the run's own iterations."""
    receipts = past.receipts_of(iteration, outputs_of(past.run, iteration))
    decision = decision_of(past.store, iteration)
    points, missing = _points(past, iteration)
    train = past.store.output(iteration.outputs["train"]) if "train" in iteration.outputs else None
    curve, missing_of_curve = _curve(train, receipts.get("train"))
    constitutions = [receipt["asked"]["inputs"].get("constitution") for receipt in receipts.values()]
    tags = {
        **_lineage_tags(past, iteration),
        "selfsame.constitution": next((name for name in constitutions if name), ""),
        # A number that could not be had is named here; a chart would show it as 0 or break on it.
        "selfsame.missing": ", ".join(sorted({*missing, *missing_of_curve})),
        "mlflow.note.content": f"{decision['verdict']}: {decision['reason']}",
    }
    began_ms, ended_ms = _times(receipts)
    return Page(
        identity=digest([past.identity, iteration.digest]),
        name=f"{past.run.name}@{iteration.index}",
        tags=_written(tags),
        params=_written(dict(_flat(iteration.config))),
        points=tuple(points),
        curve=tuple(curve),
        began_ms=began_ms,
        ended_ms=ended_ms,
        halted=decision["verdict"] == "halt",
    )


def series(past: Past) -> dict[str, dict[int, float]]:
    """Metric name -> iteration index -> value, over the run and its ancestors; what is missing is left out."""
    found: dict[str, dict[int, float]] = {}
    for iteration in past.chain:
        for name in outputs_of(past.run, iteration).values():
            for metric, value in past.store.output(name).metrics.items():
                if is_number(value):
                    found.setdefault(metric, {})[iteration.index] = float(value)
    return found


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a number that a chart can show."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _lineage_tags(past: Past, iteration: Iteration) -> dict[str, str]:
    store = past.store
    decision = decision_of(store, iteration)
    trained = store.output(iteration.outputs["train"]).adapter if "train" in iteration.outputs else None
    return {
        "selfsame.run": past.run.name,
        "selfsame.iteration": str(iteration.index),
        "selfsame.digest": iteration.digest,
        "selfsame.parent": iteration.parent,
        "selfsame.policy": iteration.policy,
        "selfsame.adapter": trained or "",
        "selfsame.base": str(store.output(past.chain[0].outputs["seed"]).values["base"]),
        "selfsame.verdict": decision["verdict"],
        "selfsame.reason": decision["reason"],
        "selfsame.environment": canonical_json(past.run.environment).decode("utf-8", "replace"),
    }


def _points(past: Past, iteration: Iteration) -> tuple[list[Point], list[str]]:
    """Every metric of the iteration's steps and the seconds that each took, and the names of what had no number."""
    points: list[Point] = []
    missing: list[str] = []
    digests = outputs_of(past.run, iteration)
    for step, receipt in past.receipts_of(iteration, digests).items():
        began, ended = receipt["provenance"]["began"], receipt["provenance"]["ended"]
        for name, value in (past.store.output(digests[step]).metrics | {f"time/{step}_s": ended - began}).items():
            if is_number(value):
                points.append(Point(name, float(value), _ms(ended), iteration.index))
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
