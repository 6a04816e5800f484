"""One round of DPO: `python -P -m trainers.dpo SPEC.json OUT`, alone in its process. See `trainers.spec` for both ends.

What the reference is, is never left to the library: TRL makes it from how the model was built.
"""

import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import DPOConfig
from trl.trainer.utils import use_adapter

from trainers.pair_trainer import PairCollator, PairTrainer
from trainers.policy import load_policy, set_reference
from trainers.probe import answer_logprobs
from trainers.rows import Rows, read_pairs
from trainers.spec import DpoSpec, ModelSpec
from trainers.training import Workplace, shared_arguments, until_sigterm


def prepare(spec: DpoSpec, rows: Rows, at: Workplace) -> tuple[PairTrainer, list[dict[str, Any]]]:
    """The trainer with its pairs, and the held-out pairs, all with their reference log-probabilities."""
    trainer = pair_trainer(spec, at.out, rows.trained, at.tokenizer, at.progress)
    at.beat()
    known = with_kept_reference(trainer, rows.trained + rows.held_out, at)
    check_reference(trainer, spec.model, known[0])
    trainer.train_on(known[: len(rows.trained)])
    return trainer, known[len(rows.trained) :]


def pair_trainer(
    spec: DpoSpec, out: Path, rows: list[dict[str, Any]], tokenizer: Any, callback: TrainerCallback
) -> PairTrainer:
    """The trainer with policy and reference, as the spec says. Its rows lack their reference log-probabilities."""
    alpha = spec.loss.length_desensitisation
    trainer = PairTrainer(
        spec.loss,
        model=load_policy(spec.model, spec.lora, spec.seed),
        args=DPOConfig(
            **shared_arguments(spec, out, len(rows)), beta=spec.loss.beta, ld_alpha=None if alpha == 1 else alpha
        ),
        train_dataset=Dataset.from_list(rows),
        data_collator=PairCollator(pad_token_id=tokenizer.eos_token_id),
        processing_class=tokenizer,
        callbacks=[callback],
    )
    set_reference(trainer.model, spec.model.reference)
    return trainer


def with_kept_reference(trainer: PairTrainer, rows: list[dict[str, Any]], at: Workplace) -> list[dict[str, Any]]:
    """The rows with their reference log-probabilities: those kept from before, and the rest computed and kept."""
    computed = at.kept.reference()
    known = len(computed)

    def after_batch() -> None:
        at.beat()
        if at.pace.is_due():
            at.kept.write_reference(computed)
            at.pace.kept()

    found = trainer.with_reference(rows, computed, after_batch)
    if len(computed) > known:
        at.kept.write_reference(computed)
    return found


def check_reference(trainer: PairTrainer, model: ModelSpec, row: dict[str, Any]) -> None:
    """Raise ValueError unless the reference log-probabilities of this pair are those of the weights in the spec.

    They are computed again the plain way: no padding, no fused head, one answer at a time. Where training starts from
    its reference, the policy must score the same, so that the first step's loss is ln 2.
    """
    tolerance = {"float32": 1e-4, "bfloat16": 5e-2}[model.dtype]  # nats a token
    named = {"the reference": "ref" if model.reference else None}
    if model.start == model.reference:
        named["the policy at its start"] = "default"
    shared = min(len(row["chosen_ids"]), len(row["rejected_ids"]))
    alpha = trainer.pair_loss.length_desensitisation
    for weights, adapter in named.items():
        for side in ("chosen", "rejected"):
            token_ids, held = row[f"{side}_ids"], row[f"ref_{side}_logps"]
            with use_adapter(trainer.model, adapter):
                logprobs = answer_logprobs(trainer.model, row["prompt_ids"], token_ids)
            found = sum(logprobs[:shared]) + alpha * sum(logprobs[shared:])
            if not abs(found - held) <= tolerance * len(token_ids):
                raise ValueError(
                    f"{weights} ({model.reference or model.base}) scores the first {side} answer {found:.6f} nats, but "
                    f"the trainer holds {held:.6f}"
                )


def main(spec_path: Path, out: Path) -> None:
    """Train as the file says, until SIGTERM."""
    until_sigterm(DpoSpec, spec_path, out, read_pairs, prepare)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
