"""One training of a preference model: `python -P -m trainers.preference SPEC.json OUT`, alone in its process.

See `trainers.spec` for both ends, and `trainers.preference_model` for what is left.
"""

import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import RewardConfig

from trainers.preference_model import new_preference_model
from trainers.preference_trainer import PreferenceCollator, PreferenceTrainer
from trainers.rows import Rows, read_comparisons
from trainers.spec import PreferenceSpec
from trainers.training import Workplace, shared_arguments, until_sigterm


def prepare(spec: PreferenceSpec, rows: Rows, at: Workplace) -> tuple[PreferenceTrainer, list[dict[str, Any]]]:
    """The trainer with its pairs, and the held-out ones."""
    return preference_trainer(spec, at.out, rows.trained, at.tokenizer, at.progress), rows.held_out


def preference_trainer(
    spec: PreferenceSpec, out: Path, rows: list[dict[str, Any]], tokenizer: Any, callback: TrainerCallback
) -> PreferenceTrainer:
    """The trainer with the preference model, as the spec says."""
    return PreferenceTrainer(
        model=new_preference_model(spec.model, spec.lora, spec.seed),
        args=RewardConfig(**shared_arguments(spec, out, len(rows))),
        train_dataset=Dataset.from_list(rows),
        data_collator=PreferenceCollator(pad_token_id=tokenizer.eos_token_id),
        processing_class=tokenizer,
        callbacks=[callback],
    )


def main(spec_path: Path, out: Path) -> None:
    """Train as the file says, until SIGTERM."""
    until_sigterm(PreferenceSpec, spec_path, out, read_comparisons, prepare)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
