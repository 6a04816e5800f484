"""What a training program says while it runs: `log.jsonl`, one row a step."""

import math
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from runs.canonical import canonical_json
from trainers.spec import DIVERGED


class Progress(TrainerCallback):
    """Writes each logged step to `log.jsonl` and ends the program at the first number that is not finite.

    `rows` holds what was written, without the times. A number that is not finite is written as null.
    """

    def __init__(self, out: Path) -> None:
        self.path = out / "log.jsonl"
        self.rows: list[dict[str, Any]] = []

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        if logs is None or "loss" not in logs:  # the summary at the end
            return
        numbers = {"step": state.global_step} | {name: float(value) for name, value in logs.items()}
        row = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        self.rows.append(row)
        with self.path.open("ab") as file:
            file.write(canonical_json(row | {"time_s": time.time()}) + b"\n")
        if lost := sorted(name for name, value in row.items() if value is None):
            print(f"diverged at step {state.global_step}: {', '.join(lost)} not finite; lower train.learning_rate")
            raise SystemExit(DIVERGED)
