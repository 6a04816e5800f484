"""What an engine is asked and what it answers.

Policy and judge are two kinds of request to one engine. `policy` names the weights: the digest of the
base model or of an adapter that was loaded before. One call is one shard: nothing else is in flight,
all requests of a call are of one kind, and replies come in the order of the requests.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Protocol, overload

from runs.records import Message, Sampling, Stop


@dataclass(frozen=True)
class Write:
    """Write an answer to `messages`. `opening` is text that the assistant's turn begins with."""

    messages: tuple[Message, ...]
    policy: str
    sampling: Sampling
    seed: int
    opening: str = ""


@dataclass(frozen=True)
class Written:
    """An answer: `token_ids` with the end token if `stop` is `end`, raw log-probabilities in nats, one a token."""

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    stop: Stop


@dataclass(frozen=True)
class Choose:
    """Read how likely each label is as the next thing said, after `opening`. Each label must be one token there."""

    messages: tuple[Message, ...]
    policy: str
    labels: tuple[str, ...]
    opening: str = ""


@dataclass(frozen=True)
class Chosen:
    """The labels' log-probabilities over the whole vocabulary, in nats, in the order of the labels."""

    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Score:
    """Read how likely a given answer is: token ids, or a text, which the engine reads as a whole answer and its end."""

    messages: tuple[Message, ...]
    policy: str
    answer: tuple[int, ...] | str


@dataclass(frozen=True)
class Scored:
    """The answer's raw log-probabilities in nats, one a token."""

    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Probe:
    """What a fixed prompt and answer must score: by the trainer's own arithmetic, with the adapter and without."""

    messages: tuple[Message, ...]
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    base_logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Used:
    """What was read and written since the start: tokens, those of the prompts that were cached, and US dollars."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    usd: float = 0.0

    def numbers(self) -> dict[str, float]:
        """What there is to show of it: money, and the share of the prompts' tokens that the prefix cache had."""
        money = {"usd": self.usd} if self.usd else {}
        cached = {"prefix_cache_hit_frac": self.cached_tokens / self.prompt_tokens} if self.prompt_tokens else {}
        return money | cached

    def __add__(self, other: "Used") -> "Used":
        return Used(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Used") -> "Used":
        return Used(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))


class Engine(Protocol):
    """An engine in a process of its own, or the stub in ours."""

    base: str
    """The digest of the base model, also the name of the policy without an adapter."""
    used: Used
    """What it has read and written since its start, as far as it counts."""

    def load(self, adapter: str, folder: Path, probe: Probe) -> None:
        """Make `adapter` servable and prove it: its log-probabilities match the trainer's and differ from the base's.

        Raises WorkerError where they do not. Loading what is loaded already does nothing.
        """

    @overload
    def run(self, requests: Sequence[Write]) -> list[Written]: ...
    @overload
    def run(self, requests: Sequence[Choose]) -> list[Chosen]: ...
    @overload
    def run(self, requests: Sequence[Score]) -> list[Scored]: ...

    def alive(self) -> None:
        """Returns once a token was generated: nothing less proves that an engine still works. Raises WorkerError."""

    def sleep(self) -> None:
        """Give the device's memory back until the next call; every adapter must be loaded anew. Only on a GPU."""

    def close(self) -> None:
        """End the child and everything that it started."""
