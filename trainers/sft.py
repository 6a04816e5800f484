"""Supervised fine-tuning: `python -P -m trainers.sft SPEC.json OUT`, alone in its process. See `trainers.spec`."""

import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import SFTConfig

from trainers.answer_trainer import AnswerCollator, AnswerTrainer
from trainers.policy import load_policy
from trainers.rows import Rows, read_answers
from trainers.spec import SftSpec
from trainers.training import Workplace, shared_arguments, until_sigterm


def prepare(spec: SftSpec, rows: Rows, at: Workplace) -> tuple[AnswerTrainer, list[dict[str, Any]]]:
    """The trainer with its demonstrations, and the held-out ones."""
    return answer_trainer(spec, at.out, rows.trained, at.tokenizer, at.progress), rows.held_out


def answer_trainer(
    spec: SftSpec, out: Path, rows: list[dict[str, Any]], tokenizer: Any, callback: TrainerCallback
) -> AnswerTrainer:
    """The trainer with the policy, as the spec says."""
    return AnswerTrainer(
        model=load_policy(spec.model, spec.lora, spec.seed),
        args=SFTConfig(**shared_arguments(spec, out, len(rows))),
        train_dataset=Dataset.from_list(rows),
        data_collator=AnswerCollator(pad_token_id=tokenizer.eos_token_id),
        processing_class=tokenizer,
        callbacks=[callback],
    )


def main(spec_path: Path, out: Path) -> None:
    """Train as the file says, until SIGTERM."""
    until_sigterm(SftSpec, spec_path, out, read_answers, prepare)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
