"""What a pair costs, against a float64 reference in NumPy and against stock TRL."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOTrainer
from trl.trainer.utils import add_fused_lm_head

from tests.trainers.tiny import LOSS, random_pairs, rehearsed, write_spec
from trainers.dpo import pair_trainer
from trainers.losses import desensitised, likelihood_losses, policy_weights, preference_losses
from trainers.pair_trainer import LABELS, PairTrainer
from trainers.rows import read_pairs
from trainers.spec import PairLoss

KINDS = ("sigmoid", "ipo", "hinge", "robust")
STOCK = ("log_probs", "entropy", "mean_logits", "is_top1", "log_sum_sq_probs")
Array = np.ndarray[Any, np.dtype[np.float64]]


def loss(**changes: Any) -> PairLoss:
    return PairLoss.model_validate(LOSS | changes)


def expected(kind: str, gap: Array, beta: float, flip_rate: float) -> Array:
    """The losses as their papers write them, in float64."""

    def log_loss(margin: Array) -> Array:
        return np.logaddexp(0, -margin)

    match kind:
        case "sigmoid":
            return log_loss(beta * gap)
        case "hinge":
            return np.maximum(0, 1 - beta * gap)
        case "ipo":
            return (gap - 1 / (2 * beta)) ** 2
        case _:
            return ((1 - flip_rate) * log_loss(beta * gap) - flip_rate * log_loss(-beta * gap)) / (1 - 2 * flip_rate)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_is_the_papers_in_expectation_over_the_label(kind: str) -> None:
    rng = np.random.default_rng(0)
    gap, label, weight = rng.normal(0, 6, 64), rng.random(64), rng.random(64)
    wanted = weight * (label * expected(kind, gap, 0.3, 0.1) + (1 - label) * expected(kind, -gap, 0.3, 0.1))
    found = preference_losses(*map(torch.tensor, (gap, label, weight)), loss(kind=kind))
    assert np.allclose(found.numpy(), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_an_undecided_label_costs_the_same_either_way_round_and_no_weight_gives_no_gradient(kind: str) -> None:
    gaps, half = torch.linspace(-4, 4, 9), torch.full((9,), 0.5)
    way = loss(kind=kind)
    one, other = (preference_losses(sign * gaps, half, torch.ones(9), way) for sign in (1, -1))
    assert torch.allclose(one, other)
    held = torch.tensor([0.5, -2.0], requires_grad=True)
    preference_losses(held, torch.ones(2), torch.tensor([1.0, 0.0]), way).sum().backward()
    assert held.grad is not None and held.grad[1] == 0 and held.grad[0] < 0


@pytest.mark.parametrize(("kind", "least"), [("sigmoid", math.log(4) / 0.3), ("ipo", 0.6 / 0.6), ("hinge", 1 / 0.3)])
def test_a_label_of_four_in_five_costs_least_at_its_own_gap(kind: str, least: float) -> None:
    gaps = torch.linspace(-8, 8, 3201)
    losses = preference_losses(gaps, torch.full_like(gaps, 0.8), torch.ones_like(gaps), loss(kind=kind))
    assert gaps[losses.argmin()].item() == pytest.approx(least, abs=0.01)


def test_labels_that_lie_as_often_as_robust_is_told_teach_what_true_labels_teach() -> None:
    gaps = torch.linspace(-5, 5, 11, dtype=torch.float64)
    ones, told = torch.ones_like(gaps), torch.full_like(gaps, 0.9)
    unbiased = preference_losses(gaps, told, ones, loss(kind="robust", flip_rate=0.1))
    assert torch.allclose(unbiased, preference_losses(gaps, ones, ones, loss(kind="sigmoid")))


def test_the_likelihood_term_is_the_better_answers_a_token() -> None:
    found = likelihood_losses(torch.tensor([-2.0]), torch.tensor([-5.0]), torch.tensor([0.75]), torch.tensor([2.0]))
    assert found.tolist() == [2.0 * (0.75 * 2.0 + 0.25 * 5.0)]


def test_desensitising_counts_what_is_beyond_the_shorter_answers_end_alpha_times() -> None:
    logps = torch.tensor([[0.0, -1.0, -2.0, -4.0], [0.0, -1.0, -3.0, 0.0]])
    answers = torch.tensor([[0, 1, 1, 1], [0, 1, 1, 0]])
    assert desensitised(logps, answers, 0.25).sum(dim=1).tolist() == [-4.0, -4.0]
    assert desensitised(logps, answers, 1.0).sum(dim=1).tolist() == [-7.0, -4.0]


def test_a_pair_weighs_in_wpo_what_its_tokens_are_beside_the_policys_own() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (2, 3, 7))
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    said, answers = probs[..., 0], np.array([[1, 1, 1], [1, 1, 0]])
    shares = [(np.log(p / s)[a == 1]).mean() for p, s, a in zip(said, (probs**2).sum(-1), answers, strict=True)]
    found = policy_weights(torch.tensor(np.log(said)), torch.tensor(np.log((probs**2).sum(-1))), torch.tensor(answers))
    assert found.tolist() == pytest.approx([math.exp(sum(shares))])


def answer_logp(model: Any, prompt: list[int], answer: list[int]) -> float:
    """What a plain forward pass says of one answer, in float64, with nothing of ours or TRL's in between."""
    with torch.no_grad():
        logits = model(torch.tensor([prompt + answer])).logits[0].double().numpy()
    logps = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return float(sum(logps[len(prompt) - 1 + place, token] for place, token in enumerate(answer)))


