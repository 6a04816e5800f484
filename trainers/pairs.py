"""Preference pairs as a training program reads them: token ids, never text that is tokenised again."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from runs.records import Message
from trainers.chat import render


@dataclass(frozen=True)
class TokenPair:
    """One pair as the trainer's collator takes it. `label_probability` is that `chosen` is better, 0 to 1."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    label_probability: float
    weight: float

    @property
    def length_tokens(self) -> int:
        """Tokens of the prompt with the longer answer."""
        return len(self.prompt_ids) + max(len(self.chosen_ids), len(self.rejected_ids))


@dataclass(frozen=True)
class Pairs:
    """The pairs that fit, how many did not, and the first one's messages (what the adapter is probed with)."""

    fitting: list[TokenPair]
    too_long: int
    first_messages: tuple[Message, ...]

    def columns(self) -> dict[str, list[Any]]:
        """The fitting pairs by column."""
        rows = [asdict(pair) for pair in self.fitting]
        return {key: [row[key] for row in rows] for key in rows[0]}


def read_pairs(path: Path, tokenizer: Any, max_length_tokens: int) -> Pairs:
    """The pairs of a Parquet file (`DpoSpec.pairs`), prompts rendered exactly as the engine rendered them.

    A pair longer than `max_length_tokens` is left out whole and counted, never cut: a cut answer is another answer.
    Raises ValueError, naming the row, for a pair that cannot be trained on, and if no pair fits.
    """
    fitting: list[TokenPair] = []
    first: tuple[Message, ...] = ()
    rows = parquet.read_table(path).to_pylist()
    for number, row in enumerate(rows):
        messages = tuple(Message(m["role"], m["content"]) for m in row["prompt"])
        pair = TokenPair(
            render(tokenizer, messages),
            row["chosen_ids"],
            row["rejected_ids"],
            row["label_probability"],
            row["weight"],
        )
        _check(pair, f"row {number} of {path}")
        if pair.length_tokens <= max_length_tokens:
            first = first or messages
            fitting.append(pair)
    if not fitting:
        raise ValueError(f"none of the {len(rows)} pairs of {path} fits into {max_length_tokens} tokens")
    return Pairs(fitting, len(rows) - len(fitting), first)


def _check(pair: TokenPair, place: str) -> None:
    if not pair.chosen_ids or not pair.rejected_ids:
        raise ValueError(f"{place} has an empty answer")
    if not 0 <= pair.label_probability <= 1:
        raise ValueError(f"{place} has the label probability {pair.label_probability}, which is not within 0 and 1")
    if not (math.isfinite(pair.weight) and pair.weight >= 0):
        raise ValueError(f"{place} has the weight {pair.weight}, which is not a number from 0 up")
