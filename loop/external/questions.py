"""A file of multiple-choice questions: each row checked, its options told from its text."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from loop.sources import check_text
from loop.strict_lines import read_lines, text_of
from runs.errors import ConfigError

MARK = re.compile(r"^([ \t]*)(\(?)([A-Z])([).:])[ \t]+", re.MULTILINE)
FENCE = ("[[[", "]]]")
"""An option of several lines stands between these, as in the HHH questions."""
FENCE_END = re.compile(r"\]{3}(?=[ \t]*(?:\n|\Z))")  # at a line's end, so that an option may have brackets of its own


@dataclass(frozen=True)
class Question:
    """One question: the text before its options and after them, and how each option is marked.

    `marks` stand around a letter: "(" and ")", "" and ":". `fenced` options stand between [[[ and ]]].
    """

    place: str
    before: str
    options: tuple[str, ...]
    after: str
    right: int
    category: str = ""
    indent: str = " "
    marks: tuple[str, str] = ("(", ")")
    fenced: bool = False

    @property
    def letters(self) -> str:
        """The letters of the options, in order."""
        return ascii_uppercase[: len(self.options)]

    def orders(self) -> list[tuple[int, ...]]:
        """The numbers of the options as they stand in each request: every option once at every letter."""
        numbers = range(len(self.options))
        return [tuple((number + turn) % len(numbers) for number in numbers) for turn in numbers]

    def shown(self, order: Sequence[int]) -> str:
        """The options in that order, each behind its letter."""
        opened, closed = self.marks
        left, right = FENCE if self.fenced else ("", "")
        return "\n".join(
            f"{self.indent}{opened}{letter}{closed} {left}{self.options[number]}{right}"
            for letter, number in zip(self.letters, order, strict=True)
        )


def read_questions(path: Path) -> list[Question]:
    """Every question of a JSONL or Parquet file, in order. Raises ConfigError with the line and what is wrong there.

    A row is one of three: `prompt`, which ends in marked options, with `corrects` and `incorrects` (their letters);
    `question` with `options` and `answer` (a letter, a number from 0, or the option's text); or `input` with
    `target_scores` (a number for each option, of which the highest is right). `category` is optional.
    """
    return read_lines(path, _question, "question")


def _question(row: Any, place: str) -> Question:
    if not isinstance(row, dict):
        raise ConfigError(f"{place}: a question must be an object, and it is {row!r:.80}")
    category = row.get("category", "")
    if not isinstance(category, str):
        raise ConfigError(f"{place}: `category` must be a word, and it is {category!r:.80}")
    if "corrects" in row:
        return _marked(row, category, place)
    if "options" in row:
        return _listed(text_of(row, "question", place), row["options"], row.get("answer"), category, place)
    if "target_scores" in row:
        options, best = _scored(row["target_scores"], place)
        return _listed(text_of(row, "input", place), options, best, category, place)
    raise ConfigError(
        f"{place}: no question is read from {sorted(row)}; give `prompt`, `corrects` and `incorrects`, or "
        "`question`, `options` and `answer`, or `input` and `target_scores`"
    )


def _listed(text: str, options: Any, answer: Any, category: str, place: str) -> Question:
    if not isinstance(options, list) or not all(isinstance(option, str) and option.strip() for option in options):
        raise ConfigError(f"{place}: `options` must be a list of texts, and it is {options!r:.80}")
    _check_count(len(options), place)
    if len(set(options)) < len(options):
        raise ConfigError(f"{place}: two options say the same, so that no answer can be right: {options!r:.200}")
    for option in options:
        check_text(option, place)
    letters = ascii_uppercase[: len(options)]
    if isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(options):
        right = answer
    elif answer in options:
        right = options.index(answer)
    elif isinstance(answer, str) and len(answer.strip(" ().:")) == 1 and answer.strip(" ().:") in letters:
        right = letters.index(answer.strip(" ().:"))
    else:
        raise ConfigError(
            f"{place}: `answer` must be a letter up to {letters[-1]}, a number from 0 to {len(options) - 1} or the "
            f"text of an option, and it is {answer!r:.80}"
        )
    fenced = any("\n" in option for option in options)
    return Question(place, f"{text.rstrip()}\n", tuple(options), "\nThe answer is:", right, category, fenced=fenced)


def _scored(scores: Any, place: str) -> tuple[list[str], int]:
    numbers = list(scores.values()) if isinstance(scores, dict) else []
    if not numbers or not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        raise ConfigError(f"{place}: `target_scores` must give each option a number, and it is {scores!r:.80}")
    if numbers.count(max(numbers)) > 1:
        raise ConfigError(f"{place}: `target_scores` has {numbers.count(max(numbers))} best options, and needs one")
    return list(scores), numbers.index(max(numbers))


def _check_count(count: int, place: str) -> None:
    if not 2 <= count <= len(ascii_uppercase):
        raise ConfigError(f"{place}: {count} options; a question has 2 to {len(ascii_uppercase)}")


def _marked(row: dict[str, Any], category: str, place: str) -> Question:
    """A question whose prompt holds its options, each behind a letter on a line of its own."""
    prompt = text_of(row, "prompt", place)
    named = {}
    for name in ("corrects", "incorrects"):
        said = row.get(name)
        if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
            raise ConfigError(f"{place}: `{name}` must be a list of letters such as ' (A)', and it is {said!r:.80}")
        named[name] = [one.strip(" ().:") for one in said]
    letters = sorted(named["corrects"] + named["incorrects"])
    _check_count(len(letters), place)
    if letters != list(ascii_uppercase[: len(letters)]) or len(named["corrects"]) != 1:
        raise ConfigError(
            f"{place}: `corrects` and `incorrects` must name the letters from A on, each once and one correct; they "
            f"name {named['corrects']} and {named['incorrects']}"
        )
    # From the end: the conversation before the options may hold a list of its own.
    for first in reversed([match for match in MARK.finditer(prompt) if match[3] == "A"]):
        found = _options(prompt, first, len(letters))
        if found:
            options, end = found
            fenced = prompt[first.end() :].startswith(FENCE[0])
            right = ascii_uppercase.index(named["corrects"][0])
            return Question(
                place,
                prompt[: first.start()],
                options,
                prompt[end:],
                right,
                category,
                first[1],
                (first[2], first[4]),
                fenced,
            )
    raise ConfigError(
        f"{place}: the prompt has no options A to {letters[-1]}, each behind its letter as '(A) ' or 'A: ' on a line "
        f"of its own or between {FENCE[0]} and {FENCE[1]}; mend it, or give `question`, `options` and `answer`"
    )


def _options(prompt: str, first: re.Match[str], count: int) -> tuple[tuple[str, ...], int] | None:
    """The options that begin at the mark `first`, one right behind the other, and where the last one ends."""
    options: list[str] = []
    mark: re.Match[str] | None = first
    end = first.start()
    for letter in ascii_uppercase[:count]:
        if options:
            mark = MARK.match(prompt, end + 1)
        if mark is None or mark.group(1, 2, 3, 4) != (first[1], first[2], letter, first[4]):
            return None
        begin = mark.end()
        if prompt.startswith(FENCE[0], begin):
            close = FENCE_END.search(prompt, begin)
            if close is None:
                return None
            options.append(prompt[begin + len(FENCE[0]) : close.start()])
            end = close.end()
        else:
            line_end = prompt.find("\n", begin)
            end = len(prompt) if line_end < 0 else line_end
            options.append(prompt[begin:end])
    return tuple(options), end
