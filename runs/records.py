"""The nouns. All are frozen; all but `Run` are immutable and named by digest.

`adapter` is never empty: it holds the digest of whoever made the row, and `by` says of which
kind that is. A row's `digest` is made from what it is, never from when or where it was made.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, cast

from runs.canonical import digest

By = Literal["adapter", "base", "endpoint", "verifier", "preference_model", "person", "panel"]
Split = Literal["train", "held-out", "anchor", "never"]
Target = Literal["response", "pair", "revision", "judgment", "span"]
Stop = Literal["end", "length"]
Verdict = Literal["promote", "reject", "roll back", "halt"]


class Unscored(StrEnum):
    """Why a judgment has no score. A failed judgment is never a number and never a tie."""

    TRUNCATED = "truncated"  # the reply hit its token limit
    NO_VERDICT = "no verdict"  # nothing in the reply reads as one
    OFF_SCALE = "off scale"  # a number that the scale does not have
    LOW_MASS = "low mass"  # too little probability on the verdict tokens
    TIE = "tie"  # neither of two is better
    INCONSISTENT = "inconsistent"  # another verdict when the two are shown the other way round
    ABSTAINED = "abstained"  # the method itself decided not to decide
    UNFAMILIAR = "unfamiliar"  # the prompt is too far from those on which anybody checked the judge: nobody was asked


class Unusable(StrEnum):
    """Why a revision cannot stand for an answer. It is kept, and what was there before it goes on standing."""

    EMPTY = "empty"  # it says nothing
    UNFINISHED = "unfinished"  # cut off at the limit of tokens
    UNREADABLE = "unreadable"  # holds bytes that are no text


class Record:
    """Gives a frozen dataclass its digest: that of its fields, less those in `_beside`."""

    _beside: frozenset[str] = frozenset()

    @cached_property
    def digest(self) -> str:
        """The name of this record."""
        # Not by asdict, which copies each token id: this runs for every row that is written or joined.
        return digest({f.name: getattr(self, f.name) for f in fields(cast(Any, self)) if f.name not in self._beside})


@dataclass(frozen=True)
class Message:
    """One turn. `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True)
class Prompt(Record):
    """What the policy is asked: messages that end with a user's turn.

    Its digest is that of the messages alone, so that one text is one prompt whatever its source.
    `tags` hold what metrics are grouped by (family, difficulty, harm, turns) and, for prompts of the
    microworld, the facts that its scorer needs.
    """

    messages: tuple[Message, ...]
    source: str
    split: Split = "train"
    tags: dict[str, str] = field(default_factory=dict)

    _beside = frozenset({"source", "split", "tags"})


@dataclass(frozen=True)
class Sampling:
    """How text was drawn. Temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_tokens: int


@dataclass(frozen=True)
class Response(Record):
    """One answer. `token_ids` end with the end token if `stop` is `end`; `logprobs` are raw, one a token, in nats."""

    prompt: str
    adapter: str
    by: By
    sampling: Sampling
    seed: int
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    stop: Stop

    _beside = frozenset({"logprobs"})


@dataclass(frozen=True)
class Revision(Record):
    """One pass over one answer: what was found wrong with it, and what its writer made of it.

    `draft` is the response that all passes go back to, `before` what this pass was given: the draft, or the last
    revision that was usable. `nth` counts passes from 1. `principle` is the id that was drawn. `critique` is "" and
    `critique_stop` None where none was asked for. `text`, `token_ids` and `stop` are as a response's, `sampling` is how
    they were drawn, `unusable` why they stand for no answer. `accepted` is None where nobody asked.
    """

    prompt: str
    draft: str
    before: str
    nth: int
    principle: str
    critique: str
    critique_stop: Stop | None
    adapter: str
    by: By
    sampling: Sampling
    seed: int
    text: str
    token_ids: tuple[int, ...]
    stop: Stop
    unusable: Unusable | None
    accepted: bool | None


@dataclass(frozen=True)
class Reply:
    """One thing that a judge was asked within a judgment, and what was read from its reply.

    `principle` is the id of the principle or proposition shown, "" for none; `order` how two answers stood, "ab" or
    "ba", "" where one was judged. `text` is the raw reply, "" where only probabilities were read; `score` is None
    where nothing could be read. Of two answers it is the probability that the first is better, whatever the order.
    """

    principle: str
    order: Literal["", "ab", "ba"]
    text: str
    score: float | None


@dataclass(frozen=True)
class Judgment(Record):
    """One verdict on `target`: either a `score` or the reason why there is none.

    `judged` holds the digests of what was judged, of a pair the first one first; `principles` the ids shown, in order.
    `replies` are what stands behind the verdict: a vote of each principle, or each of several tries.
    `score` is on the judge's scale for one answer, and for a pair the probability that the first is better.
    `probability` is the judge's own: for a pair that the first is better, for a score its mass on the scale or the
    confidence that it states.
    """

    target: Target
    judged: tuple[str, ...]
    adapter: str
    by: By
    method: str
    constitution: str
    principles: tuple[str, ...]
    replies: tuple[Reply, ...]
    score: float | None
    unscored: Unscored | None
    probability: float | None
    seed: int

    _beside = frozenset({"probability"})

    def __post_init__(self) -> None:
        if (self.score is None) == (self.unscored is None):
            raise ValueError(f"a judgment has a score or a reason, not both or neither: {self.score} {self.unscored}")


@dataclass(frozen=True)
class PreferencePair(Record):
    """Two answers to one prompt. `label_probability` is that `chosen` is better; `margin` the score difference.

    `label_source` is the configured judge, `people` or `demonstrations`; where nobody scored, the margin is 0.
    """

    prompt: str
    chosen: str
    rejected: str
    label_probability: float
    weight: float
    margin: float
    label_source: str
    judgments: tuple[str, ...]


@dataclass(frozen=True)
class Adapter(Record):
    """LoRA weights that are kept: where they came from, and the digests of their two files.

    `parent` is the policy that training started from (an adapter or the base), `reference` DPO's reference,
    `pairs` the output of the step that made the pairs ("" for an imported adapter). `probe` is the digest of
    what a fixed answer must score with these weights, by the trainer's own arithmetic.
    """

    base: str
    parent: str
    reference: str
    pairs: str
    weights: str
    config: str
    probe: str


@dataclass(frozen=True)
class Measurement(Record):
    """Numbers about one adapter. Units are in their names; None is a number that could not be had.

    `probes` is the digest of the prompts that they are about: a whole set, or those of it with `tag` ("family=sort").
    """

    adapter: str
    reference: str
    probes: str
    numbers: dict[str, float | None]
    tag: str = ""


@dataclass(frozen=True)
class Reading(Record):
    """How likely a policy finds a text that is there already: `read` names it, a response or an answer of a labelled
    pair. `adapter` is the policy that reads; `logprobs` are raw, one a token, in nats."""

    read: str
    adapter: str
    logprobs: tuple[float, ...]

    _beside = frozenset({"logprobs"})


@dataclass(frozen=True)
class DriftItem(Record):
    """Numbers about one adapter on one probe, which is the same in every iteration, so that two adapters can be paired.

    `probe` says which kind it is and `item` which one: a held-out prompt, a labelled pair, or a prompt with a known
    answer.
    """

    adapter: str
    probe: Literal["held-out", "labelled", "capability"]
    item: str
    numbers: dict[str, float | None]


@dataclass(frozen=True)
class Decision(Record):
    """What the guards concluded, with the evidence: one entry a guard, its observed value and its limit."""

    verdict: Verdict
    policy: str
    reason: str
    evidence: tuple[dict[str, Any], ...]
    config_changes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Iteration(Record):
    """A "commit": what one turn of the loop was asked to do, what each step gave, and the decision.

    `config` is the semantic configuration; `outputs` map a step's name to its output's digest;
    `policy` is what the next iteration starts from.
    """

    parent: str
    index: int
    config: dict[str, Any]
    seed: int
    outputs: dict[str, str]
    policy: str
    decision: str


@dataclass(frozen=True)
class Closing(Record):
    """What a run keeps beside an iteration that it closed, because it enters no digest of the loop.

    `first` and `before` are the closings of number 0 and of the iteration before this one, both "" for number 0.
    `receipts` are the keys that the steps were asked under, by step; `gold` is the output of the gold step, "" where
    it was not taken.
    """

    iteration: str
    first: str
    before: str
    receipts: dict[str, str]
    gold: str


@dataclass(frozen=True)
class Run:
    """A "branch": a name that points at an iteration. The only noun that moves.

    `iteration` is "" until the first one is closed. `config` is the semantic configuration, `operational` what may
    change on resume. `branched_from` is an address or "", and `shared` says who made the iterations up to there: the
    name of a run -> the number of the last one that it made. `inputs` are the digests of the files that the
    configuration names, as they were when the run began. `under_way` holds the output digests of the finished steps of
    the iteration that is not closed yet, for whoever looks (the truth remains the receipts). `closing` is what stands
    beside `iteration`. `begun` is when the run was begun (s since 1970), which tells it from another of its name. A
    `tag` is a name that stays where it is: it can be looked at and branched from, and is never resumed.
    """

    name: str
    recipe: str
    iteration: str
    branched_from: str
    config: dict[str, Any]
    operational: dict[str, Any]
    environment: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    under_way: dict[str, str] = field(default_factory=dict)
    closing: str = ""
    shared: dict[str, int] = field(default_factory=dict)
    begun: float = 0.0
    tag: bool = False
