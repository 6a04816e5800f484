"""Step `preference`: preference models from the judge's pairs and from people's labels."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from loop.desk import Desk
from loop.preference_models import newest
from loop.steps import preference_rows
from loop.steps.preference_rows import Learnt
from loop.steps.train import fitting_micro_batch, lora_of
from loop.steps.turn import Turn
from loop.training import Trained, model_spec, train_adapter
from runs.canonical import canonical_json, digest, seed_of
from runs.durable import make_folder
from runs.errors import DivergedError
from runs.output import Output
from trainers.spec import HeldOut, PreferenceSpec

WARMUP_FRAC, MAX_GRAD_NORM = 0.1, 1.0
ALL = "all"


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, what it starts from, and what it learns from."""
    return {"model": turn.model, "start": _start(desk, turn), **preference_rows.inputs(desk, turn)}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The digests of the models by kind, how well each agrees with held-out pairs, and who sits where they judge.

    Where all that they are made of is as it was when the last ones were trained (`since`), they are those. `sources`
    says for each model how many pairs are whose, and `left_out` how many were not learnt from and why.
    """
    settings = desk.config.preference
    made_of = digest({"settings": settings.model_dump(mode="json"), "of": inputs(desk, turn)})
    last = newest(desk, turn)
    if last and last.values["made_of"] == made_of:
        return Output("preference", {}, {name: value for name, value in last.values.items() if name != "curves"})
    learnt, left_out = preference_rows.learnt(desk, turn)
    values: dict[str, Any] = {
        "made_of": made_of,
        "since": turn.index,
        "sources": {kind: one.sources for kind, one in learnt.items()},
        "left_out": left_out,
    }
    metrics: dict[str, float | None] = {f"signal/preference_left_out_{name}": n for name, n in left_out.items() if n}
    trained: dict[str, Trained] = {}
    for kind, rows in learnt.items():
        prefix = "signal/preference_" if kind == ALL else f"signal/preference_{kind}_"
        metrics |= {f"{prefix}rows_{source}": count for source, count in rows.sources.items()}
        try:
            trained[kind] = _train(desk, turn, key, kind, rows)
        except DivergedError as error:
            # Data, not a crash: the guards see a loss that is no number, and halt.
            metrics[f"{prefix}loss_last"] = None
            return Output("preference", {}, values | {"diverged": str(error), "metrics": metrics})
        metrics |= _metrics(prefix, trained[kind])
    models = {kind: one.adapter for kind, one in trained.items() if one.adapter is not None}
    if len(models) == len(learnt):  # of two models one is no use without the other
        values |= {
            "models": models,
            "seat": models[ALL] if ALL in models else desk.store.put(canonical_json({"models": models})),
            "calibration": {kind: one.result["calibration"] for kind, one in trained.items()},
            "curves": {
                kind: [{k: v for k, v in row.items() if k != "time_s"} for row in one.curve]
                for kind, one in trained.items()
            },
        }
    return Output("preference", {}, values | {"metrics": metrics})


def _start(desk: Desk, turn: Turn) -> str:
    return {"base": desk.base.digest, "policy": turn.policy}[desk.config.preference.start]


def _train(desk: Desk, turn: Turn, key: str, kind: str, learnt: Learnt) -> Trained:
    if not learnt.rows.num_rows:
        return Trained(None, {"rows_used": 0, "rows_held_out": 0, "rows_too_long": 0}, [])
    folder = desk.store.unfinished(key) / kind  # it outlives us: a training that was half finished goes on from there
    make_folder(folder)
    rows = folder / "rows.parquet"
    pq.write_table(learnt.rows, rows)
    start = _start(desk, turn)
    made_of = turn.outputs["pair"] if desk.config.preference.wants_pairs else ""
    return train_adapter(desk, _spec(desk, rows, kind, start), folder / "out", start, "", made_of)


def _spec(desk: Desk, rows: Path, kind: str, start: str) -> PreferenceSpec:
    settings = desk.config.preference
    return PreferenceSpec(
        model=model_spec(desk, desk.folder(start), None),
        rows=rows,
        lora=lora_of(desk, start, settings),
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        micro_batch_size=fitting_micro_batch(settings, desk.micro_batch_divisor),
        warmup_frac=WARMUP_FRAC,
        schedule="linear",
        max_grad_norm=MAX_GRAD_NORM,
        max_length_tokens=settings.max_length_tokens,
        held_out=HeldOut(every_steps=None, patience=settings.patience),
        # Of no iteration: from the same pairs comes the same model.
        seed=seed_of(desk.config.seed, "preference", kind) % 2**31,
        checkpoint_every_s=desk.config.limits.checkpoint_every_s,
    )


def _metrics(prefix: str, trained: Trained) -> dict[str, float | None]:
    """Of the held-out pairs: how often the model prefers what the label does, and how far its probabilities are off,
    as it was trained (`raw`) and with its temperature."""
    result = trained.result
    counts = {f"{prefix}rows_{name}": result[f"rows_{name}"] for name in ("used", "held_out", "too_long")}
    if trained.adapter is None:
        return counts
    found = {"loss_last": trained.curve[-1]["loss"], "reward_mean": result["reward_mean"]}
    found["reward_std"] = result["reward_std"]
    if calibration := result["calibration"]:
        before, after = calibration["before"], calibration["after"]
        found |= {"temperature": calibration["temperature"], "accuracy": after["accuracy"]}
        found |= {f"{name}": after[name] for name in ("loss", "brier", "ece")}
        found |= {f"{name}_raw": before[name] for name in ("loss", "brier", "ece")}
    return counts | {prefix + name: value for name, value in found.items()}
