"""Step `train`: DPO on the pairs, from the policy promoted last, against an explicit reference."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loop.config import Train
from loop.desk import Desk
from loop.steps.turn import Turn
from loop.training import model_spec, train_dpo
from runs.canonical import seed_of
from runs.durable import make_folder
from runs.errors import DivergedError
from runs.output import Output
from trainers.spec import DpoSpec, Lora

PAIR_SCHEMA = pa.schema(
    [
        ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("chosen_ids", pa.list_(pa.int32())),
        ("rejected_ids", pa.list_(pa.int32())),
        ("label_probability", pa.float64()),
        ("weight", pa.float64()),
    ]
)


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The model, where training starts, its reference, and the pairs with their texts."""
    return {
        "model": turn.model,
        "start": turn.policy,
        "reference": reference_policy(desk, turn),
        "prompts": turn.outputs["prompts"],
        "generate": turn.outputs["generate"],
        "pair": turn.outputs["pair"],
    }


def reference_policy(desk: Desk, turn: Turn) -> str:
    """The policy that DPO holds the new one against."""
    named = {"previous": turn.policy, "seed": turn.seed_policy, "base": desk.base.digest}
    return named[desk.config.train.reference]


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The digest of the adapter, with its loss curve."""
    settings = desk.config.train
    reference = reference_policy(desk, turn)
    folder = desk.store.unfinished(key)  # it outlives us: a training that was half finished goes on from there
    make_folder(folder)
    pairs = folder / "pairs.parquet"
    pq.write_table(pa.Table.from_pylist(training_rows(desk, turn), schema=PAIR_SCHEMA), pairs)
    micro_batch_size = fitting_micro_batch(settings, desk.micro_batch_divisor)
    if micro_batch_size != settings.micro_batch_size:
        desk.beside["micro_batch_size"] = micro_batch_size  # the same gradients, but for their last bits
    spec = DpoSpec(
        model=model_spec(desk, desk.folder(turn.policy), desk.folder(reference)),
        pairs=pairs,
        lora=_lora(desk, turn.policy),
        beta=settings.beta,
        learning_rate=settings.learning_rate,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        micro_batch_size=micro_batch_size,
        warmup_frac=settings.warmup_frac,
        schedule=settings.schedule,
        max_grad_norm=settings.max_grad_norm,
        max_length_tokens=settings.max_length_tokens,
        seed=seed_of(desk.config.seed, turn.index, "train") % 2**31,
        checkpoint_every_s=desk.config.limits.checkpoint_every_s,
    )
    try:
        adapter, result, curve = train_dpo(desk, spec, folder / "out", turn.policy, reference, turn.outputs["pair"])
    except DivergedError as error:
        # Data, not a crash: the guards see a loss that is no number, and halt.
        return Output("train", {}, {"diverged": str(error), "metrics": {"signal/loss_last": None}})
    desk.beside["curve_times_s"] = [row.pop("time_s") for row in curve]
    metrics = {
        "signal/pairs_used": result["rows_used"],
        "signal/pairs_too_long": result["rows_too_long"],
        "signal/loss_first": curve[0]["loss"],
        "signal/loss_last": curve[-1]["loss"],
        "signal/grad_norm_max": max(row["grad_norm"] for row in curve),
        "signal/reward_accuracy_last": curve[-1]["rewards/accuracies"],
        "signal/reward_margin_last": curve[-1]["rewards/margins"],
        "signal/chosen_logp_last_nats": curve[-1]["logps/chosen"],
        "signal/rejected_logp_last_nats": curve[-1]["logps/rejected"],
    }
    return Output("train", {}, {"adapter": adapter, "reference": reference, "curve": curve, "metrics": metrics})


def fitting_micro_batch(settings: Train, divisor: int) -> int:
    """Pairs computed at once after `divisor` made the micro-batch smaller: at least 1, and a divisor of the batch."""
    most = max(1, settings.micro_batch_size // divisor)
    return next(size for size in range(most, 0, -1) if settings.batch_size % size == 0)


def training_rows(desk: Desk, turn: Turn) -> list[dict[str, Any]]:
    """The pairs with the messages and token ids that the trainer needs, joined by digest."""
    prompts = {prompt.digest: prompt for prompt in desk.store.all_rows("prompts", turn.done["prompts"])}
    responses = {response.digest: response for response in desk.store.all_rows("responses", turn.done["generate"])}
    return [
        {
            "prompt": [{"role": m.role, "content": m.content} for m in prompts[pair.prompt].messages],
            "chosen_ids": responses[pair.chosen].token_ids,
            "rejected_ids": responses[pair.rejected].token_ids,
            "label_probability": pair.label_probability,
            "weight": pair.weight,
        }
        for pair in desk.store.all_rows("pairs", turn.done["pair"])
    ]


def _lora(desk: Desk, start: str) -> Lora:
    """The shape of the adapter to train: that of the one it goes on from, or the configuration's."""
    folder = desk.folder(start)
    if folder is None:
        return Lora(rank=desk.config.train.lora_rank, alpha=desk.config.train.lora_alpha)
    shape = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    return Lora(rank=shape["r"], alpha=shape["lora_alpha"])
