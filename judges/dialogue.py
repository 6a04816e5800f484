"""A judge is a bounded dialogue: it asks the engine, reads what came back, and asks again until it has a verdict.

Judges are pure. Who answers, with which weights and which seeds, is the business of whoever carries the questions to an
engine (`loop.judging`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from runs.records import Message, Reply, Unscored


@dataclass(frozen=True)
class Item:
    """What is judged, and nothing of who wrote it, when, or what hangs on it: a judge cannot tell what it is not told.

    `texts` are one answer, or two to be compared, `a` first. `tags` are the prompt's, for the scope of principles.
    `seed` decides whatever the judge draws by lot; `prompt_seed`, the same for all answers to a prompt, what it says of
    the prompt alone.
    """

    messages: tuple[Message, ...]
    texts: tuple[str, ...]
    tags: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    prompt_seed: int = 0


@dataclass(frozen=True)
class Write:
    """Write a reply, beginning with `opening`. `sample` tells several replies to one question apart.

    What is asked `of_prompt`, before any answer is seen, has the same reply whichever answer is judged.
    """

    messages: tuple[Message, ...]
    opening: str = ""
    sample: int = 0
    of_prompt: bool = False


@dataclass(frozen=True)
class Choose:
    """Say how likely each label is as the next thing said, after `opening`. Each label must be one token there."""

    messages: tuple[Message, ...]
    labels: tuple[str, ...]
    opening: str = ""


@dataclass(frozen=True)
class Likely:
    """Say how likely `text` is as the whole answer, by the weights that judge or by those of another `policy`."""

    messages: tuple[Message, ...]
    text: str
    policy: str = ""


@dataclass(frozen=True)
class Reward:
    """Say what a preference model gives `text` as the answer; `kind` is which one, where several sit together."""

    messages: tuple[Message, ...]
    text: str
    kind: str


@dataclass(frozen=True)
class Text:
    """A written reply. One that is not `finished` was cut off at its token limit."""

    text: str
    finished: bool


@dataclass(frozen=True)
class Chances:
    """The labels' log-probabilities over the whole vocabulary, in nats, in the order of the labels."""

    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Likelihood:
    """The log-probability of an answer and its end, in nats, and of how many tokens it is the sum."""

    logprob: float
    tokens: int


@dataclass(frozen=True)
class Rewarded:
    """A preference model's reward, in log-odds."""

    reward: float


Kind = TypeVar("Kind", Text, Chances, Likelihood, Rewarded)
Question = Write | Choose | Likely | Reward
Replied = Text | Chances | Likelihood | Rewarded
Round = tuple[Replied, ...]
"""The replies to the questions of one `ask`, in their order."""


def texts(replies: Round) -> tuple[Text, ...]:
    """The replies to questions that were all `Write`. Raises TypeError for another reply."""
    return tuple(_of_kind(reply, Text) for reply in replies)


def chances(replies: Round) -> tuple[Chances, ...]:
    """The replies to questions that were all `Choose`. Raises TypeError for another reply."""
    return tuple(_of_kind(reply, Chances) for reply in replies)


def likelihoods(replies: Round) -> tuple[Likelihood, ...]:
    """The replies to questions that were all `Likely`. Raises TypeError for another reply."""
    return tuple(_of_kind(reply, Likelihood) for reply in replies)


def rewards(replies: Round) -> tuple[Rewarded, ...]:
    """The replies to questions that were all `Reward`. Raises TypeError for another reply."""
    return tuple(_of_kind(reply, Rewarded) for reply in replies)


def _of_kind(reply: Replied, kind: type[Kind]) -> Kind:
    if not isinstance(reply, kind):
        raise TypeError(f"a judge was answered with {type(reply).__name__} where it waits for {kind.__name__}")
    return reply


@dataclass(frozen=True)
class Verdict:
    """What a judge concludes.

    `score` is on the judge's scale for one answer; for a pair it is the probability (0..1) that the first is better.
    `probability` is the judge's own: for one answer its mass on the scale's labels, or the confidence that it states;
    for a pair that the first is better, before anything was done to it. `principles` are the ids shown, in the order
    shown.
    """

    score: float | Unscored
    probability: float | None
    replies: tuple[Reply, ...]
    principles: tuple[str, ...] = ()


class Judge(Protocol):
    """The settings of one way to judge, and its two pure functions."""

    @property
    def method(self) -> str:
        """What a judgment made this way says of itself."""

    @property
    def compares(self) -> int:
        """How many texts an item has: 1 where answers are judged one by one, 2 where they are compared."""

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """The questions that follow the rounds so far; none when there is nothing more to ask."""

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The verdict that the replies amount to.

        Never raises for what a model wrote; ValueError for numbers that no working engine can give.
        """
