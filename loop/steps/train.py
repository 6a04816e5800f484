"""Step `train`: an adapter from the iteration's pairs by DPO, from answers to imitate, or from rewards."""

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from loop.config_preference import Preference
from loop.config_train import Train
from loop.desk import Desk
from loop.steps import online, train_rows
from loop.steps.past import promoted
from loop.steps.turn import Turn
from loop.training import Trained, keep_average, model_spec, train_adapter
from runs.canonical import digest, seed_of
from runs.errors import DivergedError
from runs.output import Output
from trainers.average import moving_average
from trainers.spec import DpoSpec, HeldOut, Lora, PairLoss, RlSpec, SftSpec, TrainingSpec
from trainers.stack import stack

USED = {"dpo": "signal/pairs_used", "sft": "signal/demonstrations_used", "rl": "signal/prompts_used"}
"""The metric that says how many rows were trained on, by method."""


@dataclass(frozen=True)
class Beginning:
    """The adapter that training goes on from, None for a new one; the shape of what it makes; what is said of it."""

    folder: Path | None
    lora: Lora
    metrics: dict[str, float | None] = field(default_factory=dict)


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, where training starts, its reference, and what it learns from."""
    asked = {"model": turn.model, "start": start_policy(desk, turn)}
    if desk.config.train.refers:
        averaged = reference_policies(desk, turn)
        asked["reference"] = averaged[0] if len(averaged) == 1 else digest(averaged)
    rows_of = online if desk.config.train.method == "rl" else train_rows
    return asked | rows_of.inputs(desk, turn)


def start_policy(desk: Desk, turn: Turn) -> str:
    """The policy that training goes on from."""
    own = {"seed": turn.seed_policy, "base": desk.base.digest}
    return own.get(desk.config.train.start, turn.policy)


def reference_policies(desk: Desk, turn: Turn) -> list[str]:
    """The policy that the new one is held against; or, oldest first, those whose moving average it is."""
    named = {"previous": [turn.policy], "seed": [turn.seed_policy], "base": [desk.base.digest]}
    if desk.config.train.reference in named:
        return named[desk.config.train.reference]
    return promoted(desk, turn)


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The digest of the adapter, with its loss curve; none where there was nothing to learn from."""
    settings, start = desk.config.train, start_policy(desk, turn)
    # It outlives us: a training that was half finished goes on from there.
    folder = desk.store.begin_unfinished(key, f"{desk.run}@{turn.index}/train")
    rows = folder / "rows.parquet"
    table = (online if settings.method == "rl" else train_rows).rows(desk, turn)
    if not table.num_rows:
        return Output("train", {}, {"metrics": {USED[settings.method]: 0}})
    pq.write_table(table, rows)
    reference = _reference(desk, turn) if settings.refers else ""
    begin = _beginning(desk, turn, start, folder / "stacked")
    spec = training_spec(desk, turn, rows, begin, reference)
    made_of = turn.outputs["pair"] if settings.source == "pairs" else ""
    try:
        trained = train_adapter(desk, spec, folder / "out", start, reference, made_of)
    except DivergedError as error:
        # Data, not a crash: the guards see a loss that is no number, and halt.
        return Output("train", {}, {"diverged": str(error), "metrics": {"signal/loss_last": None}})
    if trained.adapter is None:
        return Output("train", {}, {"metrics": _counts(settings, trained.result)})
    desk.beside["curve_times_s"] = [row.pop("time_s") for row in trained.curve]
    values: dict[str, Any] = {
        "adapter": trained.adapter,
        "curve": trained.curve,
        "metrics": _metrics(settings, trained) | begin.metrics,
    }
    return Output("train", {}, values | ({"reference": reference} if reference else {}))


