"""What a training program is asked: one JSON file in, one folder out. No torch here.

A program runs alone in its own process, `python -P -m trainers.dpo SPEC.json OUT`. It leaves in OUT the two files of
an adapter, `log.jsonl` (one row a logged step), `probe.json` (what a fixed answer scores) and, last of all,
`result.json`. Nothing there is believed before `trainers.adopt` has checked it. Where no row fits there is nothing to
train: it leaves `result.json` alone.

While it runs it changes `beat` (its pid and a number) each time that something got done, and it keeps in OUT what it
needs to go on from there after a death: the same program with the same spec and OUT ends with the same bytes, whenever
it was killed. SIGTERM makes it keep what it has, after the step in flight, and end with the exit code STOPPED; a
SIGTERM that comes before it listens, while it still has nothing to lose, ends it as any signal does (-15).
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trainers.reward_spec import RewardRule, SumReward

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
    frozen: int = Field(default=0, ge=0)
    """So many of the ranks, the first, stay as the adapter to go on from has them (`trainers.stack`)."""


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


class HeldOut(Spec):
    """When the rows that are never trained on are looked at. The weights that are best on them are what is left."""

    every_steps: int | None = Field(ge=1)
    """So many gradient steps apart, and after the last; None is after each epoch."""
    patience: int | None = Field(ge=1)
    """End the training after so many looks in a row that found nothing better; None goes on to the last step."""


class TrainingSpec(Spec):
    """One training of an adapter on the rows of a Parquet file, whose column `held_out` (bool) keeps a row out."""

    model: ModelSpec
    rows: Path
    lora: Lora
    learning_rate: float = Field(gt=0)
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    micro_batch_size: int = Field(ge=1)
    warmup_frac: float = Field(ge=0, lt=1)
    schedule: Literal["constant", "linear", "cosine"]
    max_grad_norm: float = Field(gt=0)
    max_length_tokens: int = Field(ge=2)
    held_out: HeldOut
    seed: int
    checkpoint_every_s: float = Field(ge=0)
    """Keep what there is after so much work, in seconds: what a death can cost. It changes no result."""

    @property
    def max_row_tokens(self) -> int:
        """Longest row that is trained on: a prompt with its answer."""
        return self.max_length_tokens

    @model_validator(mode="after")
    def batches_divide(self) -> "TrainingSpec":
        """A batch is a whole number of micro-batches."""
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of micro_batch_size {self.micro_batch_size}"
            )
        return self


class PairLoss(Spec):
    """What a pair costs; `trainers.losses` has the formulas."""

    kind: Literal["sigmoid", "ipo", "hinge", "robust"]
    beta: float = Field(gt=0)
    flip_rate: float = Field(ge=0, lt=0.5)
    """How often a label is the wrong way round, as far as `robust` is told."""
    length_normalised: bool
    """Whether an answer's log-ratio is its mean over the tokens and not its sum."""
    length_desensitisation: float = Field(ge=0, le=1)
    """What a token counts for that stands beyond the end of the shorter answer; 1 is as much as any."""
    nll_weight: float = Field(ge=0)
    """How much of the better answer's negative log-likelihood, in nats a token, is added."""
    wpo: bool
    """Whether a pair weighs as much as the policy itself would say its two answers."""


class DpoSpec(TrainingSpec):
    """One round of DPO. A row is a pair:

    `prompt` (list of {role, content}), `label_probability`, `weight`, `held_out`, and the two answers, each either as
    `chosen_ids` and `rejected_ids` (token ids as sampled, end token included) or, where those are null, as `chosen` and
    `rejected` (texts, which are encoded as whole answers). Where `rehearsed` is there and true, the row has no rejected
    answer: it is a demonstration, which costs its weight times its negative log-likelihood, a token.
    """

    loss: PairLoss


class SftSpec(TrainingSpec):
    """Supervised fine-tuning. A row is a demonstration:

    `prompt` (list of {role, content}), `weight`, `held_out` and the answer: either `answer_ids` (token ids as sampled,
    end token included) or `answer` (a text, which is encoded as the whole answer); the other is null. Where `rehearsed`
    is there and true, it is not what the training is about, and is counted apart.
    """


class PreferenceSpec(TrainingSpec):
    """One training of a preference model. A row is a pair:

    `prompt` (list of {role, content}), `label_probability`, `weight`, `margin` (of rewards, 0 or more), `held_out`, and
    the two answers: either `chosen_ids` and `rejected_ids` (token ids as sampled, end token included), or `chosen` and
    `rejected` (texts, which are encoded as whole answers); the other two are null.
    """


class RewardProbe(Spec):
    """What a preference model said of a prompt and an answer when it was trained."""

    messages: list[dict[str, str]]
    token_ids: list[int]
    reward: float


class ScoreSpec(Spec):
    """Ask the preference model `model.start` for the rewards of answers: `python -P -m trainers.score`.

    A row of the Parquet file is `prompt` (list of {role, content}) and `answer`, a text that is a whole answer.
    """

    model: ModelSpec
    rows: Path
    batch_size: int = Field(ge=1)
    probe: RewardProbe


class RlSpec(TrainingSpec):
    """Online policy optimisation: the program answers the prompts itself and learns from the answers' rewards.

    A row is a prompt: `prompt` (list of {role, content}), `question` (the judge's, in the parts that the answer stands
    between; empty where no judge is asked), `risky` (whether safety alone counts) and `held_out`, which is false; where
    rules are asked, `response_type` (its name; "" where none fits) and `propositions` (list of {id, question}).
    """

    completions: int = Field(ge=2)
    """Answers to each prompt; each is held against the others."""
    max_tokens: int = Field(ge=1)
    """Longest answer."""
    kl_coef: float = Field(gt=0)
    """What is taken off a reward for each nat that the policy finds the answer likelier than the reference does."""
    max_kl_nats: float = Field(gt=0)
    """The training has diverged where a batch's answers have a mean KL to the reference above this, in nats each."""
    length_penalty: float = Field(ge=0)
    """What is taken off a reward for each token of the answer."""
    reward: RewardRule = Field(discriminator="kind")
    reward_models: tuple[Path | None, ...]
    """The adapter that judges, where None is the base; or the preference model; or those of safety and helpfulness. Of
    a sum, the judge and then the others."""

    @property
    def max_row_tokens(self) -> int:
        """Longest prompt, which is all of a row: room for an answer is left."""
        return self.max_length_tokens - self.max_tokens

    @model_validator(mode="after")
    def reward_has_its_models(self) -> "RlSpec":
        """A rule of two preference models has two, everything else one, and a sum one more than its other part."""
        summed = isinstance(self.reward, SumReward)
        last = self.reward.other if isinstance(self.reward, SumReward) else self.reward
        wanted = summed + (2 if last.kind == "safety_first" else 1)
        if len(self.reward_models) != wanted:
            raise ValueError(f"the reward {self.reward.kind} wants {wanted} models, not {len(self.reward_models)}")
        return self


class ProbeSpec(Spec):
    """Compute the probe of an adapter that was trained elsewhere (`model.start`): `python -P -m trainers.probe`."""

    model: ModelSpec


class MergeSpec(Spec):
    """Fold the adapter `model.start` into its base, in float32 (`model.dtype`): `python -P -m trainers.merge`.

    A row of the Parquet file is `prompt` (list of {role, content}) and `answer_ids`, an answer to compare both on.
    """

    model: ModelSpec
    rows: Path
    dtype: Literal["float32", "bfloat16", "float16"] | None
    """What the weights are written as; None is what the base's are."""
