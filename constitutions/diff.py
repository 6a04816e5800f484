"""In what two constitutions differ: principle by principle, in all else, and in how much both speak of the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from constitutions.load import Constitution
from constitutions.principle import Principle
from constitutions.similarity import SAME, similarities

Kind = Literal["added", "removed", "renamed", "reworded", "reweighted", "rescoped", "reordered"]
WORDS = ("text", "reasons", "critique", "revision", "examples")
HOLDS = ("scope", "use", "opposite")


class Change(NamedTuple):
    """What became of one principle. `before` and `after` are what differs, None where there is none."""

    kind: Kind
    principle: str
    before: Any
    after: Any


class Counterpart(NamedTuple):
    """A principle of the first, the one of the second that is most like it, and how much (0..1)."""

    a: str
    b: str
    similarity: float


@dataclass(frozen=True)
class Overlap:
    """Which principles have a counterpart, and the share of each constitution's principles that do.

    None for a constitution without principles.
    """

    counterparts: tuple[Counterpart, ...]
    of_a: float | None
    of_b: float | None


def changes(a: Constitution, b: Constitution) -> list[Change]:
    """What became of each principle from `a` to `b`, in the order of `a`, then what is new, in the order of `b`."""
    before, after = ({one.id: one for one in c.principles} for c in (a, b))
    gone = [one for one in a.principles if one.id not in after]
    new = [one for one in b.principles if one.id not in before]
    renamed = {one.id: other.id for one in gone for other in new if _said(one) == _said(other)}
    moved = _moved([id for id in before if id in after], [id for id in after if id in before])
    found: list[Change] = []
    for one in a.principles:
        if one.id in renamed:
            found.append(Change("renamed", one.id, one.id, renamed[one.id]))
        elif one.id not in after:
            found.append(Change("removed", one.id, one.text, None))
        else:
            found += _changes_of(one, after[one.id])
            if one.id in moved:
                places = (list(before).index(one.id) + 1, list(after).index(one.id) + 1)
                found.append(Change("reordered", one.id, *places))
    return found + [Change("added", one.id, None, one.text) for one in new if one.id not in renamed.values()]


def other_parts(a: Constitution, b: Constitution) -> list[str]:
    """What differs beside the principles: `scale`, `questions.pairwise`, and so on."""
    before, after = a.said, b.said
    found = []
    for key in sorted((before.keys() | after.keys()) - {"principles", "name"}):
        old, new = before.get(key), after.get(key)
        if isinstance(old or {}, dict) and isinstance(new or {}, dict):
            was, now = old or {}, new or {}
            found += [f"{key}.{name}" for name in sorted(was.keys() | now.keys()) if was.get(name) != now.get(name)]
        elif old != new:
            found.append(key)
    return found


def overlap(a: Constitution, b: Constitution) -> Overlap:
    """How much of each the other speaks of too, by the words of its principles; what is said in audits alone is none.

    A principle has a counterpart where one on the other side is at least SAME like it.
    """
    of_a, of_b = ([one for one in c.principles if one.use != ("probe",)] for c in (a, b))
    if not of_a or not of_b:
        return Overlap((), 0.0 if of_a else None, 0.0 if of_b else None)
    alike = similarities([one.text for one in of_a], [one.text for one in of_b])
    best = [max(range(len(of_b)), key=row.__getitem__) for row in alike]
    found = [
        Counterpart(one.id, of_b[place].id, row[place])
        for one, row, place in zip(of_a, alike, best, strict=True)
        if row[place] >= SAME
    ]
    back = sum(max(row[place] for row in alike) >= SAME for place in range(len(of_b)))
    return Overlap(tuple(found), len(found) / len(of_a), back / len(of_b))


def _said(principle: Principle) -> dict[str, Any]:
    return principle.model_dump(exclude={"id", "provenance"})


def _changes_of(before: Principle, after: Principle) -> list[Change]:
    said, says = before.model_dump(mode="json"), after.model_dump(mode="json")
    found: list[Change] = []
    kinds: tuple[tuple[Kind, Sequence[str]], ...] = (
        ("reworded", WORDS),
        ("reweighted", ("weight",)),
        ("rescoped", HOLDS),
    )
    for kind, fields in kinds:
        differing = [field for field in fields if said[field] != says[field]]
        if differing == ["text"] or differing == ["weight"]:
            found.append(Change(kind, before.id, said[differing[0]], says[differing[0]]))
        elif differing:
            old, new = ({field: of[field] for field in differing} for of in (said, says))
            found.append(Change(kind, before.id, old, new))
    return found


def _moved(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """The fewest of the same ids that have to move to get from one order to the other."""
    places = [after.index(id) for id in before]
    longest: list[list[int]] = []  # by its last place, the longest rising run that ends there
    for nth, place in enumerate(places):
        ending = max((run for run in longest if places[run[-1]] < place), key=len, default=[])
        longest.append([*ending, nth])
    kept = max(longest, key=len, default=[])
    return {id for nth, id in enumerate(before) if nth not in kept}
