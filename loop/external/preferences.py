"""What the values of somebody's preference column say: the chance that the first of two outputs is better."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runs.errors import ConfigError

TIES = {"tie", "draw", "both", "neither", "equal", "same", "tie (bothbad)"}
WORDS = (
    ("a", "b"),
    ("model_a", "model_b"),
    ("model_1", "model_2"),
    ("output_1", "output_2"),
    ("response_a", "response_b"),
    ("first", "second"),
    ("left", "right"),
)
"""Pairs of words of which it is clear which output each means."""

Value = float | str | None


SAYS = ("--says-first", "--says-second")
LABEL = ("--label-first", "--label-second")
"""The options that name the ends of a judge's preferences, and of people's labels."""


@dataclass(frozen=True)
class Ends:
    """The values that say "the first output is better" and "the second is". Numbers in between are shares of both."""

    first: float | str
    second: float | str
    options: tuple[str, str]
    ties: frozenset[float | str] = frozenset(TIES)

    def chance(self, value: Value, place: str) -> float | None:
        """The chance (0..1) that the first is better; None where nothing was said. Raises ConfigError."""
        if value is None:
            return None
        if value in self.ties:
            return 0.5
        if value in (self.first, self.second):
            return float(value == self.first)
        if isinstance(value, float) and isinstance(self.first, float) and isinstance(self.second, float):
            share = (value - self.second) / (self.first - self.second)
            if 0 <= share <= 1:
                return share
        raise ConfigError(
            f"{place} holds {value!r}, which is neither {self.first!r} (the first output), nor {self.second!r} (the "
            f"second), nor a tie; mend it, or say what the ends mean with {' and '.join(self.options)}"
        )

    def read(self, values: Collection[Value]) -> bool:
        """Whether all of these say something by these ends, and no 0 that might mean the other output is a draw."""
        try:
            for value in values:
                self.chance(value, "")
        except ConfigError:
            return False
        return not (0.0 in self.ties and 0.0 in values)


def read_value(raw: Any, place: str) -> Value:
    """A number, a word in small letters, or None for an empty cell. Raises ConfigError for anything else."""
    if raw is None or (isinstance(raw, float) and math.isnan(raw)):
        return None
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, int | float):
        return _finite(float(raw), place)
    if not isinstance(raw, str):
        raise ConfigError(f"{place} must be a number or a word, and it is {raw!r:.80}")
    word = raw.strip().lower()
    if not word:
        return None
    try:
        return _finite(float(word), place)
    except ValueError:
        return word


def given_ends(first: str, second: str, options: tuple[str, str] = SAYS) -> Ends:
    """The ends that a person named by these options. Raises ConfigError where they are the same."""
    read = read_value(first, options[0]), read_value(second, options[1])
    if read[0] is None or read[1] is None or read[0] == read[1]:
        raise ConfigError(f"{options[0]} {first!r} and {options[1]} {second!r} must be two different values")
    return Ends(read[0], read[1], options)


def ends_of(values: Sequence[Value], beside: Ends | None, place: str, options: tuple[str, str]) -> Ends:
    """The ends of a column: those that its own values can only mean, else those of the column `beside` it.

    Raises ConfigError where they say nothing by either.
    """
    try:
        return guessed_ends(values, place, options)
    except ConfigError:
        if beside is not None and beside.read(values):
            return replace(beside, options=options)
        raise


def guessed_ends(values: Sequence[Value], place: str, options: tuple[str, str] = SAYS) -> Ends:
    """The ends that more than half of such values can only mean. Raises ConfigError where it is not clear.

    Numbers from 1 to 2 are AlpacaEval's: 2 says that the second is better, and 0 is a draw. Numbers from 0 to 1 are
    used both ways in the world, and never guessed. What is left is for who reads a row to refuse, by its line.
    """
    said = [value for value in values if value is not None and value not in TIES]
    numbers = [value for value in said if isinstance(value, float)]
    if numbers and max(numbers) > 1 and _most([value == 0 or 1 <= value <= 2 for value in numbers], said):
        return Ends(1.0, 2.0, options, frozenset(TIES | {0.0}))
    for first, second in WORDS:
        if _most([value in (first, second) for value in said], said):
            return Ends(first, second, options)
    shown = ", ".join(sorted({str(value) for value in values if value is not None})[:6]) or "nothing"
    raise ConfigError(
        f"{place} holds {shown}: it is not clear which output each value prefers; say it with {options[0]} VALUE and "
        f"{options[1]} VALUE (numbers in between are shares)"
    )


def _most(fits: Sequence[bool], of: Sequence[Value]) -> bool:
    return 2 * sum(fits) > len(of)


def _finite(number: float, place: str) -> float:
    if not math.isfinite(number):
        raise ConfigError(f"{place} holds {number}, which is no finite number")
    return number
