"""The rows of a training as a training program reads them: token ids, never text that is tokenised again."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from runs.records import Message
from trainers.chat import answer_ids, render

PROBE_ANSWER = "Red, green and blue."
"""What an adapter is probed with that no answer is given for."""


@dataclass(frozen=True)
class TokenPair:
    """One pair as the trainer's collator takes it. `label_probability` is that `chosen` is better, 0 to 1."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    label_probability: float
    weight: float

    @property
    def answers(self) -> list[list[int]]:
        """Its answers; the first is what the adapter is probed with."""
        return [self.chosen_ids, self.rejected_ids]


@dataclass(frozen=True)
class TokenChoice(TokenPair):
    """One pair as DPO's collator takes it. Of a `rehearsed` one the chosen answer is imitated, and no more."""

    rehearsed: bool


@dataclass(frozen=True)
class TokenComparison(TokenPair):
    """One pair as a preference model's collator takes it. `margin` is what the better answer's reward should win by."""

    margin: float


@dataclass(frozen=True)
class TokenAnswer:
    """One demonstration as the trainer's collator takes it."""

    prompt_ids: list[int]
    answer_ids: list[int]
    weight: float

    @property
    def answers(self) -> list[list[int]]:
        """Its one answer."""
        return [self.answer_ids]


@dataclass(frozen=True)
class TokenPrompt:
    """One prompt to answer, and what is needed to reward an answer to it (`RlSpec`). TRL knows its ids as `prompt`."""

    prompt: list[int]
    question: list[str]
    risky: bool
    response_type: str
    propositions: list[dict[str, Any]]


Row = TokenPair | TokenAnswer


@dataclass(frozen=True)
class Rows:
    """The rows that fit, to train on and held out, how many did not, and what the adapter is probed with."""

    trained: list[dict[str, Any]]
    held_out: list[dict[str, Any]]
    too_long: int
    rehearsed: int
    """How many of those trained on are rehearsed."""
    probe_messages: tuple[Message, ...]
    probe_ids: list[int]


def read_pairs(path: Path, tokenizer: Any, max_length_tokens: int) -> Rows:
    """The pairs of a Parquet file (`DpoSpec`), prompts rendered exactly as the engine rendered them.

    A row longer than `max_length_tokens` is left out whole and counted, never cut: a cut answer is another answer.
    Raises ValueError, naming the row, for a pair that cannot be trained on.
    """

    def pair(row: dict[str, Any], messages: tuple[Message, ...]) -> TokenChoice:
        chosen, rehearsed = _said(tokenizer, messages, row, "chosen"), is_rehearsed(row)
        # The collator wants two answers: what costs nothing is best short.
        rejected = chosen[-1:] if rehearsed else _said(tokenizer, messages, row, "rejected")
        label = (row["label_probability"], row["weight"])
        return TokenChoice(render(tokenizer, messages), chosen, rejected, *label, rehearsed)

    return _read(path, max_length_tokens, pair)


def read_comparisons(path: Path, tokenizer: Any, max_length_tokens: int) -> Rows:
    """The pairs of a Parquet file (`PreferenceSpec`). All else is as for `read_pairs`."""

    def comparison(row: dict[str, Any], messages: tuple[Message, ...]) -> TokenComparison:
        if not (math.isfinite(row["margin"]) and row["margin"] >= 0):
            raise ValueError(f"the margin {row['margin']} is not a number from 0 up")
        chosen, rejected = (_said(tokenizer, messages, row, side) for side in ("chosen", "rejected"))
        label = (row["label_probability"], row["weight"], row["margin"])
        return TokenComparison(render(tokenizer, messages), chosen, rejected, *label)

    return _read(path, max_length_tokens, comparison)


def read_answers(path: Path, tokenizer: Any, max_length_tokens: int) -> Rows:
    """The demonstrations of a Parquet file (`SftSpec`). All else is as for `read_pairs`."""

    def answer(row: dict[str, Any], messages: tuple[Message, ...]) -> TokenAnswer:
        said = answer_ids(tokenizer, messages, row["answer"]) if row["answer_ids"] is None else row["answer_ids"]
        return TokenAnswer(render(tokenizer, messages), said, row["weight"])

    return _read(path, max_length_tokens, answer)


def read_prompts(path: Path, tokenizer: Any, max_length_tokens: int) -> Rows:
    """The prompts of a Parquet file (`RlSpec`). One longer than `max_length_tokens` is left out and counted.

    They have no answers: the adapter is probed with a fixed one to the first of them.
    """
    rows = parquet.read_table(path).to_pylist()
    asked = [tuple(Message(m["role"], m["content"]) for m in row["prompt"]) for row in rows]
    read = [
        (TokenPrompt(render(tokenizer, messages), row["question"], row["risky"], *_rules(row)), messages)
        for row, messages in zip(rows, asked, strict=True)
    ]
    fitting = [(row, messages) for row, messages in read if len(row.prompt) <= max_length_tokens]
    first = fitting[0][1] if fitting else ()
    return Rows(
        trained=[asdict(row) for row, _ in fitting],
        held_out=[],
        too_long=len(rows) - len(fitting),
        rehearsed=0,
        probe_messages=first,
        probe_ids=answer_ids(tokenizer, first, PROBE_ANSWER) if fitting else [],
    )


def _rules(row: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    return row.get("response_type", ""), row.get("propositions", [])


def is_rehearsed(row: dict[str, Any]) -> bool:
    """Whether a row of the file is a demonstration beside rows that this training is about."""
    return bool(row.get("rehearsed"))


def _said(tokenizer: Any, messages: tuple[Message, ...], row: dict[str, Any], side: str) -> list[int]:
    """The token ids of one side of a pair, as they were sampled or as its text is encoded."""
    ids: list[int] | None = row[f"{side}_ids"]
    return answer_ids(tokenizer, messages, row[side]) if ids is None else ids


def _read(path: Path, max_length_tokens: int, read: Callable[[dict[str, Any], tuple[Message, ...]], Row]) -> Rows:
    fitting: list[tuple[Row, dict[str, Any], tuple[Message, ...]]] = []
    rows = parquet.read_table(path).to_pylist()
    for number, row in enumerate(rows):
        messages = tuple(Message(m["role"], m["content"]) for m in row["prompt"])
        try:
            read_row = read(row, messages)
            _check(read_row)
        except ValueError as error:
            raise ValueError(f"row {number} of {path}: {error}") from error
        if len(read_row.prompt_ids) + max(map(len, read_row.answers)) <= max_length_tokens:
            fitting.append((read_row, row, messages))
    trained = [(row, messages) for row, given, messages in fitting if not given["held_out"]]
    first, first_messages = trained[0] if trained else (None, ())
    return Rows(
        trained=[asdict(row) for row, _ in trained],
        held_out=[asdict(row) for row, given, _ in fitting if given["held_out"]],
        too_long=len(rows) - len(fitting),
        rehearsed=sum(is_rehearsed(given) for _, given, _ in fitting if not given["held_out"]),
        probe_messages=first_messages,
        probe_ids=first.answers[0] if first else [],
    )


def _check(row: Row) -> None:
    if not all(row.answers):
        raise ValueError("an answer is empty")
    if isinstance(row, TokenPair) and not 0 <= row.label_probability <= 1:
        raise ValueError(f"the label probability {row.label_probability} is not within 0 and 1")
    if not (math.isfinite(row.weight) and row.weight >= 0):
        raise ValueError(f"the weight {row.weight} is not a number from 0 up")
