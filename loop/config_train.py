"""The trainer's settings: from what, against what and by which loss an adapter is trained."""

from typing import Annotated, Literal

from pydantic import Field

from loop.config_section import Count, Fraction, Positive, Section
from loop.unasked import Source, rows_made_of

RL = frozenset({"reward", "judge_weight", "completions", "kl_coef", "max_kl_nats", "length_penalty"})
LOSS = frozenset({"loss", "length_normalised", "length_desensitisation", "nll_weight", "wpo"})
OFF: dict[str, object] = {
    "method": "dpo",
    "start": "continue",
    "pooled": False,
    "replay_frac": 0.0,
    "rehearsal_frac": 0.0,
    "held_out_frac": 0.0,
    "loss": "sigmoid",
    "length_normalised": False,
    "length_desensitisation": 1.0,
    "nll_weight": 0.0,
    "wpo": False,
    "length_penalty": 0.0,
}
"""Leaves that are read only where they are set to something else, so that a run from before them keeps its keys."""
PAST = ("pairs", "best", "revisions")
"""What rows of earlier iterations can be made of."""


class Train(Section):
    method: Literal["dpo", "sft", "rl"] = "dpo"
    """`dpo`: from preference pairs, against a reference; `sft`: from answers to imitate (`train.learn`); `rl`: from the
    rewards of answers that the trainer itself samples (`train.reward`), also against a reference."""
    learn: Literal["chosen", "best", "demonstrations", "revisions"] = "chosen"
    """What `sft` imitates: the `chosen` answers of the pairs, the `best`-scored answer to each prompt (best-of-n), a
    file of `demonstrations`, or the `revisions` of the answers (`revise.passes`)."""
    revision: Literal["all", "last", "best"] = "all"
    """Which of an answer's revisions: `all` of them, the `last` one, or, of the answer and them, the one that the judge
    scores `best`. Answers that are not to be revised (`revise.tags`) are imitated as they are."""
    demonstrations: str | None = None
    """A JSONL file of answers to imitate, alone or as `rehearsal_frac`: `messages` (or `prompt`), `answer` and, if they
    differ, `weight`; or `microworld`, those of the simulated people, or `microworld:lessons`, in answering, scoring and
    asking."""
    start: Literal["continue", "seed", "base", "stack"] = "continue"
    """Train the adapter promoted last further; or one afresh, from the policy of iteration 0 (`seed`) or on the bare
    model (`base`); or `stack` a new one on the one promoted last, which stays as it is below it."""
    stack_rank: Annotated[int, Field(ge=2, le=512)] = 64
    """Highest rank of a stack. Where another adapter would exceed it, what is below is first approximated."""
    pooled: bool = False
    """Train on what all iterations of the run so far gave, and not on that of this iteration alone."""
    replay_frac: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the rows that is drawn from earlier iterations of the run, as far as they have so many."""
    rehearsal_frac: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the rows that are `train.demonstrations`, other ones in each iteration, so that what the seed was taught
    is not forgotten. Beside pairs each costs its negative log-likelihood, a token."""
    held_out_frac: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the prompts that is never trained on in any iteration. The weights that are best on them are kept."""
    held_out_every_steps: Count | None = None
    """Gradient steps between two looks at the held-out rows; none looks after each epoch."""
    patience: Count | None = None
    """End the training after so many looks in a row without a lower held-out loss; none goes on to the last step."""
    reference: Literal["previous", "seed", "base", "ema"] = "previous"
    """What the new policy is held against: the policy promoted last, the policy of iteration 0, the model without an
    adapter, or `ema`, the exponential moving average of the policies promoted so far."""
    reference_decay: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """What the moving average keeps of itself an iteration: near 0 it is the policy promoted last, near 1 the seed."""
    loss: Literal["sigmoid", "ipo", "hinge", "robust"] = "sigmoid"
    """What a pair costs, by its margin: DPO's own `sigmoid`, `ipo`, `hinge` (SLiC), or `robust` to flipped labels."""
    flip_rate: Annotated[float, Field(gt=0, lt=0.5)] = 0.1
    """How often a pair's label is the wrong way round, as `robust` is told; 1 less judge/anchor_accuracy is a guess."""
    length_normalised: bool = False
    """Take the mean of an answer's log-ratios over its tokens, not their sum. It wants a larger beta (5 and more)."""
    length_desensitisation: Fraction = 1.0
    """LD-DPO: what the tokens of an answer count for that stand beyond the other one's end; 1 is as much as any."""
    nll_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """How much of the better answer's negative log-likelihood, a token, is added; it holds the chosen answer likely."""
    wpo: bool = False
    """WPO: weigh a pair by how probably the policy itself says its answers; for pairs that others wrote."""
    reward: Literal["judge", "preference", "composite"] = "judge"
    """What `rl` rewards: the `judge`'s expected score, laid over -1 to 1, with the rule reward added where
    `judge.rule_weight` says so; the `preference` model trained last, of two (`preference.models=by_safety`) by Llama
    2's rule, with the batch's rewards whitened; or, as `composite`, the sum of both."""
    judge_weight: Positive = 1.0
    """What the judge's score counts for in a `composite` reward, beside 1 for the preference model's."""
    completions: Annotated[int, Field(ge=2)] = 4
    """Answers to each prompt in `rl`, as long as `generate.max_tokens`; each is held against the mean of the others."""
    kl_coef: Positive = 0.05
    """What `rl` takes off an answer's reward for each nat that the policy finds it likelier than the reference does."""
    max_kl_nats: Positive = 50.0
    """End `rl` as diverged where a step's answers have a mean KL to the reference above this, in nats an answer."""
    length_penalty: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """What `rl` takes off an answer's reward for each of its tokens."""
    learning_rate: Positive = 5e-4
    """AdamW's peak learning rate. LoRA wants more than full fine-tuning does; 1e-3 breaks the microworld's model."""
    beta: Positive = 0.3
    """Strength of DPO's pull towards the reference; small values let the policy move far."""
    epochs: Count = 2
    """Passes over the rows."""
    batch_size: Count = 16
    """Rows a gradient step; in `rl` a row is a prompt with all its answers."""
    micro_batch_size: Count = 8
    """Rows computed at once; `batch_size` must be a multiple of it. Lower it where memory runs out."""
    warmup_frac: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps over which the learning rate rises from 0."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """How the learning rate goes on after the rise."""
    max_grad_norm: Positive = 1.0
    """Gradients longer than this are scaled down to it."""
    max_length_tokens: Annotated[int, Field(ge=2)] = 512
    """Longest prompt with answer, in tokens. A longer row is counted and left out, never cut."""
    lora_rank: Annotated[int, Field(ge=1, le=512)] = 16
    """Rank of a new adapter. An adapter that training goes on from keeps its own."""
    lora_alpha: Positive = 32
    """Scale of a new adapter; its product is multiplied by alpha / rank."""
    threads: Count = 2
    """CPU threads of the trainer."""

    @property
    def source(self) -> Source:
        """What the rows are made of: prompts, pairs, the judgments of single answers, a file, or revised answers."""
        return rows_made_of(self.method, self.learn)

    @property
    def rewards_by_model(self) -> bool:
        """Whether the preference model trained last, or two of them, reward what the trainer samples."""
        return self.method == "rl" and self.reward != "judge"

    @property
    def refers(self) -> bool:
        """Whether the new policy is held against a reference."""
        return self.method in ("dpo", "rl")

    @property
    def holds_out(self) -> bool:
        """Whether prompts are held out; those that are answered while training are not."""
        return self.held_out_frac > 0 and self.method != "rl"

    @property
    def rehearses(self) -> bool:
        """Whether demonstrations are trained on beside rows of another source."""
        return self.source in PAST and self.rehearsal_frac > 0

    @property
    def looks_back(self) -> bool:
        """Whether rows of earlier iterations are trained on too."""
        return self.source in PAST and (self.pooled or self.replay_frac > 0)

    def idle(self) -> set[str]:
        """The leaves that decide nothing: those that are off, or about what is off, or another method's.

        `beta` is read whatever the method: audits compare the judge with DPO's implicit reward.
        """
        pairs, online, past = self.method == "dpo", self.method == "rl", self.source in PAST
        read = {
            **dict.fromkeys(LOSS, pairs),
            **dict.fromkeys(RL, online),
            "stack_rank": self.start == "stack",
            "judge_weight": online and self.reward == "composite",
            "reference": self.refers,
            "flip_rate": pairs and self.loss == "robust",
            "reference_decay": self.refers and self.reference == "ema",
            "learn": self.method == "sft",
            "demonstrations": self.source == "demonstrations" or self.rehearses,
            "revision": self.source == "revisions",
            "pooled": past,
            "replay_frac": past and not self.pooled,
            "rehearsal_frac": past,
            "held_out_frac": not online,
            "held_out_every_steps": self.holds_out,
            "patience": self.holds_out,
        }
        off = {leaf for leaf, value in OFF.items() if getattr(self, leaf) == value}
        return off | {leaf for leaf, needed in read.items() if not needed}
