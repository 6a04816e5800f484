"""Where prompts come from: the microworld's grammar, or a file of the user's."""

import json
import os
import random
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from constitutions.principle import in_scope
from loop.known_file import known_by_its_bytes
from microworld import grammar, splits
from runs.canonical import digest, digest_file
from runs.errors import ConfigError
from runs.records import Message, Prompt, Split

HELD_OUT_OF = 10  # where a file does not say, one prompt in ten is held out, by its digest
RAREST = 1_000  # prompts of the microworld among which every kind of them comes up
MAX_PROMPT_CHARACTERS = 100_000
MAX_ROWS = 1_000_000
MAX_ROW_BYTES = 2 * 2**20  # a prompt of the most characters, each spelt in JSON's longest way
BATCH_ROWS = 64
Row = TypeVar("Row")
ROLES = ("system", "user", "assistant")


class Source(Protocol):
    """Prompts to train on and, never among them, prompts to measure on."""

    digest: str

    def train(self, count: int, index: int, seed: int, tags: Collection[str] = ()) -> list[Prompt]:
        """`count` prompts for iteration `index`, or as many as there are; with any of `tags`, where some are named."""

    def held_out(self, count: int, seed: int) -> list[Prompt]:
        """At most `count` prompts to measure on, the same in every iteration."""

    def holds_back(self, text: str) -> bool:
        """Whether a request in these words is not for training, whatever its capitals and blanks."""

    def classify(self, text: str) -> dict[str, str] | None:
        """The tags of a request in these words, none if it is no request of this source; None if nobody can tell."""


def prompt_source(name: str) -> Source:
    """The source that `prompts.source` names. Raises ConfigError."""
    return Microworld() if name == "microworld" else PromptFile(Path(name))


class Microworld:
    """Prompts drawn from the grammar; its splits are disjoint by digest."""

    def __init__(self) -> None:
        self.digest = _digest_of_the_grammar()

    def train(self, count: int, index: int, seed: int, tags: Collection[str] = ()) -> list[Prompt]:
        among = count
        while True:
            drawn = [p for p in splits.prompts("train", among, seed + index) if in_scope(tags, p.tags)]
            if len(drawn) >= count or (not drawn and among >= RAREST):
                return drawn[:count]
            among *= 2

    def held_out(self, count: int, seed: int) -> list[Prompt]:
        return splits.prompts("held-out", count, seed)

    def holds_back(self, text: str) -> bool:
        # The grammar's own requests are plain, so that the digest of the plain text tells the split of any spelling.
        return splits.split_of(Prompt((Message("user", plain(text)),), "microworld").digest) != "train"

    def classify(self, text: str) -> dict[str, str] | None:
        task = grammar.parse((Message("user", text),))
        return grammar.tags_of(task) if task else {}


@cache
def _digest_of_the_grammar() -> str:
    """Another grammar draws other prompts: the first hundred stand for all of it."""
    return digest([prompt.digest for prompt in splits.prompts("train", 100, seed=0)])


class PromptFile:
    """A JSONL or Parquet file: `prompt` (text) or `messages`, and optionally `split` and `tags`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        prompts = {prompt.digest: prompt for prompt in read_prompts(path)}
        self._train = [p for p in prompts.values() if p.split == "train"]
        self._held_out = [p for p in prompts.values() if p.split == "held-out"]
        self._held_back = {plain(p.messages[-1].content) for p in prompts.values() if p.split != "train"}
        self.digest = digest_file(path)
        for split, found in (("train", self._train), ("held-out", self._held_out)):
            if not found:
                raise ConfigError(
                    f"prompts.source={path}: none of its {len(prompts)} prompts is in the split {split!r}"
                )

    def train(self, count: int, index: int, seed: int, tags: Collection[str] = ()) -> list[Prompt]:
        order = [prompt for prompt in self._train if in_scope(tags, prompt.tags)]
        random.Random(seed).shuffle(order)
        return next_ones(order, count, index)

    def held_out(self, count: int, seed: int) -> list[Prompt]:
        order = list(self._held_out)
        random.Random(seed).shuffle(order)
        return order[:count]

    def holds_back(self, text: str) -> bool:
        return plain(text) in self._held_back

    def classify(self, text: str) -> dict[str, str] | None:
        return None


def next_ones(order: Sequence[Row], count: int, index: int) -> list[Row]:
    """What iteration `index` (from 1) takes, `count` at a time or all there are; after the end from the start again."""
    start = (index - 1) * count
    return [order[(start + n) % len(order)] for n in range(min(count, len(order)))]


def plain(text: str) -> str:
    """`text` in small letters with single blanks: what is left of it where spelling does not count."""
    return " ".join(text.lower().split())


@known_by_its_bytes
def read_prompts(path: Path) -> list[Prompt]:
    """Every prompt of a file, in order. Raises ConfigError with the file, the line and what is wrong with it."""
    return [_prompt(row, f"{path}: line {number}", path.name) for number, row in numbered_rows(path)]


def numbered_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a JSONL or Parquet file with their numbers, from 1. Raises ConfigError.

    A file with too many rows is refused before the first one is read, so that nothing is kept of it.
    """
    check_file(path)
    yield from enumerate_parquet(path) if path.suffix == ".parquet" else enumerate_jsonl(path)


