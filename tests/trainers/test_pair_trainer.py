"""The loss of a pair, and the order in which pairs are seen."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, TrainerCallback
from trl import DPOTrainer
from trl.trainer.utils import add_fused_lm_head

from tests.trainers.tiny import random_pairs, write_spec
from trainers.dpo import pair_trainer
from trainers.pair_trainer import LABELS, ShuffledBatches, pair_losses
from trainers.pairs import read_pairs

STOCK = ("log_probs", "entropy", "mean_logits", "is_top1")


def test_a_certain_label_of_weight_1_costs_what_stock_trl_says(
    base: Path, adapters: dict[str, Path], tmp_path: Path
) -> None:
    spec = write_spec(tmp_path, base, random_pairs(8), model={"start": adapters["previous"]})
    tokenizer = AutoTokenizer.from_pretrained(base)
    trainer = pair_trainer(spec, tmp_path, read_pairs(spec.pairs, tokenizer, 64), tokenizer, TrainerCallback())
    trainer.fix_reference([], lambda: None)
    batch = trainer.data_collator(trainer.train_dataset.to_list())
    ours = trainer.compute_loss(trainer.model, batch)
    add_fused_lm_head(trainer.model.get_base_model(), outputs=STOCK)
    held = {key: value for key, value in batch.items() if key not in LABELS and not key.startswith("ref_")}
    stock = DPOTrainer._compute_loss(trainer, trainer.model, held, False)
    assert ours.item() == pytest.approx(stock.item(), abs=1e-6)
    assert ours.item() != pytest.approx(0.6931, abs=1e-3)


def test_a_pair_of_weight_0_has_no_gradient() -> None:
    margins = torch.tensor([0.5, -2.0, 3.0], requires_grad=True)
    pair_losses(margins, torch.ones(3), torch.tensor([1.0, 0.0, 2.0])).sum().backward()
    assert margins.grad is not None
    assert margins.grad[1] == 0
    assert margins.grad[0] != 0
    assert margins.grad[2] == pytest.approx(-2 * torch.sigmoid(torch.tensor(-3.0)).item())


def test_an_undecided_label_costs_the_same_either_way_round() -> None:
    margins, half = torch.linspace(-4, 4, 9), torch.full((9,), 0.5)
    assert torch.allclose(pair_losses(margins, half, torch.ones(9)), pair_losses(-margins, half, torch.ones(9)))


def test_a_label_of_p_costs_least_at_the_margin_of_p() -> None:
    margins = torch.linspace(-3, 3, 601)
    losses = pair_losses(margins, torch.full_like(margins, 0.8), torch.ones_like(margins))
    assert margins[losses.argmin()].item() == pytest.approx(torch.logit(torch.tensor(0.8)).item(), abs=0.011)


def test_each_epoch_sees_every_pair_once_in_another_order_and_batches_by_length() -> None:
    lengths = [(7 * i) % 13 for i in range(20)]
    sampler = ShuffledBatches(lengths, batch_size=8, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first == list(ShuffledBatches(lengths, batch_size=8, seed=1))
    for start in range(0, 20, 8):
        batch = [lengths[row] for row in first[start : start + 8]]
        assert batch == sorted(batch, reverse=True)
