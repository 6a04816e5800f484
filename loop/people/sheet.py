"""Sheets: questions to be filled in elsewhere, and what came back. Nothing in a sheet says which answer is which."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

from loop.external.labels import numbered_csv
from loop.people.batch import Answer, Batch, Question
from loop.sources import enumerate_jsonl
from loop.terminal import lines
from runs.durable import write_file
from runs.errors import ConfigError, SelfsameError, UsageError
from runs.records import Message

COLUMNS = ("id", "warning", "conversation", "a", "b", "label")
ANSWERS: tuple[Answer, ...] = get_args(Answer)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would compute. A quotation mark before it makes it text."""


class Filled(NamedTuple):
    """An answered question of a sheet."""

    batch: Batch
    question: Question
    answer: Answer


class Bad(NamedTuple):
    """A line that cannot be stored: where it is and why."""

    place: str
    reason: str


def check_new_file(path: Path, *endings: str) -> None:
    """Returns if `path` can be written, with one of these endings. Raises UsageError: what is there may be answers."""
    if path.suffix not in endings:
        raise UsageError(f"{path}: name a file that ends in {' or '.join(endings)}")
    if path.exists():
        raise UsageError(f"{path} exists, and may hold somebody's answers; name another file")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}; make it, or name another file")


def write_sheet(path: Path, questions: Sequence[Question]) -> None:
    """Make `path` a sheet of these questions, with an empty column `label` for: a, b, tie, or nothing."""
    if path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for one in questions:
            texts = (conversation(one.messages), one.a, one.b)
            writer.writerow([one.id, one.warning, *map(_cell, texts), ""])
        write_file(path, text.getvalue().encode())
    else:
        write_jsonl(path, [as_json(one) | {"label": None} for one in questions])


def as_json(question: Question) -> dict[str, Any]:
    """What a person may know of the question, as JSON values."""
    messages = [{"role": message.role, "content": message.content} for message in question.messages]
    return {"id": question.id, "warning": question.warning, "messages": messages, "a": question.a, "b": question.b}


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Make `path` hold one row a line, in ASCII."""
    write_file(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def conversation(messages: Sequence[Message]) -> str:
    """The turns as a person reads them; a single request without a name before it."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"{message.role}: {message.content}" for message in messages)


def read_sheet(path: Path, batches: Sequence[Batch]) -> tuple[list[Filled], list[Bad]]:
    """The answers in a filled sheet, and its bad lines. A line without an answer is neither.

    Raises ConfigError for a file that cannot be read at all.
    """
    asked = {question.id: (batch, question) for batch in batches for question in batch.questions}
    rows = {".csv": numbered_csv, ".jsonl": enumerate_jsonl}
    if path.suffix not in rows:
        raise ConfigError(f"{path}: not a .csv or .jsonl file; `selfsame label next ADDRESS --sheet FILE` writes one")
    if not path.is_file():
        raise ConfigError(f"{path}: no such file")
    filled: dict[str, Filled] = {}
    bad = []
    try:
        for number, row in rows[path.suffix](path):
            reason, answer = _read(row, asked, filled)
            if reason:
                bad.append(Bad(f"{path}: line {number}", reason))
            elif answer is not None:
                filled[row["id"]] = Filled(*asked[row["id"]], answer)
    except SelfsameError as error:  # what stands before the broken line is good
        bad.append(Bad(str(path), str(error)))
    return list(filled.values()), bad


def _read(row: Any, asked: dict[str, Any], filled: dict[str, Filled]) -> tuple[str, Answer | None]:
    """Why the line is bad ("": it is not), and its answer, None for none."""
    if not isinstance(row, dict) or "id" not in row or "label" not in row:
        return f"it needs `id` and `label`, and is {row!r:.80}", None
    if not isinstance(row["id"], str) or row["id"] not in asked:
        return f"no question has the id {row['id']!r:.80}; it is in `control/` of the home that wrote the sheet", None
    label = row["label"]
    if label is None or (isinstance(label, str) and not label.strip()):
        return "", None
    answer = next((known for known in ANSWERS if known == str(label).strip().lower()), None)
    if answer is None:
        return f"`label` must be a, b, tie, skip or nothing, and it is {label!r:.80}", None
    if row["id"] in filled and filled[row["id"]].answer != answer:
        return f"the question {row['id']} was answered {filled[row['id']].answer} in a line before", None
    return "", answer


def _cell(text: str) -> str:
    shown = lines(text)
    return f"'{shown}" if shown.startswith(FORMULA) else shown
