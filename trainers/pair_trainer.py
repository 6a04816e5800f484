"""TRL's DPO trainer on pairs of token ids, each with its own label probability and weight.

Stock TRL 1.16 takes text that it tokenises again, ignores `label_smoothing` with the sigmoid loss, knows no weights,
and hands columns that it does not know to the model, where they vanish. Only these points are replaced here, and how a
checkpoint is loaded (`trainers.training_state` says why).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from torch.utils.data import Sampler
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.utils import add_fused_lm_head

from trainers.training_state import restore_optimizer, restore_policy, restore_random_numbers

Batch = dict[str, torch.Tensor]

LABELS = ("label_probability", "weight")


def pair_losses(margins_B: torch.Tensor, label_probability_B: torch.Tensor, weight_B: torch.Tensor) -> torch.Tensor:
    """The loss of each pair, (B,), from its margin: beta times the difference of its answers' log-ratios.

    DPO's logistic loss (Rafailov et al., 2305.18290, equation 7), in expectation over a label that says with
    probability p that `chosen` is better: w * (-p log sigmoid(m) - (1 - p) log sigmoid(-m)).
    """
    as_labelled, swapped = -F.logsigmoid(margins_B), -F.logsigmoid(-margins_B)
    return weight_B * (label_probability_B * as_labelled + (1 - label_probability_B) * swapped)


class PairCollator(DataCollatorForPreference):
    """TRL's collator, which pads ids, and the labels' two columns beside it."""

    def torch_call(self, examples: list[dict[str, Any]]) -> Batch:
        batch = super().torch_call(examples)
        return batch | {name: torch.tensor([row[name] for row in examples]) for name in LABELS}


class ShuffledBatches(Sampler[int]):
    """Row numbers in a fresh order each epoch. Within an optimizer's batch the longest come first.

    The order is decided by seed and epoch alone, so that a training that goes on in the middle sees the same rows. That
    within a batch changes nothing but which rows share a micro-batch, and so how much of it is padding.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The next order is that of `epoch`, from 0. The data loader calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(self.epoch):
            torch.randperm(len(self.lengths), generator=generator)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        for start in range(0, len(order), self.batch_size):
            yield from sorted(order[start : start + self.batch_size], key=lambda row: -self.lengths[row])


class PairTrainer(DPOTrainer):
    """Trains the adapter `default` on rows of `TokenPair` against reference log-probabilities computed beforehand."""

    train_dataset: Dataset
    _signature_columns: list[str] | None

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # TRL's own also computes the entropy, the mean logit and the best token everywhere: a quarter of a step here.
        add_fused_lm_head(self.model.get_base_model(), outputs=("log_probs",))

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset  # ids already

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = [*dict.fromkeys([*(self._signature_columns or ()), *LABELS])]

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> ShuffledBatches:
        batch_size = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        return ShuffledBatches(self._lengths(), batch_size, self.args.seed)

    def _lengths(self) -> list[int]:
        columns = (self.train_dataset[name] for name in ("prompt_ids", "chosen_ids", "rejected_ids"))
        return [len(p) + max(len(c), len(r)) for p, c, r in zip(*columns, strict=True)]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        restore_policy(self.model, Path(resume_from_checkpoint))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_optimizer(self.optimizer, self.lr_scheduler, Path(checkpoint))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_random_numbers(Path(checkpoint))

    def fix_reference(self, computed: list[list[float]], after_batch: Callable[[], None]) -> None:
        """Give each row its log-probabilities under TRL's reference: the adapter `ref`, or the base if there is none.

        Computed once, where TRL would run the reference again in every epoch. `computed` holds those of the shortest
        rows as far as they are known, [chosen, rejected] in nats, and grows to all of them; `after_batch` is called
        each time that it has grown.
        """
        rows = self.train_dataset.to_list()
        order = sorted(range(len(rows)), key=self._lengths().__getitem__)
        size = self.args.per_device_train_batch_size
        for start in range(len(computed), len(order), size):
            taken = [rows[number] for number in order[start : start + size]]
            batch = self._prepare_inputs(self.data_collator(taken))
            known = {name: values for name, values in batch.items() if name not in LABELS}
            chosen, rejected = self.compute_ref_log_probs(self.model, known)
            computed += ([c, r] for c, r in zip(chosen.tolist(), rejected.tolist(), strict=True))
            after_batch()
        for number, (c, r) in zip(order, computed, strict=True):
            rows[number] |= {"ref_chosen_logps": c, "ref_rejected_logps": r}
        self.train_dataset = Dataset.from_list(rows)

    def _compute_loss(self, model: Any, inputs: Batch, return_outputs: bool) -> torch.Tensor:
        ids, answers = inputs["input_ids"], inputs["completion_mask"]
        labels = ids.masked_fill(answers == 0, -100)
        output = model(ids, attention_mask=inputs["attention_mask"], labels=labels, fused_lm_head=True)
        chosen_B, rejected_B = output.log_probs.sum(dim=1).chunk(2)  # the batch is [chosen, rejected], (2B, T)
        rewards_chosen_B = self.beta * (chosen_B - inputs["ref_chosen_logps"])
        rewards_rejected_B = self.beta * (rejected_B - inputs["ref_rejected_logps"])
        margins_B = rewards_chosen_B - rewards_rejected_B
        seen = {
            "rewards/chosen": rewards_chosen_B,
            "rewards/rejected": rewards_rejected_B,
            "rewards/margins": margins_B,
            "rewards/accuracies": (margins_B > 0).float(),
            "logps/chosen": chosen_B,
            "logps/rejected": rejected_B,
        }
        for name, values_B in seen.items():
            self._metrics["train"][name].append(values_B.detach().mean().item())
        return pair_losses(margins_B, inputs["label_probability"], inputs["weight"]).mean()
