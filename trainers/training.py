"""What every training program does around its own trainer: it reads, goes on from a checkpoint, trains, and accounts.

The optimizer starts fresh each time, as the rows do.
"""

import math
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from transformers import AutoTokenizer, PrinterCallback

from runs.canonical import canonical_json
from trainers.beat import Beat
from trainers.checkpoint import Kept, asked_of
from trainers.held_out import HeldOutRows
from trainers.pace import Pace
from trainers.progress import Progress
from trainers.rows import Rows
from trainers.spec import TrainingSpec
from trainers.token_trainer import AdapterTrainer

Asked = TypeVar("Asked", bound=TrainingSpec)
Read = Callable[[Path, Any, int], Rows]


@dataclass(frozen=True)
class Workplace:
    """What a method's own part of a training works with."""

    out: Path
    tokenizer: Any
    kept: Kept
    beat: Beat
    pace: Pace
    progress: Progress


Prepare = Callable[[Asked, Rows, Workplace], tuple[AdapterTrainer, list[dict[str, Any]]]]
"""Makes the trainer, with the rows that it trains on, and the rows to look at; these may have got further columns."""


def train(spec: Asked, out: Path, pace: Pace, read: Read, prepare: Prepare[Asked]) -> None:
    """Train one adapter into `out`, going on from what an earlier start of the same training left there.

    Returning means that `out` is complete; `result.json` is written last. What `pace` decides changes nothing in it.
    """
    out.mkdir(parents=True, exist_ok=True)
    beat = Beat(out)
    beat()
    kept = Kept(out, asked_of(spec))
    checkpoint = kept.checkpoint()
    tokenizer = AutoTokenizer.from_pretrained(spec.model.base, local_files_only=True)
    rows = read(spec.rows, tokenizer, spec.max_row_tokens)
    counts = {
        "rows_in": len(rows.trained) + len(rows.held_out) + rows.too_long,
        "rows_used": len(rows.trained),
        "rows_rehearsed": rows.rehearsed,
        "rows_too_long": rows.too_long,
        "rows_held_out": len(rows.held_out),
    }
    if not rows.trained:
        (out / "result.json").write_bytes(canonical_json(counts))
        return
    progress = Progress(kept, checkpoint, beat, pace)
    trainer, to_look_at = prepare(spec, rows, Workplace(out, tokenizer, kept, beat, pace, progress))
    trainer.remove_callback(PrinterCallback)  # log.jsonl has it all
    held_out = HeldOutRows(trainer, to_look_at, spec.held_out, epoch_steps(spec, len(rows.trained)), beat)
    if checkpoint:
        held_out.restore(checkpoint)
    elif to_look_at:
        held_out.look(0)
    progress.held_out = held_out
    if not held_out.is_over:  # it was stopped after its last step
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    held_out.put_best()
    left = trainer.leave(out, rows, beat)
    beat()
    last = progress.rows[-1]
    result = counts | {"steps": last["step"], "first": progress.rows[0], "last": last, "held_out": held_out.account()}
    result |= left
    (out / "result.json").write_bytes(canonical_json(result))


def until_sigterm(kind: type[Asked], spec_path: Path, out: Path, read: Read, prepare: Prepare[Asked]) -> None:
    """`train` into `out` as the spec in the file says; SIGTERM has it keep what it has and end."""
    spec = kind.model_validate_json(spec_path.read_bytes())
    pace = Pace(spec.checkpoint_every_s)
    signal.signal(signal.SIGTERM, pace.stop)
    train(spec, out, pace, read, prepare)


def epoch_steps(spec: TrainingSpec, rows: int) -> int:
    """Gradient steps of an epoch over so many rows."""
    return math.ceil(rows / spec.batch_size)


def shared_arguments(spec: TrainingSpec, out: Path, rows: int) -> dict[str, Any]:
    """The spec in TRL's terms, for so many rows. What TRL would decide by itself is decided here."""
    return {
        "output_dir": str(out),
        "learning_rate": spec.learning_rate,
        "num_train_epochs": spec.epochs,
        "per_device_train_batch_size": spec.micro_batch_size,
        "gradient_accumulation_steps": spec.batch_size // spec.micro_batch_size,
        "lr_scheduler_type": "constant_with_warmup" if spec.schedule == "constant" else spec.schedule,
        # Rounded down: the first step of a warm-up has the rate 0, so that one of a single step would train nothing.
        "warmup_steps": math.floor(spec.warmup_frac * spec.epochs * epoch_steps(spec, rows)),
        "max_grad_norm": spec.max_grad_norm,
        "weight_decay": 0.0,
        "seed": spec.seed % 2**32,  # numpy takes no more
        "use_cpu": spec.model.device == "cpu",
        "bf16": spec.model.dtype == "bfloat16",
        "gradient_checkpointing": False,
        "max_length": None,  # nothing is cut; see trainers.rows
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # True would log a NaN as 0.0
        "dataloader_pin_memory": False,
    }
