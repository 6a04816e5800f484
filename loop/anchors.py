"""Pairs of answers that people compared: what the judge is held against, and never trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import get_args

from judges.statistics import Label
from loop.known_file import known_by_its_bytes
from loop.sources import messages_of, numbered_rows, tags_of
from loop.strict_lines import given_file
from runs.canonical import digest, digest_file
from runs.errors import ConfigError
from runs.records import Message

ANCHOR = '{"messages": [{"role": "user", "content": "..."}], "a": "...", "b": "...", "label": "a"}'


@dataclass(frozen=True)
class AnchorPair:
    """Two answers to one conversation, and which of them a person preferred. `tags` are the conversation's.

    `a_by` and `b_by` say who wrote them, by the digest of a policy's weights or by any name; "" where nobody knows.
    """

    messages: tuple[Message, ...]
    a: str
    b: str
    label: Label
    tags: dict[str, str] = field(default_factory=dict)
    a_by: str = ""
    b_by: str = ""

    @cached_property
    def digest(self) -> str:
        """The name of this pair."""
        return digest([[m.role, m.content] for m in self.messages] + [self.a, self.b, self.label])


def anchor_pairs(name: str | None, count: int | None = None) -> list[AnchorPair]:
    """The first `count` labelled pairs, or all, of what `measure.anchors` names. Raises ConfigError with the line."""
    if name is None:
        return []
    if Path(name).suffix == ".csv":
        raise ConfigError(
            f"measure.anchors={name}: labelled pairs are read from JSONL or Parquet, a pair a line: {ANCHOR}. A sheet "
            f"of `label next` becomes such a file with `selfsame label add {name}` and `selfsame label export "
            "--anchors people.jsonl`; judgments in a CSV file are audited by `selfsame audit labels FILE`"
        )
    return _read(_path(name))[:count]


@known_by_its_bytes
def _read(path: Path) -> list[AnchorPair]:
    return [anchor_pair(row, f"{path}: line {number}") for number, row in numbered_rows(path)]


def decided_pairs(pairs: Sequence[AnchorPair]) -> list[AnchorPair]:
    """Those of which people found one answer better."""
    return [pair for pair in pairs if pair.label != "tie"]


def anchors_digest(name: str | None) -> str:
    """The digest of the labelled file, "" for none."""
    return digest_file(_path(name)) if name is not None else ""


def _path(name: str) -> Path:
    return given_file(name, {"microworld": "anchor.jsonl"})


def anchor_pair(row: object, place: str) -> AnchorPair:
    """The pair that a line of a file holds. Raises ConfigError with the `place` of the line."""
    if not isinstance(row, dict):
        raise ConfigError(f"{place}: a labelled pair must be an object, and it is {row!r:.80}")
    for side in ("a", "b"):
        if not isinstance(row.get(side), str):
            raise ConfigError(f"{place}: `{side}` must be an answer's text, and it is {row.get(side)!r:.80}")
    if row.get("label") not in get_args(Label):
        raise ConfigError(f"{place}: `label` must be a, b or tie, and it is {row.get('label')!r:.80}")
    tags = tags_of(row.get("tags"), place)
    authors = [row[side] for side in ("a_by", "b_by") if side in row]
    if len(authors) == 1 or not all(isinstance(name, str) and name for name in authors):
        raise ConfigError(
            f"{place}: `a_by` and `b_by` must name who wrote both answers, or be left out: {authors!r:.80}"
        )
    return AnchorPair(messages_of(row.get("messages"), place), row["a"], row["b"], row["label"], tags, *authors)
