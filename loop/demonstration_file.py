"""Answers to imitate, from a file that a person gives: a line each, read strictly."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import microworld
from loop.sources import check_text, messages_of, numbered_rows
from runs.errors import ConfigError
from runs.records import Prompt

KEYS = {"prompt", "messages", "answer", "weight"}
SHIPPED = {"microworld": "demonstrations.jsonl", "microworld:lessons": "lessons.jsonl"}
"""Files that come with selfsame: answers alone, and lessons in answering, scoring and asking."""


@dataclass(frozen=True)
class Demonstration:
    """An answer to a prompt, and how much it counts beside others."""

    prompt: Prompt
    answer: str
    weight: float


def demonstrations_path(name: str) -> Path:
    """The file that `train.demonstrations`, or `pair.file`, names."""
    return Path(microworld.__file__).with_name(SHIPPED[name]) if name in SHIPPED else Path(name)


def read_demonstrations(path: Path) -> list[Demonstration]:
    """Every line of a JSONL (or row of a Parquet) file: `messages` or `prompt`, `answer`, and `weight`, 1 if none.

    Raises ConfigError with the file, the line and what is wrong with it, and for a file without any.
    """
    read = [_demonstration(row, f"{path}: line {number}", path.name) for number, row in numbered_rows(path)]
    if not read:
        raise ConfigError(f"{path}: the file holds no demonstration")
    return read


def _demonstration(row: Any, place: str, source: str) -> Demonstration:
    if not isinstance(row, dict):
        raise ConfigError(f"{place}: a line must be an object with `messages` and `answer`, and it is {row!r:.80}")
    given = {key: value for key, value in row.items() if value is not None}
    if odd := sorted(given.keys() - KEYS):
        raise ConfigError(f"{place}: nothing reads {odd[0]!r}; a line has {', '.join(sorted(KEYS))}")
    if ("prompt" in given) == ("messages" in given):
        raise ConfigError(f"{place}: it needs either `prompt` (a text) or `messages`; it has {sorted(given)}")
    turns = [{"role": "user", "content": given["prompt"]}] if "prompt" in given else given["messages"]
    answer, weight = given.get("answer"), given.get("weight", 1.0)
    if not isinstance(answer, str) or not answer.strip():
        raise ConfigError(f"{place}: `answer` must be a text that is not empty, and it is {answer!r:.80}")
    check_text(answer, place)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not (math.isfinite(weight) and weight >= 0):
        raise ConfigError(f"{place}: `weight` must be a number from 0 up, and it is {weight!r:.80}")
    return Demonstration(Prompt(messages_of(turns, place), source), answer, float(weight))
