"""What a training program is asked: one JSON file in, one folder out. No torch here.

A program runs alone in its own process, `python -P -m trainers.dpo SPEC.json OUT`. It leaves in OUT the two files of
an adapter, `log.jsonl` (one row a logged step), `probe.json` (what a fixed answer scores) and, last of all,
`result.json`. Nothing there is believed before `trainers.adopt` has checked it.

While it runs it changes `beat` (its pid and a number) each time that something got done, and it keeps in OUT what it
needs to go on from there after a death: the same program with the same spec and OUT ends with the same bytes, whenever
it was killed. SIGTERM makes it keep what it has, after the step in flight, and end with the exit code STOPPED; a
SIGTERM that comes before it listens, while it still has nothing to lose, ends it as any signal does (-15).
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DIVERGED = 3
"""The exit code of a program whose training left the finite numbers. The same spec would diverge again."""
STOPPED = 4
"""The exit code of a program that SIGTERM ended: started again on the same OUT, it goes on."""
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
"""What an adapter of ours changes, and all that the engine serves."""


class Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lora(Spec):
    """The shape of an adapter. Attention and feed-forward projections, never embeddings or the head."""

    rank: int = Field(ge=1)
    alpha: float = Field(gt=0)


class ModelSpec(Spec):
    """The base model and the adapters beside it."""

    base: Path
    dtype: Literal["float32", "bfloat16"]
    device: Literal["cpu", "cuda"]
    start: Path | None
    """The adapter to go on from; None starts a new one on the base."""
    reference: Path | None
    """The adapter that is DPO's reference; None is the base."""
    threads: int = Field(ge=1)


class DpoSpec(Spec):
    """One round of DPO. `pairs` is a Parquet file with one row a pair:

    `prompt` (list of {role, content}), `chosen_ids`, `rejected_ids` (token ids as sampled, end token included),
    `label_probability`, `weight`.
    """

    model: ModelSpec
    pairs: Path
    lora: Lora
    beta: float = Field(gt=0)
    learning_rate: float = Field(gt=0)
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    micro_batch_size: int = Field(ge=1)
    warmup_frac: float = Field(ge=0, lt=1)
    schedule: Literal["constant", "linear", "cosine"]
    max_grad_norm: float = Field(gt=0)
    max_length_tokens: int = Field(ge=2)
    seed: int
    checkpoint_every_s: float = Field(ge=0)
    """Keep what there is after so much work, in seconds: what a death can cost. It changes no result."""

    @model_validator(mode="after")
    def batches_divide(self) -> "DpoSpec":
        """A batch is a whole number of micro-batches."""
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of micro_batch_size {self.micro_batch_size}"
            )
        return self


class ProbeSpec(Spec):
    """Compute the probe of an adapter that was trained elsewhere (`model.start`): `python -P -m trainers.probe`."""

    model: ModelSpec
