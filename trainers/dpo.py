"""One round of DPO: `python -P -m trainers.dpo SPEC.json OUT`, alone in its process. See `trainers.spec` for both ends.

The optimizer starts fresh each round, as the pairs do. What the reference is, is never left to the library: TRL makes
it from how the model was built.
"""

import math
import signal
import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import PeftModel
from transformers import AutoTokenizer, PrinterCallback, TrainerCallback
from trl import DPOConfig
from trl.trainer.utils import use_adapter

from runs.canonical import canonical_json
from trainers.beat import Beat
from trainers.checkpoint import Kept, asked_of
from trainers.pace import Pace
from trainers.pair_trainer import PairCollator, PairTrainer
from trainers.pairs import Pairs, read_pairs
from trainers.policy import check_loaded, load_policy, save_adapter
from trainers.probe import answer_logprobs, write_probe
from trainers.progress import Progress
from trainers.spec import DpoSpec, ModelSpec


def train(spec: DpoSpec, out: Path, pace: Pace) -> None:
    """Train one adapter into `out`, going on from what an earlier start of the same training left there.

    Returning means that `out` is complete; `result.json` is written last. What `pace` decides changes nothing in it.
    """
    out.mkdir(parents=True, exist_ok=True)
    beat = Beat(out)
    beat()
    kept = Kept(out, asked_of(spec))
    checkpoint = kept.checkpoint()
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base, local_files_only=True)
    pairs = read_pairs(spec.pairs, tokenizer, spec.max_length_tokens)
    progress = Progress(kept, checkpoint, beat, pace)
    trainer = pair_trainer(spec, out, pairs, tokenizer, progress)
    beat()
    keep_reference(trainer, kept, beat, pace)
    check_reference(trainer, spec.model)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    save_adapter(trainer.model, out)
    beat()
    write_probe(out, trainer.model.eval(), tokenizer, pairs.first_messages, pairs.fitting[0].chosen_ids)
    beat()
    result = {
        "rows_in": len(pairs.fitting) + pairs.too_long,
        "rows_used": len(pairs.fitting),
        "rows_too_long": pairs.too_long,
        "steps": trainer.state.global_step,
        "first": progress.rows[0],
        "last": progress.rows[-1],
    }
    (out / "result.json").write_bytes(canonical_json(result))


def pair_trainer(spec: DpoSpec, out: Path, pairs: Pairs, tokenizer: Any, callback: TrainerCallback) -> PairTrainer:
    """The trainer with policy and reference, as the spec says. Its rows lack their reference log-probabilities."""
    trainer = PairTrainer(
        model=load_policy(spec.model, spec.lora, spec.seed),
        args=training_arguments(spec, out, len(pairs.fitting)),
        train_dataset=Dataset.from_dict(pairs.columns()),
        data_collator=PairCollator(pad_token_id=tokenizer.eos_token_id),
        processing_class=tokenizer,
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)  # log.jsonl has it all
    set_reference(trainer.model, spec.model.reference)
    return trainer


def keep_reference(trainer: PairTrainer, kept: Kept, beat: Beat, pace: Pace) -> None:
    """Give the trainer its reference log-probabilities: those kept from before, and the rest computed and kept."""
    computed = kept.reference()
    known = len(computed)

    def after_batch() -> None:
        beat()
        if pace.is_due():
            kept.write_reference(computed)
            pace.kept()

    trainer.fix_reference(computed, after_batch)
    if len(computed) > known:
        kept.write_reference(computed)


def set_reference(policy: PeftModel, reference: Path | None) -> None:
    """Make the adapter `ref`, which TRL takes for the reference, hold the weights of `reference`; or drop it.

    Without it TRL takes the base. TRL's own is a copy of whatever training starts from.
    """
    policy.delete_adapter("ref")
    if reference is not None:
        policy.load_adapter(str(reference), "ref")
        check_loaded(policy, "ref", reference)


def check_reference(trainer: PairTrainer, model: ModelSpec) -> None:
    """Raise ValueError unless the first pair's reference log-probabilities are those of the weights in the spec.

    They are computed again the plain way: no padding, no fused head, one answer at a time. Where training starts from
    its reference, the policy must score the same, so that the first step's loss is ln 2.
    """
    row = trainer.train_dataset[0]
    tolerance = {"float32": 1e-4, "bfloat16": 5e-2}[model.dtype]  # nats a token
    named = {"the reference": "ref" if model.reference else None}
    if model.start == model.reference:
        named["the policy at its start"] = "default"
    for weights, adapter in named.items():
        for side in ("chosen", "rejected"):
            token_ids, held = row[f"{side}_ids"], row[f"ref_{side}_logps"]
            with use_adapter(trainer.model, adapter):
                found = sum(answer_logprobs(trainer.model, row["prompt_ids"], token_ids))
            if not abs(found - held) <= tolerance * len(token_ids):
                raise ValueError(
                    f"{weights} ({model.reference or model.base}) scores the first {side} answer {found:.6f} nats, but "
                    f"the trainer holds {held:.6f}"
                )


def training_arguments(spec: DpoSpec, out: Path, rows: int) -> DPOConfig:
    """The spec in TRL's terms, for `rows` pairs. What TRL would decide by itself is decided here."""
    steps = spec.epochs * math.ceil(rows / spec.batch_size)
    return DPOConfig(
        output_dir=str(out),
        beta=spec.beta,
        learning_rate=spec.learning_rate,
        num_train_epochs=spec.epochs,
        per_device_train_batch_size=spec.micro_batch_size,
        gradient_accumulation_steps=spec.batch_size // spec.micro_batch_size,
        lr_scheduler_type="constant_with_warmup" if spec.schedule == "constant" else spec.schedule,
        # Rounded down: the first step of a warm-up has the rate 0, so that one of a single step would train nothing.
        warmup_steps=math.floor(spec.warmup_frac * steps),
        max_grad_norm=spec.max_grad_norm,
        weight_decay=0.0,
        seed=spec.seed % 2**32,  # numpy takes no more
        use_cpu=spec.model.device == "cpu",
        bf16=spec.model.dtype == "bfloat16",
        gradient_checkpointing=False,
        max_length=None,  # nothing is cut; see read_pairs
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_steps=1,
        logging_nan_inf_filter=False,  # True would log a NaN as 0.0
        dataloader_pin_memory=False,
    )


def main(spec_path: Path, out: Path) -> None:
    """Train as the file says, until SIGTERM."""
    spec = DpoSpec.model_validate_json(spec_path.read_bytes())
    pace = Pace(spec.checkpoint_every_s)
    signal.signal(signal.SIGTERM, pace.stop)
    train(spec, out, pace)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
