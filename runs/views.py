"""The views of `selfsame query` as Arrow tables: what every run made, each row under the run that made it.

A shard does not know which run asked for it. `run`, `iteration` and `step` come from the lineage: a row appears under
each run that made it and not under the branches that inherit it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from runs.canonical import canonical_json
from runs.lineage import Link, decision_of, iterations, links, made_by
from runs.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

SHARDED = ("prompts", "responses", "revisions", "judgments", "pairs", "readings", "decisions")
VIEWS = ("runs", "iterations", "steps", *SHARDED, "adapters", "measurements", "drift_items", "audits")


@dataclass(frozen=True)
class Made:
    """A finished step, under the run that made it. `output` is a digest."""

    run: str
    iteration: int
    step: str
    output: str


def view(store: Store, name: str) -> "pa.Table":
    """All rows of the view of that name."""
    import pyarrow as pa

    if name in SHARDED:
        return sharded_view(store, name, made_steps(store))
    rows = {
        "runs": _runs,
        "iterations": _iterations,
        "steps": _steps,
        "adapters": _adapters,
        "measurements": _numbers,
        "drift_items": _drift_items,
        "audits": _audits,
    }
    return pa.Table.from_pylist(list(rows[name](store)), schema=_schema(name))


def sharded_view(store: Store, name: str, made: Iterable[Made]) -> "pa.Table":
    """The rows of that view which these steps made."""
    import pyarrow as pa

    return pa.concat_tables([empty_view(name), *_shards(store, name, made)])


def empty_view(name: str) -> "pa.Table":
    """The view's columns without rows."""
    return _schema(name).empty_table()


def ancestry(store: Store) -> "pa.Table":
    """For each run or tag (`of_run`) every iteration behind it: the run that made it, its number and its digest."""
    import pyarrow as pa

    rows = [
        {"of_run": run.name, "run": made_by(run, i.index), "iteration": i.index, "digest": i.digest}
        for run in store.refs()
        for i in iterations(store, run)
    ]
    text = pa.string()
    return pa.Table.from_pylist(
        rows, schema=pa.schema([("of_run", text), ("run", text), ("iteration", pa.int64()), ("digest", text)])
    )


def made_iterations(store: Store) -> list[tuple[str, Link]]:
    """Every iteration that a run reaches, once for each run that made it, behind that one's name."""
    found: dict[tuple[str, str], tuple[str, Link]] = {}
    for run in store.refs():
        for link in links(store, run):
            maker = made_by(run, link.iteration.index)
            found.setdefault((maker, link.iteration.digest), (maker, link))
    return list(found.values())


def made_steps(store: Store) -> Iterator[Made]:
    """Every finished step that a run reaches, those of iterations under way included."""
    for maker, link in made_iterations(store):
        for step, output in link.outputs.items():
            yield Made(maker, link.iteration.index, step, output)
    for run in store.runs():
        index = store.iteration(run.iteration).index + 1 if run.iteration else 0
        for step, output in run.under_way.items():
            yield Made(run.name, index, step, output)


def _shards(store: Store, noun: str, made: Iterable[Made]) -> Iterator["pa.Table"]:
    import pyarrow as pa

    for one in made:
        shards = store.output(one.output).tables.get(noun, ())
        table = store.table(noun, shards)
        for place, (name, value) in enumerate((("run", one.run), ("iteration", one.iteration), ("step", one.step))):
            table = table.add_column(place, _schema(noun).field(name), pa.repeat(pa.scalar(value), len(table)))
        yield table


def _runs(store: Store) -> Iterable[dict[str, Any]]:
    for run in store.runs():
        tip = store.iteration(run.iteration) if run.iteration else None
        yield {
            "run": run.name,
            "iteration": tip.index if tip else None,
            "digest": run.iteration or None,
            "recipe": run.recipe,
            "branched_from": run.branched_from or None,
            "policy": tip.policy if tip else None,
            "verdict": decision_of(store, tip)["verdict"] if tip else None,
            "config": _json(run.config),
            "operational": _json(run.operational),
            "environment": _json(run.environment),
        }


def _iterations(store: Store) -> Iterable[dict[str, Any]]:
    for maker, link in made_iterations(store):
        iteration = link.iteration
        decision = decision_of(store, iteration)
        yield {
            "run": maker,
            "iteration": iteration.index,
            "digest": iteration.digest,
            "parent": iteration.parent or None,
            "policy": iteration.policy,
            "verdict": decision["verdict"],
            "reason": decision["reason"],
            "seed": iteration.seed,
            "config": _json(iteration.config),
        }


