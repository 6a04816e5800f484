"""What our trainers on top of TRL's have in common: rows of token ids in, our order of them, our checkpoints.

Stock TRL 1.16 takes text that it tokenises again, knows no weights, and hands columns that it does not know to the
model, where they vanish; `trainers.training_state` says what is wrong with how it loads a checkpoint.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from torch.utils.data import Sampler
from transformers import Trainer

from trainers.adopt import WEIGHTS
from trainers.policy import save_adapter
from trainers.probe import write_probe
from trainers.rows import Rows
from trainers.training_state import restore_optimizer, restore_policy, restore_random_numbers

Batch = dict[str, torch.Tensor]


class Measured(NamedTuple):
    """What each of B rows costs and counts, (B,) each, and what is shown of them or of some. A batch's loss is the
    quotient."""

    cost_B: torch.Tensor
    count_B: torch.Tensor
    shown: dict[str, torch.Tensor]


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


class AdapterTrainer(Trainer):
    """Put before a trainer of TRL's, it trains the adapter `default`, and goes on from our checkpoints."""

    def leave(self, out: Path, rows: Rows, beat: Callable[[], None]) -> dict[str, Any]:
        """Write the adapter of the weights of now to `out`, and its probe; returns what the account is to say of it."""
        save_adapter(self.model, out)
        beat()
        write_probe(out, self.model.eval(), self.processing_class, rows.probe_messages, rows.probe_ids)
        return {}

    def floating_point_ops(self, inputs: Any) -> int:
        """None are counted: nobody reads them, and counting walks through all parameters for each micro-batch."""
        return 0

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset  # ids already

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        restore_policy(self.model, (Path(resume_from_checkpoint) / WEIGHTS).read_bytes())

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_optimizer(self.optimizer, self.lr_scheduler, Path(checkpoint))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            restore_random_numbers(Path(checkpoint))


class TokenTrainer(AdapterTrainer):
    """One that trains on rows of token ids as they are."""

    extra_columns: tuple[str, ...]
    """The columns that TRL does not know."""
    train_dataset: Dataset
    _metrics: dict[str, dict[str, list[float]]]
    _signature_columns: list[str] | None

    @abstractmethod
    def measured(self, model: Any, inputs: Batch) -> Measured:
        """What the rows of a batch cost."""

    @abstractmethod
    def row_length(self, row: dict[str, Any]) -> int:
        """The tokens of a row's longest sequence."""

    def compute_loss(
        self, model: Any, inputs: Batch, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """What the micro-batch adds to the loss of its whole batch: the same sum however it is cut into micro-batches.

        `num_items_in_batch` is the count of the whole batch; None makes the micro-batch one.
        """
        found = self.measured(model, inputs)
        for name, values_B in found.shown.items():
            if len(values_B):
                self._metrics["train"][name].append(values_B.detach().mean().item())
        return found.cost_B.sum() / (found.count_B.sum() if num_items_in_batch is None else num_items_in_batch)

    def batches(self, rows: Sequence[dict[str, Any]]) -> Iterator[Batch]:
        """The rows, in order, as micro-batches on the device."""
        size = self.args.per_device_train_batch_size
        for start in range(0, len(rows), size):
            yield self._prepare_inputs(self.data_collator(list(rows[start : start + size])))

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = [*dict.fromkeys([*(self._signature_columns or ()), *self.extra_columns])]

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> ShuffledBatches:
        batch_size = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        lengths = [self.row_length(row) for row in self.train_dataset.to_list()]
        return ShuffledBatches(lengths, batch_size, self.args.seed)


class PairwiseTrainer(TokenTrainer):
    """One whose batches count by their pairs."""

    # TRL's is not, but divided by the number of micro-batches: the pairs of a smaller one, the last, would count more.
    loss_is_scaled_for_ga = True

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> int:
        return sum(len(batch["weight"]) for batch in batch_samples)
