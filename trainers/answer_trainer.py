"""TRL's SFT trainer on answers of token ids, each with its own weight."""

from typing import Any

import torch
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import add_fused_lm_head

from trainers.token_trainer import Batch, Measured, TokenTrainer


class AnswerCollator(DataCollatorForLanguageModeling):
    """TRL's collator on prompt and answer, with only the answer's tokens as labels, and the weights beside it."""

    def torch_call(self, examples: list[dict[str, Any]]) -> Batch:
        rows = [
            {
                "input_ids": row["prompt_ids"] + row["answer_ids"],
                "labels": [-100] * len(row["prompt_ids"]) + row["answer_ids"],
            }
            for row in examples
        ]
        return super().torch_call(rows) | {"weight": torch.tensor([row["weight"] for row in examples])}


class AnswerTrainer(TokenTrainer, SFTTrainer):
    """Trains on rows of `TokenAnswer`."""

    extra_columns = ("prompt_ids", "answer_ids", "weight")

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        add_fused_lm_head(self.model.get_base_model(), outputs=("log_probs",))  # TRL's own computes entropies too

    def row_length(self, row: dict[str, Any]) -> int:
        return len(row["prompt_ids"]) + len(row["answer_ids"])

    def measured(self, model: Any, inputs: Batch) -> Measured:
        ids, attention, labels = inputs["input_ids"], inputs["attention_mask"], inputs["labels"]
        logps_B = model(ids, attention_mask=attention, labels=labels, fused_lm_head=True).log_probs.sum(dim=1)
        tokens_B = (labels != -100).sum(dim=1)
        return Measured(-inputs["weight"] * logps_B, tokens_B, {"logps/answer": logps_B})