def _steps(store: Store) -> Iterable[dict[str, Any]]:
    receipts: dict[str, list[dict[str, Any]]] = {}
    for receipt in store.receipts():
        receipts.setdefault(receipt["digest"], []).append(receipt)
    for made in made_steps(store):
        # Two iterations can get one output (the same decision twice); the number that was asked for tells them apart.
        found = receipts.get(made.output, [])
        receipt = next((r for r in found if r["asked"].get("index") == made.iteration), found[0] if found else {})
        provenance = receipt.get("provenance", {})
        began, ended = provenance.get("began"), provenance.get("ended")
        metrics = store.output(made.output).metrics
        yield {
            "run": made.run,
            "iteration": made.iteration,
            "step": made.step,
            "digest": made.output,
            "key": receipt.get("key"),
            "began": began,
            "seconds": None if began is None or ended is None else ended - began,
            "metrics": sorted((name, None if value is None else float(value)) for name, value in metrics.items()),
            "asked": _json(receipt.get("asked", {})),
            "provenance": _json(provenance),
        }


def _adapters(store: Store) -> Iterable[dict[str, Any]]:
    for made in made_steps(store):
        for adapter in store.output(made.output).adapters:
            place = {"run": made.run, "iteration": made.iteration, "step": made.step, "digest": adapter}
            yield place | asdict(store.adapter(adapter))


def _numbers(store: Store) -> Iterable[dict[str, Any]]:
    for made in made_steps(store):
        for measurement in store.all_rows("measurements", store.output(made.output)):
            for metric, value in sorted(measurement.numbers.items()):
                yield {
                    "run": made.run,
                    "iteration": made.iteration,
                    "step": made.step,
                    "digest": measurement.digest,
                    "adapter": measurement.adapter,
                    "reference": measurement.reference,
                    "probes": measurement.probes,
                    "tag": measurement.tag,
                    "metric": metric,
                    "value": None if value is None else float(value),
                }


def _drift_items(store: Store) -> Iterable[dict[str, Any]]:
    """One row for each number of each probe: to pair two iterations, join them by `item` and `metric`."""
    for made in made_steps(store):
        for one in store.all_rows("drift_items", store.output(made.output)):
            for metric, value in sorted(one.numbers.items()):
                yield {
                    "run": made.run,
                    "iteration": made.iteration,
                    "step": made.step,
                    "digest": one.digest,
                    "adapter": one.adapter,
                    "probe": one.probe,
                    "item": one.item,
                    "metric": metric,
                    "value": None if value is None else float(value),
                }


def _audits(store: Store) -> Iterable[dict[str, Any]]:
    """Each statistic of each audited judge, and the fault that it shows: one that the audit as a whole vouches for."""
    for made in made_steps(store):
        audit = store.output(made.output).values.get("audit")
        if audit is None:
            continue
        faults = {finding["statistic"]: finding for finding in audit["findings"]}
        for name, one in audit["statistics"].items():
            fault = faults.get(name, {})
            yield {
                "run": made.run,
                "iteration": made.iteration,
                "step": made.step,
                "digest": made.output,
                "name": name,
                "estimate": one["value"],
                "low": one["low"],
                "high": one["high"],
                "n": one["n"],
                "finding": fault.get("name"),
                "p_value": fault.get("p_value"),
            }


def _schema(name: str) -> "pa.Schema":
    import pyarrow as pa

    from runs.tables import schema

    text, whole, real = pa.string(), pa.int64(), pa.float64()
    place = [pa.field("run", text), pa.field("iteration", whole), pa.field("step", text)]
    if name in SHARDED:
        return pa.schema([*place, *schema(name)])
    own: dict[str, list[pa.Field]] = {
        "runs": [pa.field(n, text) for n in _RUN_TEXTS],
        "iterations": [*(pa.field(n, text) for n in _ITERATION_TEXTS), pa.field("seed", whole)],
        "steps": [
            *(pa.field(n, text) for n in ("digest", "key", "asked", "provenance")),
            pa.field("began", real),
            pa.field("seconds", real),
            pa.field("metrics", pa.map_(text, real)),
        ],
        "adapters": [pa.field(n, text) for n in _ADAPTER_TEXTS],
        "measurements": [*(pa.field(n, text) for n in _MEASUREMENT_TEXTS), pa.field("value", real)],
        "drift_items": [*(pa.field(n, text) for n in _DRIFT_ITEM_TEXTS), pa.field("value", real)],
        "audits": [
            *(pa.field(n, text) for n in ("digest", "name")),
            *(pa.field(n, real) for n in ("estimate", "low", "high")),
            pa.field("n", whole),
            pa.field("finding", text),
            pa.field("p_value", real),
        ],
    }
    without_step = name in ("runs", "iterations")
    return pa.schema([*(place[:2] if without_step else place), *own[name]])


_RUN_TEXTS = "digest recipe branched_from policy verdict config operational environment".split()
_ITERATION_TEXTS = "digest parent policy verdict reason config".split()
_ADAPTER_TEXTS = "digest base parent reference pairs weights config probe".split()
_DRIFT_ITEM_TEXTS = "digest adapter probe item metric".split()
_MEASUREMENT_TEXTS = "digest adapter reference probes tag metric".split()


def _json(value: Any) -> str:
    return canonical_json(value).decode()
