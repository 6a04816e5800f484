"""TRL's reward trainer on pairs of token ids, each with its own label probability, weight and margin."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from trl import RewardTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference

from runs.canonical import canonical_json
from trainers.calibration import agreement, fitted_scale
from trainers.chat import render
from trainers.losses import reward_losses
from trainers.policy import save_adapter
from trainers.preference_model import rewards, scale_rewards, score
from trainers.rows import Rows
from trainers.token_trainer import Batch, Measured, PairwiseTrainer

LABELS = ("label_probability", "weight", "margin")
SIDES = ("chosen", "rejected")


class PreferenceCollator(DataCollatorForPreference):
    """TRL's collator on prompt and answer, and the labels' three columns beside it."""

    def torch_call(self, examples: list[dict[str, Any]]) -> Batch:
        rows = [{f"{side}_ids": row["prompt_ids"] + row[f"{side}_ids"] for side in SIDES} for row in examples]
        return super().torch_call(rows) | {name: torch.tensor([row[name] for row in examples]) for name in LABELS}


class PreferenceTrainer(PairwiseTrainer, RewardTrainer):
    """Trains on rows of `TokenComparison`."""

    extra_columns = ("prompt_ids", *LABELS)

    def row_length(self, row: dict[str, Any]) -> int:
        return len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))

    def measured(self, model: Any, inputs: Batch) -> Measured:
        chosen_B, rejected_B = rewards(model, inputs["input_ids"], inputs["attention_mask"]).chunk(2)
        gaps_B, labels_B = chosen_B - rejected_B, inputs["label_probability"]
        cost_B = reward_losses(gaps_B, labels_B, inputs["weight"], inputs["margin"])
        undecided_B = torch.full_like(gaps_B, 0.5)
        shown = {
            "rewards/chosen": chosen_B,
            "rewards/rejected": rejected_B,
            "rewards/margins": gaps_B,
            "rewards/accuracies": torch.where(labels_B == 0.5, undecided_B, ((gaps_B > 0) == (labels_B > 0.5)).float()),
        }
        return Measured(cost_B, torch.ones_like(cost_B), shown)

    def leave(self, out: Path, rows: Rows, beat: Callable[[], None]) -> dict[str, Any]:
        """Calibrate the model on the held-out pairs, and write it to `out` with its probe.

        The account says how it was calibrated, and the mean and the spread of the rewards of the answers trained on:
        rewards mean something only relative to each other, and the head has no bias to take the mean away with.
        """
        self.model.eval()
        calibration = self._calibrate(rows.held_out, beat) if rows.held_out else {}
        found = np.array([self._rewards(rows.trained, side, beat) for side in SIDES])
        spread = {"reward_mean": float(found.mean()), "reward_std": float(found.std())}
        save_adapter(self.model, out)
        prompt_ids = render(self.processing_class, rows.probe_messages)
        probe = {
            "messages": [{"role": message.role, "content": message.content} for message in rows.probe_messages],
            "token_ids": rows.probe_ids,
            "reward": score(self.model, [prompt_ids + rows.probe_ids], 1)[0],
            **spread,
        }
        (out / "probe.json").write_bytes(canonical_json(probe))
        return {"calibration": calibration, **spread}

    def _calibrate(self, pairs: list[dict[str, Any]], beat: Callable[[], None]) -> dict[str, Any]:
        chosen_N, rejected_N = (np.array(self._rewards(pairs, side, beat)) for side in SIDES)
        labels_N, weights_N = (np.array([pair[name] for pair in pairs]) for name in LABELS[:2])
        if not weights_N.any():
            return {}
        gaps_N = chosen_N - rejected_N
        scale = fitted_scale(gaps_N, labels_N, weights_N)
        scale_rewards(self.model, scale)
        return {
            "pairs": len(pairs),
            "temperature": 1 / scale,
            "before": agreement(gaps_N, labels_N, weights_N),
            "after": agreement(scale * gaps_N, labels_N, weights_N),
        }

    def _rewards(self, pairs: Sequence[dict[str, Any]], side: str, beat: Callable[[], None]) -> list[float]:
        answered = [pair["prompt_ids"] + pair[f"{side}_ids"] for pair in pairs]
        return score(self.model, answered, 2 * self.args.per_device_train_batch_size, beat)
