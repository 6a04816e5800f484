"""TRL's DPO trainer on pairs of token ids, each with its own label probability and weight."""

from collections.abc import Callable
from typing import Any

import torch
from datasets import Dataset
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference
from trl.trainer.utils import add_fused_lm_head

from trainers.losses import desensitised, likelihood_losses, policy_weights, preference_losses
from trainers.spec import PairLoss
from trainers.token_trainer import Batch, Measured, PairwiseTrainer

LABELS = ("label_probability", "weight", "rehearsed")


class PairCollator(DataCollatorForPreference):
    """TRL's collator, which pads ids, and the labels' columns beside it."""

    def torch_call(self, examples: list[dict[str, Any]]) -> Batch:
        batch = super().torch_call(examples)
        return batch | {name: torch.tensor([row[name] for row in examples]) for name in LABELS}


class PairTrainer(PairwiseTrainer, DPOTrainer):
    """Trains on rows of `TokenChoice` against reference log-probabilities computed beforehand."""

    extra_columns = LABELS

    def __init__(self, loss: PairLoss, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.pair_loss = loss
        # TRL's own also computes the entropy, the mean logit and the best token everywhere: a quarter of a step here.
        outputs = ("log_probs", "log_sum_sq_probs") if loss.wpo else ("log_probs",)
        add_fused_lm_head(self.model.get_base_model(), outputs=outputs)

    def row_length(self, row: dict[str, Any]) -> int:
        return len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))

    def with_reference(
        self, rows: list[dict[str, Any]], computed: list[list[float]], after_batch: Callable[[], None]
    ) -> list[dict[str, Any]]:
        """The rows with their log-probabilities under TRL's reference: the adapter `ref`, or the base without one.

        Computed once, where TRL would run the reference again in every epoch. `computed` holds those of the shortest
        rows as far as they are known, [chosen, rejected] in nats, and grows to all of them; `after_batch` is called
        each time that it has grown.
        """
        order = sorted(range(len(rows)), key=lambda number: self.row_length(rows[number]))
        for batch in self.batches([rows[number] for number in order[len(computed) :]]):
            known = {name: values for name, values in batch.items() if name not in LABELS}
            chosen, rejected = self.compute_ref_log_probs(self.model, known)
            computed += ([c, r] for c, r in zip(chosen.tolist(), rejected.tolist(), strict=True))
            after_batch()
        found = dict(zip(order, computed, strict=True))
        return [
            row | {"ref_chosen_logps": found[number][0], "ref_rejected_logps": found[number][1]}
            for number, row in enumerate(rows)
        ]

    def train_on(self, rows: list[dict[str, Any]]) -> None:
        """Have these rows, which have their reference log-probabilities, be what is trained on."""
        self.train_dataset = Dataset.from_list(rows)

    def measured(self, model: Any, inputs: Batch) -> Measured:
        loss, answers_2BT = self.pair_loss, inputs["completion_mask"][:, 1:]
        labels = inputs["input_ids"].masked_fill(inputs["completion_mask"] == 0, -100)
        output = model(inputs["input_ids"], attention_mask=inputs["attention_mask"], labels=labels, fused_lm_head=True)
        logps_2BT, tokens_2B = output.log_probs, answers_2BT.sum(dim=1)
        plain_2B = logps_2BT.sum(dim=1)
        alpha = loss.length_desensitisation
        said_2B = plain_2B if alpha == 1 else desensitised(logps_2BT, answers_2BT, alpha).sum(dim=1)
        ratios_2B = said_2B - torch.cat([inputs["ref_chosen_logps"], inputs["ref_rejected_logps"]])
        if loss.length_normalised:
            ratios_2B = ratios_2B / tokens_2B
        chosen_B, rejected_B = ratios_2B.chunk(2)  # the batch is [chosen, rejected]
        label, rehearsed_B = (inputs["label_probability"], inputs["weight"]), inputs["rehearsed"]
        cost_B = preference_losses(chosen_B - rejected_B, *label, loss)
        mean_chosen_B, mean_rejected_B = (plain_2B / tokens_2B).chunk(2)
        likelihood_B = likelihood_losses(mean_chosen_B, mean_rejected_B, *label)
        if loss.nll_weight:
            cost_B = cost_B + loss.nll_weight * likelihood_B
        if loss.wpo:
            cost_B = cost_B * policy_weights(logps_2BT, output.log_sum_sq_probs, answers_2BT)
        cost_B = torch.where(rehearsed_B, likelihood_B, cost_B)
        rewards_chosen_B, rewards_rejected_B = loss.beta * chosen_B, loss.beta * rejected_B
        margins_B = rewards_chosen_B - rewards_rejected_B
        shown = {
            "rewards/chosen": rewards_chosen_B,
            "rewards/rejected": rewards_rejected_B,
            "rewards/margins": margins_B,
            "rewards/accuracies": (margins_B > 0).float(),
            "logps/chosen": plain_2B.chunk(2)[0],
            "logps/rejected": plain_2B.chunk(2)[1],
        }
        compared = {name: values_B[~rehearsed_B] for name, values_B in shown.items()}
        rehearsed = {"logps/rehearsed": plain_2B.chunk(2)[0][rehearsed_B]}
        return Measured(cost_B, torch.ones_like(cost_B), compared | rehearsed)
