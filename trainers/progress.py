"""What a training does after each step: it looks at the held-out rows if it is time, writes a row to `log.jsonl`,
beats, and keeps a checkpoint if one is due."""

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from runs.canonical import canonical_json
from trainers.beat import Beat
from trainers.checkpoint import Kept
from trainers.held_out import HeldOutRows
from trainers.pace import Pace
from trainers.spec import DIVERGED
from trainers.training_state import state_files

LOG = "log.jsonl"


class Progress(TrainerCallback):
    """Writes each logged step, and ends the program at the first number that is not finite.

    `rows` holds what was written, without the times, the steps before the checkpoint included. A number that is not
    finite is written as null.
    """

    def __init__(self, kept: Kept, checkpoint: Path | None, beat: Beat, pace: Pace) -> None:
        """`log.jsonl` holds from now on what it held at the checkpoint, or nothing."""
        self.kept, self.beat, self.pace = kept, beat, pace
        self.held_out: HeldOutRows | None = None
        """To be set before the first step: the trainer that it looks with is made with this callback."""
        self.path = kept.out / LOG
        if checkpoint:
            shutil.copyfile(checkpoint / LOG, self.path)
        else:
            self.path.write_bytes(b"")
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in self.path.read_bytes().splitlines()]
        for row in self.rows:
            del row["time_s"]

    def on_substep_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.beat()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **held: Any,
    ) -> None:
        """With `logging_steps=1` this comes after all else of a step: what is held now is what the next begins with."""
        if logs is None or "loss" not in logs:  # the summary at the end
            return
        numbers = {"step": state.global_step} | {name: float(value) for name, value in logs.items()}
        if self.held_out and self.held_out.is_due(state.global_step, state.max_steps):
            found = self.held_out.look(state.global_step)
            numbers |= {f"held_out/{name}": value for name, value in found.items()}
            control.should_training_stop |= self.held_out.is_over
        row = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        self.rows.append(row)
        with self.path.open("ab") as file:
            file.write(canonical_json(row | {"time_s": time.time()}) + b"\n")
        if lost := sorted(name for name, value in row.items() if value is None):
            print(f"diverged at step {state.global_step}: {', '.join(lost)} not finite; lower train.learning_rate")
            raise SystemExit(DIVERGED)
        self.beat()
        if self.pace.is_due():
            files = state_files(held["model"], held["optimizer"], held["lr_scheduler"], state)
            files |= {LOG: self.path.read_bytes()} | (self.held_out.files() if self.held_out else {})
            self.kept.write_checkpoint(state.global_step, files)
            self.pace.kept()
