"""Rows that are never trained on: what they cost now and then, which weights are best on them, and when to end.

The chosen answers' log-probabilities on them tell likelihood displacement, in which DPO lowers both answers' and the
chosen one's less (Razin, 2410.08847).
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from runs.canonical import canonical_json
from trainers.spec import HeldOut
from trainers.training_state import policy_weights, restore_policy

LOOKS, BEST = "held_out.json", "best.safetensors"


class HeldOutRows:
    """What the looks at the held-out rows have shown. The first one, at step 0, is of the weights at the start.

    Without any rows nothing is looked at, the last weights are the best, and nothing ends early.
    """

    def __init__(
        self,
        trainer: Any,
        rows: list[dict[str, Any]],
        settings: HeldOut,
        epoch_steps: int,
        beat: Callable[[], None],
    ) -> None:
        """`epoch_steps` are the gradient steps of an epoch. `trainer` is a TokenTrainer; without rows, any will do."""
        self.trainer, self.rows, self.beat = trainer, rows, beat
        self.every_steps, self.patience = settings.every_steps or epoch_steps, settings.patience
        self.looks: list[dict[str, Any]] = []
        self._best_weights = b""

    def restore(self, checkpoint: Path) -> None:
        """Know what was known at the checkpoint."""
        if self.rows:
            self.looks = json.loads((checkpoint / LOOKS).read_bytes())
            self._best_weights = (checkpoint / BEST).read_bytes()

    def files(self) -> dict[str, bytes]:
        """What a checkpoint has to hold of it, by the names of the files."""
        return {LOOKS: canonical_json(self.looks), BEST: self._best_weights} if self.rows else {}

    def is_due(self, step: int, last_step: int) -> bool:
        """Whether to look after this step."""
        return bool(self.rows) and (step % self.every_steps == 0 or step == last_step)

    def look(self, step: int) -> dict[str, float]:
        """What the rows cost with the weights of now, and the means of what is shown of them. None of it trains."""
        trainer, cost, count = self.trainer, 0.0, 0.0
        shown: dict[str, float] = {}
        was_training = trainer.model.training
        trainer.model.eval()
        for batch in trainer.batches(self.rows):
            with torch.no_grad(), trainer.compute_loss_context_manager():
                found = trainer.measured(trainer.model, batch)
            cost, count = cost + found.cost_B.sum().item(), count + found.count_B.sum().item()
            for name, values_B in found.shown.items():
                shown[name] = shown.get(name, 0.0) + values_B.sum().item()
            self.beat()
        trainer.model.train(was_training)
        seen = {"loss": cost / count} | {name: total / len(self.rows) for name, total in shown.items()}
        if step and (self.best is None or seen["loss"] < self.best["loss"]):
            self._best_weights = policy_weights(trainer.model)
        # JSON has no NaN, and the training ends for one anyway.
        self.looks.append({"step": step} | {name: x if math.isfinite(x) else None for name, x in seen.items()})
        return seen

    @property
    def best(self) -> dict[str, Any] | None:
        """The look of the least loss, the first one of equals; None before there is one of trained weights."""
        trained = [look for look in self.looks if look["step"] and look["loss"] is not None]
        return min(trained, key=lambda look: look["loss"], default=None)

    @property
    def is_over(self) -> bool:
        """Whether the last `patience` looks were none of them the best."""
        if self.patience is None or self.best is None:
            return False
        return len([look for look in self.looks if look["step"] > self.best["step"]]) >= self.patience

    def put_best(self) -> None:
        """Give the policy the weights that were best."""
        if self.rows:
            restore_policy(self.trainer.model, self._best_weights)

    def account(self) -> dict[str, Any]:
        """For the result: the look at the start and the best one."""
        return {"start": self.looks[0], "best": self.best} if self.rows else {}
