"""Pairs of answers that people labelled, to learn from: read strictly, a line each."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import microworld
from loop.anchors import anchor_pair
from loop.sources import check_text, messages_of, numbered_rows, tags_of
from runs.errors import ConfigError
from runs.records import Prompt

KEYS = {"prompt", "messages", "chosen", "rejected", "label_probability", "weight", "tags"}
BESIDE = {"label_source", "source", "address", "reasons_seen"}
"""What exports say of where a pair came from. Nothing reads it."""
SHARES = {"a": (False, 1.0), "b": (True, 1.0), "tie": (False, 0.5)}
"""Of a pair in the form of an anchor: whether `b` is the chosen answer, and how probably the chosen one is better."""


@dataclass(frozen=True)
class LabelledPair:
    """Two answers to a prompt, how probably `chosen` is better (0 to 1), and how much the pair counts."""

    prompt: Prompt
    chosen: str
    rejected: str
    label_probability: float
    weight: float


def labels_path(name: str) -> Path:
    """The file that `preference.labels`, or `pair.file`, names."""
    return Path(microworld.__file__).with_name("labels.jsonl") if name == "microworld" else Path(name)


def read_labels(path: Path) -> list[LabelledPair]:
    """Every line of a JSONL (or row of a Parquet) file of pairs, with `chosen` and `rejected`, or in an anchor's form.

    Raises ConfigError with the file, the line and what is wrong with it, and for a file without any.
    """
    read = [_labelled(row, f"{path}: line {number}", path.name) for number, row in numbered_rows(path)]
    if not read:
        raise ConfigError(f"{path}: the file holds no pair")
    return read


def _labelled(row: Any, place: str, source: str) -> LabelledPair:
    if isinstance(row, dict) and "a" in row:
        pair = anchor_pair(row, place)
        swapped, probability = SHARES[pair.label]
        chosen, rejected = (pair.b, pair.a) if swapped else (pair.a, pair.b)
        return LabelledPair(Prompt(pair.messages, source, tags=pair.tags), chosen, rejected, probability, 1.0)
    if not isinstance(row, dict):
        raise ConfigError(f"{place}: a line must be an object with `prompt`, `chosen` and `rejected`: {row!r:.80}")
    given = {key: value for key, value in row.items() if value is not None and key not in BESIDE}
    if odd := sorted(given.keys() - KEYS):
        raise ConfigError(f"{place}: nothing reads {odd[0]!r}; a line has {', '.join(sorted(KEYS))}")
    if ("prompt" in given) == ("messages" in given):
        raise ConfigError(f"{place}: it needs either `prompt` or `messages`; it has {sorted(given)}")
    asked = given.get("prompt", given.get("messages"))
    turns = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    probability, weight = (given.get(name, 1.0) for name in ("label_probability", "weight"))
    for name, value, most in (("label_probability", probability, 1.0), ("weight", weight, math.inf)):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or value == math.inf:
            bounds = "from 0 to 1" if most == 1 else "from 0 up"
            raise ConfigError(f"{place}: `{name}` must be a number {bounds}, and it is {value!r:.80}")
    prompt = Prompt(messages_of(turns, place), source, tags=tags_of(given.get("tags"), place))
    chosen, rejected = (_answer(given.get(side), side, place) for side in ("chosen", "rejected"))
    return LabelledPair(prompt, chosen, rejected, float(probability), float(weight))


def _answer(given: Any, side: str, place: str) -> str:
    """A text, or the one turn of a conversation as TRL writes it."""
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], dict):
        given = given[0].get("content")
    if not isinstance(given, str) or not given.strip():
        raise ConfigError(f"{place}: `{side}` must be an answer that is not empty, and it is {given!r:.80}")
    check_text(given, place)
    return given
