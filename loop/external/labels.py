"""Judgments of pairs that somebody else made, as the records that an audit reads."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from judges.audit.records import JudgedPair, Repeated
from loop.external.paired import Row, paired
from loop.external.preferences import LABEL, SAYS, Ends, Value, ends_of, given_ends, guessed_ends, read_value
from loop.sources import MAX_ROW_BYTES, check_text, numbered_rows
from runs.canonical import digest
from runs.errors import ConfigError

GUESSES = {
    "first": ("output_1", "response_a", "response_1", "answer_a", "answer_1", "text_a", "completion_a", "a", "chosen"),
    "second": (
        *("output_2", "response_b", "response_2", "answer_b", "answer_2", "text_b", "completion_b", "b", "rejected"),
    ),
    "preference": ("preference", "winner", "verdict"),
    "label": ("label", "human_label", "human_preference"),
    "prompt": ("instruction", "prompt", "question", "messages"),
    "family": ("family", "category", "dataset"),
}
"""By what a column is, the names that it is looked for under."""
TURN = "\n\nAssistant:"


@dataclass(frozen=True)
class Columns:
    """The column of each thing. Without `preference` the first output is the preferred one (chosen, rejected)."""

    first: str
    second: str
    preference: str | None = None
    label: str | None = None
    prompt: str | None = None
    family: str | None = None


@dataclass(frozen=True)
class Labels:
    """A file's judgments: pairs that were shown in one order or both, and those judged again in the same order.

    Of the `rows` of the file, `missing` hold no preference.
    """

    columns: Columns
    ends: Ends | None
    label_ends: Ends | None
    rows: int
    missing: int
    pairs: tuple[JudgedPair, ...]
    repeated: tuple[Repeated, ...]


def read_labels(
    path: Path, named: dict[str, str], says: tuple[str, str] | None, labels: tuple[str, str] | None = None
) -> Labels:
    """The judgments of a Parquet, JSONL or CSV file. Raises ConfigError with the file, the line and what is wrong.

    `named` gives columns (a key of `GUESSES` -> a column); the others are guessed where that is clear. `says` are the
    values that prefer the first and the second output, and `labels` those of the labels. What is not said is guessed of
    each column by itself, and only where that is not clear from the other one. Rows about the same prompt with both
    outputs exchanged are one pair shown in both orders: the first output was shown first.
    """
    numbered = list(_numbered(path))
    if not numbered:
        raise ConfigError(f"{path}: no judgment in it")
    for number, row in numbered:
        if not isinstance(row, dict):
            raise ConfigError(f"{path}: line {number}: a judgment must be an object, and it is {row!r:.80}")
    columns = find_columns(sorted({name for _, row in numbered for name in row}), named, str(path))
    if labels and columns.label is None:
        raise ConfigError(
            f"{path}: there is no column of labels for {' and '.join(LABEL)}; name it with --label COLUMN"
        )
    ends, of_labels = None, None
    if columns.preference is not None:
        said = _values(numbered, columns.preference, path)
        meant = _values(numbered, columns.label, path) if columns.label is not None else []
        place = f"{path}: `{columns.preference}`"
        ends = given_ends(*says) if says else ends_of(said, _clear(meant), place, SAYS)
        if columns.label is not None:
            place = f"{path}: `{columns.label}`"
            of_labels = given_ends(*labels, LABEL) if labels else ends_of(meant, ends, place, LABEL)
    if columns.preference in GUESSES["label"] and "preference" not in named:
        _refuse_another_opinion(columns, numbered, str(path))
    rows = [_row(row, columns, (ends, of_labels), f"{path}: line {number}") for number, row in numbered]
    pairs, repeated = paired(rows)
    return Labels(columns, ends, of_labels, len(rows), sum(row.chance is None for row in rows), pairs, repeated)


def _values(numbered: Sequence[tuple[int, dict[str, Any]]], column: str, path: Path) -> list[Value]:
    return [read_value(row.get(column), f"{path}: line {number}: `{column}`") for number, row in numbered]


def find_columns(names: Sequence[str], named: dict[str, str], place: str) -> Columns:
    """The columns that are named, and of the others those of which only one is there. Raises ConfigError."""
    found: dict[str, str] = {}
    for what, guesses in GUESSES.items():
        if what in named:
            if named[what] not in names:
                raise ConfigError(f"{place}: there is no column {named[what]!r}; it has {', '.join(names)}")
            found[what] = named[what]
            continue
        there = [name for name in guesses if name in names and name not in named.values()]
        if len(there) > 1 and what not in ("prompt", "family"):
            raise ConfigError(
                f"{place}: {' and '.join(there)} could both be the {what} column; say which with --{what} COLUMN"
            )
        if there:
            found[what] = there[0]
    chosen = (found.get("first"), found.get("second")) == ("chosen", "rejected")
    if "preference" not in found and "label" in found and not chosen:
        found["preference"] = found.pop("label")  # the only opinion that there is
    lacking = [what for what in ("first", "second", "preference") if what not in found]
    if lacking and not (lacking == ["preference"] and chosen):
        raise ConfigError(
            f"{place}: it is not clear which column is the {lacking[0]}; it has {', '.join(names)}. Name it with "
            f"--{lacking[0]} COLUMN"
        )
    if found["first"] == found["second"]:
        raise ConfigError(f"{place}: both outputs are to be in the column {found['first']!r}; name two")
    return Columns(**found)


def _refuse_another_opinion(columns: Columns, numbered: Sequence[tuple[int, dict[str, Any]]], place: str) -> None:
    """Raises ConfigError where the label, which would do for the preference, stands beside what may be the preference.

    Taken for it, people's labels would be audited as if a judge had said them.
    """
    known = {column for column in vars(columns).values() if column is not None}
    names = sorted({name for _, row in numbered for name in row} - known)
    if others := [name for name in names if _prefers(numbered, name, place)]:
        raise ConfigError(
            f"{place}: {' and '.join([str(columns.preference), *others])} could each be the judge's preference; say "
            "which is with --preference COLUMN, and which are people's labels, if any, with --label COLUMN"
        )


def _prefers(numbered: Sequence[tuple[int, dict[str, Any]]], name: str, place: str) -> bool:
    """Whether the values of a column are such as name one of two outputs."""
    try:
        return _clear([read_value(row.get(name), place) for _, row in numbered]) is not None
    except ConfigError:
        return False


def _clear(values: Sequence[Value]) -> Ends | None:
    """The ends that such values can only mean, None where that is not clear."""
    try:
        return guessed_ends(values, "")
    except ConfigError:
        return None


def _numbered(path: Path) -> Iterator[tuple[int, Any]]:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; name a Parquet, JSONL or CSV file of judgments")
    if path.suffix in (".parquet", ".jsonl"):
        return numbered_rows(path)
    if path.suffix == ".csv":
        return numbered_csv(path)
    raise ConfigError(f"{path}: not a .parquet, .jsonl or .csv file; convert or unpack it, and name that")


def numbered_csv(path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a CSV file with a header, each with the number of its last line."""
    csv.field_size_limit(MAX_ROW_BYTES)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    count = len(reader.fieldnames or ())
                    raise ConfigError(f"{path}: line {reader.line_num} has not one cell for each of {count} columns")
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: after line {reader.line_num}: {error}") from error


