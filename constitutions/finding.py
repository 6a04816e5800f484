"""A finding about a constitution, and the constitution with the places that findings point to."""

from pathlib import Path
from typing import NamedTuple

from constitutions.extends import Origins
from constitutions.load import Constitution
from constitutions.principle import Principle
from constitutions.strict_yaml import Place


class Finding(NamedTuple):
    """What is doubtful: where (`principle` is "" for the whole), by which rule, why it matters, and what to do."""

    file: Path
    line: int
    rule: str
    principle: str
    why: str
    todo: str


class Linted:
    """A constitution with the places of its values, to be put to the rules."""

    def __init__(self, constitution: Constitution, origins: Origins) -> None:
        self.constitution = constitution
        self.principles = constitution.principles
        self._origins = origins
        self._places = {one.id: place for place, one in enumerate(self.principles)}

    def finding(self, rule: str, place: Place, why: str, todo: str, principle: str = "") -> Finding:
        """A finding at a place of the tree, or the nearest above it that stands in a file."""
        held = next(place[:length] for length in range(len(place), -1, -1) if place[:length] in self._origins)
        return Finding(*self._origins[held], rule, principle, why, todo)

    def about(self, rule: str, principle: Principle, why: str, todo: str, part: str = "text") -> Finding:
        """A finding about one principle."""
        return self.finding(rule, ("principles", self._places[principle.id], part), why, todo, principle.id)
