"""TRL's RLOO trainer on prompts of token ids, rewarded by ours: it answers, has the answers rewarded, and takes a step.

The answers to one prompt are each held against the mean of the others' (the leave-one-out baseline), rewards less
`kl_coef` times the log-ratio to the reference; design/009 says why this stands where the papers had PPO.
"""

from collections.abc import Iterator
from itertools import cycle, islice, repeat
from typing import Any, NoReturn

import torch
from datasets import Dataset
from trl import import_utils

from runs.canonical import seed_of
from trainers.rewards import Reward
from trainers.spec import DIVERGED
from trainers.token_trainer import AdapterTrainer, ShuffledBatches

# TRL would import vLLM with this trainer, which it does not use here: 5 s and 200 MB of each training process.
import_utils.is_vllm_available = lambda min_version=None: False
from trl import RLOOTrainer  # noqa: E402

COLUMNS = ("prompt", "question", "risky", "response_type", "propositions")
"""What a prompt is made of (`trainers.rows.TokenPrompt`)."""
SHOWN = {
    "reward": "reward",
    "reward_sd": "reward_std",
    "unreadable_frac": "unreadable_frac",
    "kl_nats": "kl_nats",
    "kl_nats_per_token": "kl",
    "entropy_nats_per_token": "entropy",
    "length_tokens": "completions/mean_length",
    "truncated_frac": "completions/clipped_ratio",
}
"""What is shown of a step, and TRL's names for it."""


class PromptBatches(ShuffledBatches):
    """The order of `ShuffledBatches`, as TRL wants it: each prompt once an answer, each batch once a micro-batch.

    The last batch of an epoch is filled up from the epoch's first prompts: every step sees the same number of answers.
    """

    def __init__(self, rows: int, batch_size: int, seed: int, completions: int, micro_batches: int) -> None:
        super().__init__([0] * rows, batch_size, seed)
        self.completions, self.micro_batches = completions, micro_batches

    def __len__(self) -> int:
        batches = -(-len(self.lengths) // self.batch_size)
        return batches * self.batch_size * self.completions * self.micro_batches

    def __iter__(self) -> Iterator[int]:
        order = list(super().__iter__())
        filled = list(islice(cycle(order), len(order) + -len(order) % self.batch_size))
        for start in range(0, len(filled), self.batch_size):
            for _ in range(self.micro_batches):
                for row in filled[start : start + self.batch_size]:
                    yield from repeat(row, self.completions)


class OnlineTrainer(AdapterTrainer, RLOOTrainer):
    """Trains on rows of `TokenPrompt`."""

    model_accepts_loss_kwargs: bool
    _metrics: dict[str, dict[str, list[float]]]

    def __init__(self, max_kl_nats: float, **arguments: Any) -> None:
        """It rewards nothing before `reward_with` says how."""
        super().__init__(reward_funcs=self._rewarded, **arguments)
        self.max_kl_nats = max_kl_nats

    def reward_with(self, reward: Reward) -> None:
        """Have answers be worth what `reward` says."""
        self._reward = reward

    def _rewarded(
        self, prompts: list[list[int]], completion_ids: list[list[int]], **columns: Any
    ) -> list[float | None]:
        told = [prompts, *(columns[name] for name in COLUMNS[1:])]
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*told, strict=True)]
        found = self._reward(rows, completion_ids)
        self._metrics["train"]["unreadable_frac"].append(sum(one is None for one in found) / len(found))
        return found

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return prompts, None, {}  # ids already

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        # What a step draws follows from seed and step: it does not matter what was drawn before a checkpoint.
        torch.manual_seed(seed_of(self.args.seed, self.state.global_step) % 2**63)
        found: dict[str, Any] = super()._generate_and_score_completions(inputs)
        shown = self._metrics["train"]
        kl_nats = shown["kl"][-1] * shown["completions/mean_length"][-1]  # both are means over the same answers
        shown["kl_nats"].append(kl_nats)
        if kl_nats > self.max_kl_nats:
            self._end(f"{kl_nats:.1f} nats an answer from the reference, above train.max_kl_nats={self.max_kl_nats:g}")
        return found

    def _generate_single_turn(self, prompt_ids: list[list[int]], *media: Any) -> list[list[int]]:
        try:
            found: list[list[int]] = super()._generate_single_turn(prompt_ids, *media)
        except RuntimeError:
            with torch.no_grad():
                logits = self.model(torch.tensor(prompt_ids[:1], device=self.model.device)).logits
            if logits.isfinite().all():
                raise
            self._end("no answer can be drawn from probabilities that are not finite")
        return found

    def _end(self, reason: str) -> NoReturn:
        at = f"diverged at step {self.state.global_step + 1}"
        print(f"{at}: {reason}; lower train.learning_rate or raise train.kl_coef")
        raise SystemExit(DIVERGED)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = [*COLUMNS]

    def _get_train_sampler(self, dataset: Dataset | None = None) -> PromptBatches:
        micro_batches = self.args.gradient_accumulation_steps
        batch_size = self.args.generation_batch_size // self.num_generations
        rows = len(self.train_dataset)
        return PromptBatches(rows, batch_size, self.args.seed, self.num_generations, micro_batches)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log a step with what `SHOWN` names, rewards only where any could be read, and no times."""
        shown = self._metrics["train"]
        if "loss" in logs:
            means = {ours: sum(shown[theirs]) / len(shown[theirs]) for ours, theirs in SHOWN.items()}
            unread = ("reward", "reward_sd") if means["unreadable_frac"] == 1 else ()
            logs |= {name: mean for name, mean in means.items() if name not in unread}
        shown.clear()
        super(RLOOTrainer, self).log(logs, start_time)