def fitting_micro_batch(settings: Train | Preference, divisor: int) -> int:
    """Rows computed at once after `divisor` made the micro-batch smaller: at least 1, and a divisor of the batch."""
    most = max(1, settings.micro_batch_size // divisor)
    return next(size for size in range(most, 0, -1) if settings.batch_size % size == 0)


def _reference(desk: Desk, turn: Turn) -> str:
    policies = reference_policies(desk, turn)
    if len(policies) == 1:
        return policies[0]
    return keep_average(desk, policies, moving_average(len(policies), desk.config.train.reference_decay))


def _beginning(desk: Desk, turn: Turn, start: str, stacked: Path) -> Beginning:
    """The policy to go on from; where adapters are stacked, with a new one on it, which is left in `stacked`."""
    settings, folder = desk.config.train, desk.folder(start)
    if settings.start != "stack" or folder is None:
        return Beginning(folder, lora_of(desk, start, settings))
    new, seed = Lora(rank=settings.lora_rank, alpha=settings.lora_alpha), seed_of(desk.config.seed, turn.index, "stack")
    shape, lost = stack(folder, new, settings.stack_rank, seed, stacked)
    return Beginning(stacked, shape, {"signal/stack_rank": shape.rank, "signal/stack_lost_frac": lost})


def training_spec(desk: Desk, turn: Turn, rows: Path, begin: Beginning, reference: str) -> TrainingSpec:
    """What a training program is asked by the settings of `train`; `reference` is "" where none is."""
    settings = desk.config.train
    micro_batch_size = fitting_micro_batch(settings, desk.micro_batch_divisor)
    if micro_batch_size != settings.micro_batch_size:
        desk.beside["micro_batch_size"] = micro_batch_size  # the same gradients, but for their last bits
    shared: dict[str, Any] = {
        "model": model_spec(desk, begin.folder, desk.folder(reference) if reference else None),
        "rows": rows,
        "lora": begin.lora,
        "learning_rate": settings.learning_rate,
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "micro_batch_size": micro_batch_size,
        "warmup_frac": settings.warmup_frac,
        "schedule": settings.schedule,
        "max_grad_norm": settings.max_grad_norm,
        "max_length_tokens": settings.max_length_tokens,
        "held_out": HeldOut(every_steps=settings.held_out_every_steps, patience=settings.patience),
        "seed": seed_of(desk.config.seed, turn.index, "train") % 2**31,
        "checkpoint_every_s": desk.config.limits.checkpoint_every_s,
    }
    if settings.method == "sft":
        return SftSpec(**shared)
    if settings.method == "rl":
        return _online(desk, turn, shared)
    loss = PairLoss(
        kind=settings.loss,
        beta=settings.beta,
        flip_rate=settings.flip_rate,
        length_normalised=settings.length_normalised,
        length_desensitisation=settings.length_desensitisation,
        nll_weight=settings.nll_weight,
        wpo=settings.wpo,
    )
    return DpoSpec(**shared, loss=loss)


def _online(desk: Desk, turn: Turn, shared: dict[str, Any]) -> RlSpec:
    settings, who = desk.config.train, online.rewarder(desk, turn)
    return RlSpec(
        **shared,
        completions=settings.completions,
        max_tokens=desk.config.generate.max_tokens,
        kl_coef=settings.kl_coef,
        max_kl_nats=settings.max_kl_nats,
        length_penalty=settings.length_penalty,
        reward=who.rule,
        reward_models=who.folders(desk),
    )


def lora_of(desk: Desk, start: str, settings: Train | Preference) -> Lora:
    """The shape of the adapter to train: that of the one it goes on from, or the configuration's."""
    folder = desk.folder(start)
    if folder is None:
        return Lora(rank=settings.lora_rank, alpha=settings.lora_alpha)
    shape = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    return Lora(rank=shape["r"], alpha=shape["lora_alpha"])


def _counts(settings: Train, result: dict[str, Any]) -> dict[str, float | None]:
    # What was trained by an earlier version, and is adopted now, does not say that it rehearsed nothing.
    used, rehearsed = USED[settings.method], result.get("rows_rehearsed", 0)
    found = {used: result["rows_used"] - rehearsed, used.replace("_used", "_too_long"): result["rows_too_long"]}
    return found | ({"signal/rows_rehearsed": rehearsed} if settings.rehearses else {})


def _metrics(settings: Train, trained: Trained) -> dict[str, float | None]:
    curve, result = trained.curve, trained.result
    metrics = _counts(settings, result) | {
        "signal/loss_first": curve[0]["loss"],
        "signal/loss_last": curve[-1]["loss"],
        "signal/grad_norm_max": max(row["grad_norm"] for row in curve),
    }
    if settings.method == "dpo":
        metrics |= {
            "signal/reward_accuracy_last": _last(curve, "rewards/accuracies"),
            "signal/reward_margin_last": _last(curve, "rewards/margins"),
            "signal/chosen_logp_last_nats": _last(curve, "logps/chosen"),
            "signal/rejected_logp_last_nats": _last(curve, "logps/rejected"),
        }
        if settings.rehearses:
            metrics["signal/rehearsed_logp_last_nats"] = _last(curve, "logps/rehearsed")
    elif settings.method == "sft":
        metrics["signal/answer_logp_last_nats"] = curve[-1]["logps/answer"]
    else:
        metrics |= _online_metrics(curve)
    return metrics | (_held_out_metrics(settings, result) if settings.holds_out else {})


def _last(curve: list[dict[str, Any]], name: str) -> float | None:
    """What was shown last: not each batch has pairs, or demonstrations, where both are trained on."""
    return next((float(row[name]) for row in reversed(curve) if name in row), None)


def _online_metrics(curve: list[dict[str, Any]]) -> dict[str, float | None]:
    """How rewards, entropy and length went, from the first step to the last, and how far the reference was left."""
    rewarded = [row["reward"] for row in curve if "reward" in row]  # none is where no reward could be read
    ends = {"first": curve[0], "last": curve[-1]}
    return {
        **({"signal/reward_first": rewarded[0], "signal/reward_last": rewarded[-1]} if rewarded else {}),
        **{f"signal/entropy_{end}_nats_per_token": row["entropy_nats_per_token"] for end, row in ends.items()},
        **{f"signal/length_{end}_tokens": row["length_tokens"] for end, row in ends.items()},
        "signal/kl_to_reference_last_nats": curve[-1]["kl_nats"],
        "signal/reward_unreadable_frac": statistics.fmean(row["unreadable_frac"] for row in curve),
    }


def _held_out_metrics(settings: Train, result: dict[str, Any]) -> dict[str, float | None]:
    """What the held-out rows say of the adapter that is kept, beside what training started from."""
    count: dict[str, float | None] = {"signal/held_out_rows": result["rows_held_out"]}
    if not result["rows_held_out"]:  # none of them fitted
        return count
    start, best = result["held_out"]["start"], result["held_out"]["best"]
    found = {
        "signal/held_out_loss_start": start["loss"],
        "signal/held_out_loss_best": best["loss"],
        "signal/held_out_best_step": best["step"],
    }
    if settings.method == "dpo":
        found["signal/held_out_accuracy_best"] = best["rewards/accuracies"]
    # Where it falls, the answers that are to become likelier do not: likelihood displacement.
    side = {"dpo": "chosen", "sft": "answer"}[settings.method]
    found[f"signal/held_out_{side}_logp_change_nats"] = best[f"logps/{side}"] - start[f"logps/{side}"]
    return count | found
