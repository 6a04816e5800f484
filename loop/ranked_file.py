"""Answers that people ranked, to fit rule weights on: pairs of which one is better, or answers with propositions.

A pair's line is one that `preference.labels` reads. A line with `propositions` says which of the constitution's hold
of one `answer`; its rank is that of the class that the constitution's table puts it into. Either may state in `grades`
how probable a judge finds each proposition: of a pair under the names of its two answers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constitutions.load import Constitution
from constitutions.response_types import CLASSES, WORTH, response_type_for
from loop.label_file import labelled_pair
from loop.sources import prompt_source
from loop.strict_lines import fields_of, number_of, prompt_of, read_lines, text_of
from runs.canonical import digest
from runs.errors import ConfigError
from runs.records import Prompt

KEYS = {"prompt", "messages", "answer", "propositions", "grades", "tags"}
Grades = Mapping[str, float]
"""How probable each proposition of the constitution is, by its id."""


@dataclass(frozen=True)
class Ranked:
    """An answer to a prompt of response type `kind`, and its rank (higher is better) among those of its `group`.

    `grades` are None where the file states none: then a judge has to.
    """

    prompt: Prompt
    text: str
    kind: str
    group: str
    rank: float
    grades: Grades | None

    @property
    def name(self) -> str:
        """What the answer is called, wherever it stands in the file."""
        return digest([self.prompt.digest, self.text])


@dataclass(frozen=True)
class _Given:
    """An answer as its line has it: `rank` is a number, or what people say of its propositions."""

    text: str
    grades: Grades | None
    rank: float | Grades


@dataclass(frozen=True)
class _Line:
    place: str
    prompt: Prompt
    answers: tuple[_Given, ...]
    """One, two, or none of a line that ranks nothing."""


def read_ranked(path: Path, constitution: Constitution, source: str | None) -> tuple[list[Ranked], Counter[str]]:
    """The answers of a JSONL or Parquet file, and why lines were left out: how many for each reason.

    Left out are ties, prompts that no response type is for, and prompts that a run's `source` of prompts holds back for
    measuring, where one is named. Answers with propositions are ranked among those to their prompt; those that are
    alone there, among all of their response type that are.

    Raises ConfigError with the file, the line and what is wrong with it.
    """
    lines = read_lines(path, lambda row, place: _line(row, place, path.name, constitution), "ranked answer")
    held_for = prompt_source(source) if source else None
    singles = Counter(line.prompt.digest for line in lines if len(line.answers) == 1)
    left_out: Counter[str] = Counter()
    found: list[Ranked] = []
    for line in lines:
        kind = _kind(constitution, line.prompt)
        if not line.answers:
            left_out["ties"] += 1
        elif held_for and held_for.holds_back(line.prompt.messages[-1].content):
            left_out["about prompts that are held back for measuring"] += 1
        elif kind is None:
            left_out["about prompts that no response type is for"] += 1
        elif len(line.answers) > 1:
            found += _ranked(line, constitution, kind, line.place)
        else:
            alone = singles[line.prompt.digest] == 1
            found += _ranked(line, constitution, kind, kind if alone else line.prompt.digest)
    return found, left_out


def _kind(constitution: Constitution, prompt: Prompt) -> str | None:
    fits = response_type_for(constitution.response_types, prompt.tags)
    return next((name for name, kind in constitution.response_types.items() if kind is fits), None)


def _ranked(line: _Line, constitution: Constitution, kind: str, group: str) -> Iterator[Ranked]:
    for given in line.answers:
        rank = given.rank
        if not isinstance(rank, float):
            chances = constitution.response_types[kind].class_chances(rank)
            rank = WORTH[max(CLASSES, key=lambda name: chances[name])]
        yield Ranked(line.prompt, given.text, kind, group, rank, given.grades)


def _line(row: Any, place: str, source: str, constitution: Constitution) -> _Line:
    if not isinstance(row, dict):
        raise ConfigError(f"{place}: a line must be an object, and it is {row!r:.80}")
    if "propositions" in row:
        given = fields_of(row, place, KEYS)
        grades = _said(given["grades"], "grades", place, constitution) if "grades" in given else None
        says = _said(given.get("propositions"), "propositions", place, constitution)
        return _Line(place, prompt_of(given, place, source), (_Given(text_of(given, "answer", place), grades, says),))
    pair = labelled_pair({key: value for key, value in row.items() if key != "grades"}, place, source)
    if pair.label_probability == 0.5 or not pair.weight:
        return _Line(place, pair.prompt, ())
    chosen, rejected = _grades_of_both(row, place, constitution)
    better = float(pair.label_probability > 0.5)
    answers = (_Given(pair.chosen, chosen, better), _Given(pair.rejected, rejected, 1 - better))
    return _Line(place, pair.prompt, answers)


def _grades_of_both(row: dict[str, Any], place: str, constitution: Constitution) -> tuple[Grades | None, Grades | None]:
    """What the line says of its chosen and of its rejected answer."""
    if (given := row.get("grades")) is None:
        return None, None
    names = ("a", "b") if "a" in row else ("chosen", "rejected")
    if not isinstance(given, dict) or given.keys() != set(names):
        raise ConfigError(f"{place}: `grades` of a pair must have {' and '.join(names)}, and it is {given!r:.80}")
    first, second = (_said(given[name], f"grades.{name}", place, constitution) for name in names)
    return (second, first) if row.get("label") == "b" else (first, second)


def _said(says: Any, key: str, place: str, constitution: Constitution) -> Grades:
    """A number from 0 to 1, or true or false, for each proposition of the constitution."""
    wanted = constitution.propositions.keys()
    if not isinstance(says, dict) or says.keys() != wanted:
        raise ConfigError(
            f"{place}: `{key}` must say of each proposition of constitution {constitution.name!r} how probable it is "
            f"({', '.join(wanted)}), and it is {says!r:.200}"
        )
    return {
        id: float(says[id]) if isinstance(says[id], bool) else number_of(says, id, f"{place}: {key}", most=1.0)
        for id in wanted
    }
