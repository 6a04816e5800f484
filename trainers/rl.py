"""One training by reinforcement: `python -P -m trainers.rl SPEC.json OUT`, alone in its process.

It samples the answers itself, with transformers: one adapter that changes at each step, and one process to go on from.
See `trainers.spec` for both ends.
"""

import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import TrainerCallback
from trl import RLOOConfig

from trainers.online_trainer import OnlineTrainer
from trainers.policy import load_policy, set_reference
from trainers.rewards import open_reward
from trainers.rows import Rows, read_prompts
from trainers.spec import RlSpec
from trainers.training import Workplace, shared_arguments, until_sigterm


def prepare(spec: RlSpec, rows: Rows, at: Workplace) -> tuple[OnlineTrainer, list[dict[str, Any]]]:
    """The trainer with its prompts and its reward; nothing is held out."""
    trainer = online_trainer(spec, at.out, rows.trained, at.tokenizer, at.progress)
    trainer.reward_with(open_reward(spec, trainer.model, at.tokenizer, at.beat))
    trainer.model.register_forward_pre_hook(lambda *_: at.beat())  # a batch of long answers takes its time
    return trainer, []


def online_trainer(
    spec: RlSpec, out: Path, rows: list[dict[str, Any]], tokenizer: Any, callback: TrainerCallback
) -> OnlineTrainer:
    """The trainer with policy and reference, as the spec says. It lacks its reward."""
    arguments = shared_arguments(spec, out, len(rows))
    del arguments["max_length"]  # TRL cuts no prompt here
    arguments["per_device_train_batch_size"] *= spec.completions
    trainer = OnlineTrainer(
        spec.max_kl_nats,
        model=load_policy(spec.model, spec.lora, spec.seed),
        args=RLOOConfig(
            **arguments,
            num_generations=spec.completions,
            max_completion_length=spec.max_tokens,
            temperature=1.0,
            beta=spec.kl_coef,
            pad_to_multiple_of=None,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        callbacks=[callback],
    )
    set_reference(trainer.model, spec.model.reference)
    return trainer


def main(spec_path: Path, out: Path) -> None:
    """Train as the file says, until SIGTERM."""
    until_sigterm(RlSpec, spec_path, out, read_prompts, prepare)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
