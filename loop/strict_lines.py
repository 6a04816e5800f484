"""Files that a person gives to learn from: a line each, in which every key is read and nothing is guessed."""

import math
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Protocol, TypeVar

import microworld
from loop.sources import check_text, messages_of, numbered_rows, prompt_source, tags_of
from runs.errors import ConfigError
from runs.records import Prompt

Line = TypeVar("Line")


class _AboutPrompt(Protocol):
    @property
    def prompt(self) -> Prompt: ...


Learnt = TypeVar("Learnt", bound=_AboutPrompt)


def given_file(name: str, shipped: Mapping[str, str]) -> Path:
    """The file that a setting names: one that comes with the microworld, under its name in `shipped`, or a path."""
    return Path(microworld.__file__).with_name(shipped[name]) if name in shipped else Path(name)


def read_lines(path: Path, read: Callable[[Any, str], Line], what: str) -> list[Line]:
    """What `read` makes of each line of a JSONL (or row of a Parquet) file and of its place.

    Raises ConfigError with the file, the line and what is wrong with it, and for a file without any.
    """
    lines = [read(row, f"{path}: line {number}") for number, row in numbered_rows(path)]
    if not lines:
        raise ConfigError(f"{path}: the file holds no {what}")
    return lines


def free_to_learn(lines: Sequence[Learnt], source: str) -> list[Learnt]:
    """Those about prompts that `source` (`prompts.source`) does not hold back for measuring."""
    holds_back = prompt_source(source).holds_back
    return [line for line in lines if not holds_back(line.prompt.messages[-1].content)]


def fields_of(row: Any, place: str, keys: Set[str], beside: Set[str] = frozenset()) -> dict[str, Any]:
    """What the line says under `keys`; null says nothing.

    Raises ConfigError for a key that is neither among them nor `beside` them.
    """
    if not isinstance(row, dict):
        raise ConfigError(f"{place}: a line must be an object with {', '.join(sorted(keys))}, and it is {row!r:.80}")
    given = {key: value for key, value in row.items() if value is not None and key not in beside}
    if odd := sorted(given.keys() - keys):
        raise ConfigError(f"{place}: nothing reads {odd[0]!r}; a line has {', '.join(sorted(keys))}")
    return given


def prompt_of(given: dict[str, Any], place: str, source: str) -> Prompt:
    """The prompt under `prompt` or `messages`, a text or turns, with its `tags`. Raises ConfigError."""
    if ("prompt" in given) == ("messages" in given):
        raise ConfigError(f"{place}: it needs either `prompt` or `messages`; it has {sorted(given)}")
    asked = given.get("prompt", given.get("messages"))
    turns = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    return Prompt(messages_of(turns, place), source, tags=tags_of(given.get("tags"), place))


def text_of(given: dict[str, Any], name: str, place: str) -> str:
    """The text under `name`, or that of the one turn of a conversation, as TRL writes it. Raises ConfigError."""
    text = given.get(name)
    if isinstance(text, list) and len(text) == 1 and isinstance(text[0], dict):
        text = text[0].get("content")
    if not isinstance(text, str) or not text.strip():
        raise ConfigError(f"{place}: `{name}` must be a text that is not empty, and it is {text!r:.80}")
    check_text(text, place)
    return text


def number_of(given: dict[str, Any], name: str, place: str, most: float = math.inf) -> float:
    """The finite number from 0 to `most` under `name`, 1 if there is none. Raises ConfigError."""
    number = given.get(name, 1.0)
    known = isinstance(number, int | float) and not isinstance(number, bool)
    if not known or not 0 <= number <= most or math.isinf(number):
        bounds = "from 0 up" if math.isinf(most) else f"from 0 to {most:g}"
        raise ConfigError(f"{place}: `{name}` must be a number {bounds}, and it is {number!r:.80}")
    return float(number)
