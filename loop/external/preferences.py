"""What the values of somebody's preference column say: the chance that the first of two outputs is better."""

import math
from collections.abc import Collection
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Ends:
    """The values that say "the first output is better" and "the second is". Numbers in between are shares of both."""

    first: float | str
    second: float | str
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
            f"{place}: the preference {value!r} is neither {self.first!r} (the first output), nor {self.second!r} "
            f"(the second), nor a tie; mend it, or say what the ends mean with --says-first and --says-second"
        )


def read_value(raw: Any, place: str) -> Value:
    """A number, a word in small letters, or None for an empty cell. Raises ConfigError for anything else."""
    if raw is None or (isinstance(raw, float) and math.isnan(raw)):
        return None
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, int | float):
        return _finite(float(raw), place)
    if not isinstance(raw, str):
        raise ConfigError(f"{place}: a preference is a number or a word, and it is {raw!r:.80}")
    word = raw.strip().lower()
    if not word:
        return None
    try:
        return _finite(float(word), place)
    except ValueError:
        return word


def given_ends(first: str, second: str) -> Ends:
    """The ends that a person named. Raises ConfigError where they are the same."""
    read = read_value(first, "--says-first"), read_value(second, "--says-second")
    if read[0] is None or read[1] is None or read[0] == read[1]:
        raise ConfigError(f"--says-first {first!r} and --says-second {second!r} must be two different values")
    return Ends(read[0], read[1])


def guessed_ends(values: Collection[Value], place: str) -> Ends:
    """The ends that such values can only mean. Raises ConfigError where it is not clear which output they name.

    Numbers from 1 to 2 are AlpacaEval's: 2 says that the second is better, and 0 is a draw. Numbers from 0 to 1 are
    used both ways in the world, and never guessed.
    """
    said = {value for value in values if value is not None}
    numbers = {value for value in said if isinstance(value, float)}
    if (
        numbers
        and max(numbers) > 1
        and all(value == 0 or 1 <= value <= 2 for value in numbers)
        and said - TIES == numbers
    ):
        return Ends(1.0, 2.0, frozenset(TIES | {0.0}))
    if not numbers:
        for first, second in WORDS:
            if said - TIES <= {first, second} and said - TIES:
                return Ends(first, second)
    shown = ", ".join(sorted(map(str, said))[:6]) or "nothing"
    raise ConfigError(
        f"{place} holds {shown}: it is not clear which output each value prefers; say it with --says-first VALUE and "
        "--says-second VALUE (numbers in between are shares)"
    )


def _finite(number: float, place: str) -> float:
    if not math.isfinite(number):
        raise ConfigError(f"{place}: the preference {number} is no finite number")
    return number