@dataclass(frozen=True)
class Case:
    """A way of ours, TRL's settings that mean the same, and which of TRL's losses."""

    ours: dict[str, Any]
    stock: dict[str, Any]
    types: tuple[str, ...] = ("sigmoid",)
    weights: tuple[float, ...] = (1.0,)


CASES = {
    "sigmoid": Case({}, {}),
    "hinge": Case({"kind": "hinge"}, {}, ("hinge",)),
    "robust": Case({"kind": "robust", "flip_rate": 0.2}, {"label_smoothing": 0.2}, ("robust",)),
    "ipo, which TRL normalises": Case({"kind": "ipo", "length_normalised": True}, {}, ("ipo",)),
    "length-normalised": Case({"length_normalised": True}, {}, ("sigmoid_norm",)),
    "length-desensitised": Case({"length_desensitisation": 0.4}, {"ld_alpha": 0.4}),
    "wpo": Case({"wpo": True}, {"use_weighting": True}),
    "with the likelihood": Case({"nll_weight": 0.7}, {}, ("sigmoid", "sft"), (1.0, 0.7)),
    "all of them": Case(
        {"kind": "hinge", "nll_weight": 0.7, "wpo": True, "length_desensitisation": 0.4},
        {"use_weighting": True, "ld_alpha": 0.4},
        ("hinge", "sft"),
        (1.0, 0.7),
    ),
}


@pytest.fixture(scope="module")
def trainer(base: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> PairTrainer:
    """One that goes on from `previous` against the base."""
    folder = tmp_path_factory.mktemp("losses")
    spec = write_spec(folder, base, random_pairs(8), model={"start": adapters["previous"]})
    tokenizer = AutoTokenizer.from_pretrained(base)
    made = pair_trainer(spec, folder, read_pairs(spec.rows, tokenizer, 64).trained, tokenizer, TrainerCallback())
    add_fused_lm_head(made.model.get_base_model(), outputs=STOCK)
    return made


def test_the_trainer_holds_the_base_models_weights_once(trainer: PairTrainer, base: Path) -> None:
    held = sum(p.numel() for name, p in trainer.model.named_parameters() if ".lora_" not in name)
    assert held == sum(p.numel() for p in AutoModelForCausalLM.from_pretrained(base).parameters())
    assert trainer.ref_model is None


def test_a_rehearsed_answer_costs_its_likelihood_a_token_and_leaves_the_pairs_as_they_are(
    trainer: PairTrainer, base: Path, tmp_path: Path
) -> None:
    given = [{**row, "weight": 0.5} for row in rehearsed(random_pairs(8), 3)]
    spec, trainer.ld_alpha = write_spec(tmp_path, base, given), None
    rows = trainer.with_reference(read_pairs(spec.rows, trainer.processing_class, 64).trained, [], lambda: None)
    trainer.pair_loss = loss(beta=2.0)
    batch = trainer.data_collator(rows)
    found = trainer.measured(trainer.model, batch)

    def logps(side: str) -> Array:
        return np.array([answer_logp(trainer.model, row["prompt_ids"], row[side]) for row in rows])

    sides = ("chosen_ids", "rejected_ids")
    policy = [logps(side) for side in sides]
    with trainer.model.disable_adapter():
        chosen, rejected = (now - logps(side) for now, side in zip(policy, sides, strict=True))
    tokens, is_rehearsed = np.array([len(row["chosen_ids"]) for row in rows]), np.arange(8) % 3 == 0
    imitated = -0.5 * policy[0] / tokens
    compared = 0.5 * expected("sigmoid", chosen - rejected, 2.0, 0.0)
    assert np.allclose(found.cost_B.detach(), np.where(is_rehearsed, imitated, compared), rtol=1e-5, atol=1e-5)
    assert [len(found.shown[name]) for name in ("rewards/accuracies", "logps/rehearsed")] == [5, 3]

    trainer.pair_loss = loss(beta=2.0, kind="hinge", nll_weight=0.7, wpo=True)
    otherwise = trainer.measured(trainer.model, batch).cost_B.detach()
    assert np.allclose(otherwise[is_rehearsed], imitated[is_rehearsed], rtol=1e-5, atol=1e-5)
    assert not np.isclose(otherwise[~is_rehearsed], compared[~is_rehearsed]).any()


@pytest.mark.parametrize("name", CASES)
def test_certain_labels_of_weight_1_cost_what_stock_trl_says(name: str, trainer: PairTrainer) -> None:
    case = CASES[name]
    for attribute, value in {"use_weighting": False, "ld_alpha": None, "label_smoothing": 0.0, **case.stock}.items():
        setattr(trainer, attribute, value)
    trainer.loss_types, trainer.loss_weights, trainer.pair_loss = case.types, case.weights, loss(**case.ours)
    rows = trainer.train_dataset.to_list()
    # TRL's likelihood is a mean over all tokens of a batch, ours over those of each answer: the same for one pair.
    for batch_rows in [[row] for row in rows] if "sft" in case.types else [rows]:
        batch = trainer.data_collator(trainer.with_reference(batch_rows, [], lambda: None))
        ours = trainer.compute_loss(trainer.model, batch)
        held = {key: value for key, value in batch.items() if key not in LABELS and not key.startswith("ref_")}
        stock = DPOTrainer._compute_loss(trainer, trainer.model, held, False)
        assert ours.item() == pytest.approx(stock.item(), rel=1e-6, abs=1e-6)
        assert ours.item() != pytest.approx(math.log(2), abs=1e-3)
