"""What an importer found in a file: principles with where they stand there, and exemplars."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from constitutions.load import ComparedExemplar, RevisedExemplar
from constitutions.principle import Principle, Provenance, Votes
from runs.errors import ConfigError

WORDS_OF_AN_ID = 6


class LeftOut(NamedTuple):
    """A text of a file that no principle was made of, where it stands, why, and how each group voted on it, if any."""

    file: str
    place: str
    text: str
    why: str
    votes: Mapping[str, Votes] | None = None


@dataclass(frozen=True)
class Draft:
    """Principles in the order of the file, and exemplars; what was left out, and what to know of how it was read.

    `groups` has how many people are in each group of opinion, where they voted.
    """

    principles: tuple[Principle, ...] = ()
    compared: tuple[ComparedExemplar, ...] = ()
    revised: tuple[RevisedExemplar, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[str, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)


def drafted(file: str, place: str, id: str, text: str, **fields: Any) -> Principle:
    """The principle that stands at `place` of `file`. Raises ConfigError where it cannot be one."""
    provenance = Provenance(source=file, place=place, **fields.pop("provenance", {}))
    try:
        return Principle(id=id, text=text, provenance=provenance, **fields)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"{file}: {place}: no principle can be made of it: {reasons}") from error


def id_of(text: str) -> str:
    """The first words of `text` as an id."""
    words = re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))
    return "-".join(words[:WORDS_OF_AN_ID])[:56].rstrip("-") or "principle"


def with_different_ids(principles: Iterable[Principle]) -> tuple[Principle, ...]:
    """The principles, with a number after an id that one before has already."""
    taken: dict[str, int] = {}
    told = []
    for one in principles:
        nth = taken[one.id] = taken.get(one.id, 0) + 1
        id = one.id if nth == 1 else f"{one.id}-{nth}"
        while id != one.id and id in taken:
            nth = taken[one.id] = nth + 1
            id = f"{one.id}-{nth}"
        taken.setdefault(id, 1)
        told.append(one.model_copy(update={"id": id}))
    return tuple(told)
