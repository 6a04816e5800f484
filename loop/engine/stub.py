"""An engine without a model: deterministic from (policy, messages, seed), for tests of everything around it."""

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from loop.engine.protocol import Choose, Chosen, Probe, Score, Scored, Used, Write, Written
from runs.canonical import seed_of
from runs.errors import WorkerError
from runs.records import Message

WORDS = (
    "sure",
    "the",
    "answer",
    "is",
    "cat",
    "dog",
    "bird",
    "red",
    "small",
    "7",
    "12",
    "40",
    "please",
    "thanks",
    "well",
)
END = 0
"""The id of the end token; word i of WORDS is token i + 1."""


class StubEngine:
    """Writes words, scores answers and reads labels by hashing; a policy has a taste that its digest decides."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.used = Used()  # it counts nothing
        self._loaded = {base}

    def load(self, adapter: str, folder: Path, probe: Probe) -> None:
        """Make `adapter` servable."""
        self.serve(adapter)

    def serve(self, adapter: str) -> None:
        """Make `adapter` servable: its name is all that there is to it."""
        self._loaded.add(adapter)

    def run(self, requests: Sequence[Any]) -> list[Any]:
        """The replies in the order of the requests. Raises WorkerError for a policy that was not loaded."""
        if strange := {request.policy for request in requests} - self._loaded:
            raise WorkerError(f"the policy {min(strange)} was not loaded into the stub engine")
        return [_reply(request) for request in requests]

    def alive(self) -> None:
        """It is."""

    def sleep(self) -> None:
        """It holds nothing."""

    def close(self) -> None:
        """Nothing runs."""


def _reply(request: Write | Choose | Score) -> Written | Chosen | Scored:
    match request:
        case Write():
            return _write(request)
        case Choose():
            rng = _rng("choose", request.policy, request.messages)
            favourite = rng.randrange(len(request.labels))
            weights = [math.exp(-abs(n - favourite) - rng.random()) for n in range(len(request.labels))]
            total = sum(weights) * 1.02  # a little is left for other words
            return Chosen(tuple(math.log(weight / total) for weight in weights))
        case Score():
            ids = _ids(request.answer) if isinstance(request.answer, str) else request.answer
            return Scored(_logprobs(request.policy, ids))


def _write(request: Write) -> Written:
    greedy = request.sampling.temperature == 0
    rng = _rng("write", request.policy, request.messages, 0 if greedy else request.seed)
    if "score" in request.messages[-1].content:
        score = rng.choice(["0", "1", "2", "3", "4", "5", "5/5", "?"])
        text, words = f"right, short.\nScore: {score}", [0, 1]
    elif "A or B" in request.messages[-1].content:
        text, words = f"right, short.\n{rng.choice('AB?')}", [0, 1]
    else:
        likely = [math.exp(logprob) for logprob in _word_logprobs(request.policy)[1:]]
        words = rng.choices(range(len(WORDS)), likely, k=rng.randint(2, 9))
        text = " ".join(WORDS[n] for n in words)
    whole = (*(n + 1 for n in words), END)
    finished = len(whole) <= request.sampling.max_tokens
    ids = whole[: request.sampling.max_tokens]
    return Written(text, ids, _logprobs(request.policy, ids), "end" if finished else "length")


def _ids(text: str) -> tuple[int, ...]:
    """The words of an answer and its end; a word that the stub never says is taken for one that it says."""
    known = (WORDS.index(word) if word in WORDS else seed_of(word) % len(WORDS) for word in text.split())
    return (*(place + 1 for place in known), END)


def _logprobs(policy: str, token_ids: Sequence[int]) -> tuple[float, ...]:
    """One a token, decided by the policy and the token alone."""
    return tuple(_word_logprobs(policy)[token] for token in token_ids)


@lru_cache(64)  # those of the policies in use, not of all that there ever were
def _word_logprobs(policy: str) -> tuple[float, ...]:
    """How likely the policy finds the end token and each word: a language model without a memory."""
    tastes = [3 * _rng(policy, token).random() for token in range(len(WORDS) + 1)]
    total = math.log(math.fsum(math.exp(taste) for taste in tastes))
    return tuple(taste - total for taste in tastes)


def _rng(*parts: str | int | tuple[Message, ...]) -> random.Random:
    plain = [part if isinstance(part, str | int) else repr(part) for part in parts]
    return random.Random(seed_of(*plain))