def check_file(path: Path) -> None:
    """Returns if the file is there, and no table of a spreadsheet. Raises ConfigError."""
    if not os.path.isfile(path):
        raise ConfigError(f"{path}: no such file; name a JSONL or Parquet file, or `microworld`")
    if path.suffix in (".csv", ".tsv", ".xlsx"):
        raise ConfigError(
            f"{path}: a {path.suffix} file is not read here; write it as JSONL, an object a line, or as Parquet"
        )


def enumerate_parquet(path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a Parquet file with their numbers."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            _check_count(file.metadata.num_rows, path)
            rows = (row for batch in file.iter_batches(BATCH_ROWS) for row in batch.to_pylist())
            yield from enumerate(rows, start=1)
    except (ArrowException, OSError) as error:
        raise ConfigError(f"{path}: {error}") from error


def enumerate_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of a file's lines with their numbers, without those of empty lines."""
    with path.open("rb") as file:
        _check_count(sum(piece.count(b"\n") for piece in iter(lambda: file.read(2**20), b"")), path)
        file.seek(0)
        for number, line in enumerate(iter(lambda: file.readline(MAX_ROW_BYTES + 1), b""), start=1):
            if len(line) > MAX_ROW_BYTES:
                raise ConfigError(f"{path}: line {number} has more than {MAX_ROW_BYTES} bytes; cut or drop it")
            if not line.strip():
                continue
            try:
                yield number, json.loads(line.rstrip(b"\r\n"))  # or an error is told as of line 2
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{path}: line {number} is no JSON: {error}") from error


def _check_count(rows: int, path: Path) -> None:
    if rows > MAX_ROWS:
        raise ConfigError(f"{path}: {rows} rows, and at most {MAX_ROWS} are read; name a file with a part of them")


def messages_of(value: Any, place: str) -> tuple[Message, ...]:
    """A conversation that ends with a user's turn. Raises ConfigError naming `place`."""
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{place}: `messages` must be a list of role and content, and it is {value!r:.80}")
    for turn in value:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise ConfigError(
                f"{place}: a turn needs a role among {ROLES} and a text as content, and it is {turn!r:.80}"
            )
    if value[-1]["role"] != "user":
        raise ConfigError(f"{place}: the last turn must be the user's, and it is the {value[-1]['role']}'s")
    messages = tuple(Message(turn["role"], turn["content"]) for turn in value)
    for message in messages:
        check_text(message.content, place)
    if sum(len(message.content) for message in messages) > MAX_PROMPT_CHARACTERS:
        raise ConfigError(f"{place}: the prompt has more than {MAX_PROMPT_CHARACTERS} characters")
    return messages


def tags_of(value: Any, place: str) -> dict[str, str]:
    """A prompt's tags, none where there are none. Raises ConfigError naming `place`."""
    tags = value or {}
    if not isinstance(tags, dict) or not all(isinstance(v, str) for v in tags.values()):
        raise ConfigError(f"{place}: `tags` must map words to words, and it is {tags!r:.80}")
    return tags


def check_text(text: str, place: str) -> None:
    """Returns if `text` can be kept. JSON can spell half a character (a lone surrogate), which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{place}: the text holds {text[error.start]!r}, which is half a character; mend the line"
        ) from error


def _prompt(row: Any, place: str, source: str) -> Prompt:
    if not isinstance(row, dict):
        raise ConfigError(f"{place}: a row must be an object with `prompt` or `messages`, and it is {row!r:.80}")
    if isinstance(row.get("prompt"), str) and row["prompt"].strip():
        messages = messages_of([{"role": "user", "content": row["prompt"]}], place)
    elif row.get("messages") is not None:
        messages = messages_of(row["messages"], place)
    else:
        raise ConfigError(f"{place}: neither `prompt` (a text) nor `messages` is there; it has {sorted(row)}")
    tags = tags_of(row.get("tags"), place)
    drawn = Prompt(messages, source, "train", tags)
    split: Split = row.get("split") or ("held-out" if int(drawn.digest[-8:], 16) % HELD_OUT_OF == 0 else "train")
    if split not in ("train", "held-out", "anchor"):
        raise ConfigError(f"{place}: `split` must be train, held-out or anchor, and it is {split!r}")
    return Prompt(messages, source, split, tags)