def _row(row: dict[str, Any], columns: Columns, ends: tuple[Ends | None, Ends | None], place: str) -> Row:
    """The row by the ends of its preference and of its label."""
    first, second = (_output(row, name, place) for name in (columns.first, columns.second))
    prompt = row.get(columns.prompt) if columns.prompt else None
    family = row.get(columns.family) if columns.family else None
    asked = prompt if isinstance(prompt, str) else digest(prompt)
    if ends[0] is None:
        shared, first, second = _last_turns(first, second)
        return _oriented(Row(place, first, second, shared or asked, str(family or ""), 1.0, None))
    chance, label = (
        None
        if own is None or column is None
        else own.chance(read_value(row.get(column), place), f"{place}: `{column}`")
        for own, column in zip(ends, (columns.preference, columns.label), strict=True)
    )
    return Row(place, first, second, asked, str(family or ""), chance, label)


def _output(row: dict[str, Any], name: str, place: str) -> str:
    text = row.get(name)
    if not isinstance(text, str):
        raise ConfigError(f"{place}: `{name}` must be an output's text, and it is {text!r:.80}")
    check_text(text, place)
    return text


def _last_turns(first: str, second: str) -> tuple[str, str, str]:
    """The conversation that both outputs begin with, as Anthropic's files have it, and what each says after it."""
    turns_first, turns_second = first.split(TURN), second.split(TURN)
    both = zip(turns_first[:-1], turns_second[:-1], strict=False)
    count = sum(1 for _ in takewhile(lambda turns: turns[0] == turns[1], both))
    said_first, said_second = (TURN.join(turns[count:]).strip() for turns in (turns_first, turns_second))
    return TURN.join(turns_first[:count]), said_first, said_second


def _oriented(row: Row) -> Row:
    """The row with its outputs exchanged by lot: where the first is always the better one, nothing else can be seen."""
    if int(digest([row.prompt, *sorted((row.first, row.second))])[-1], 16) % 2:
        return row
    return row._replace(first=row.second, second=row.first, chance=None if row.chance is None else 1 - row.chance)
