"""Answers to imitate, from a file that a person gives: a line each, read strictly."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.known_file import known_by_its_bytes
from loop.strict_lines import fields_of, given_file, number_of, prompt_of, read_lines, text_of
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
    return given_file(name, SHIPPED)


@known_by_its_bytes
def read_demonstrations(path: Path) -> list[Demonstration]:
    """Every line of a JSONL (or row of a Parquet) file: `messages` or `prompt`, `answer`, and `weight`, 1 if none.

    Raises ConfigError with the file, the line and what is wrong with it, and for a file without any.
    """
    return read_lines(path, lambda row, place: _demonstration(row, place, path.name), "demonstration")


def _demonstration(row: Any, place: str, source: str) -> Demonstration:
    given = fields_of(row, place, KEYS)
    prompt = prompt_of(given, place, source)
    return Demonstration(prompt, text_of(given, "answer", place), number_of(given, "weight", place))
