"""Pairs of answers that people labelled, to learn from: read strictly, a line each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.anchors import anchor_pair
from loop.known_file import known_by_its_bytes
from loop.strict_lines import fields_of, given_file, number_of, prompt_of, read_lines, text_of
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
    return given_file(name, {"microworld": "labels.jsonl"})


@known_by_its_bytes
def read_labels(path: Path) -> list[LabelledPair]:
    """Every line of a JSONL (or row of a Parquet) file of pairs, with `chosen` and `rejected`, or in an anchor's form.

    Raises ConfigError with the file, the line and what is wrong with it, and for a file without any.
    """
    return read_lines(path, lambda row, place: labelled_pair(row, place, path.name), "pair")


def labelled_pair(row: Any, place: str, source: str) -> LabelledPair:
    """The pair that a line of the file called `source` holds. Raises ConfigError with the `place` of the line."""
    if isinstance(row, dict) and "a" in row:
        pair = anchor_pair(row, place)
        swapped, probability = SHARES[pair.label]
        chosen, rejected = (pair.b, pair.a) if swapped else (pair.a, pair.b)
        return LabelledPair(Prompt(pair.messages, source, tags=pair.tags), chosen, rejected, probability, 1.0)
    given = fields_of(row, place, KEYS, BESIDE)
    return LabelledPair(
        prompt_of(given, place, source),
        text_of(given, "chosen", place),
        text_of(given, "rejected", place),
        number_of(given, "label_probability", place, most=1.0),
        number_of(given, "weight", place),
    )
