"""In what two constitutions differ: principle by principle, in all else, and in how much both speak of the same."""

from collections.abc import Mapping, Sequence
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
    """What became of each principle from `a` to `b`, in the order of `a`, then what is new, in the order of `b`.

    One whose text is there under another id is renamed, whatever else of it changed.
    """
    after = {one.id: one for one in b.principles}
    renamed = _renamed(a, b)
    ids_now = {one.id: renamed.get(one.id, one.id) for one in a.principles}
    kept = [id for id in ids_now.values() if id in after]
    moved = _moved(kept, [id for id in after if id in kept])
    found: list[Change] = []
    for place, one in enumerate(a.principles, 1):
        now = ids_now[one.id]
        if now not in after:
            found.append(Change("removed", one.id, one.text, None))
            continue
        if now != one.id:
            found.append(Change("renamed", one.id, one.id, now))
        found += _changes_of(one, after[now], ids_now)
        if now in moved:
            found.append(Change("reordered", one.id, place, list(after).index(now) + 1))
    return found + [Change("added", one.id, None, one.text) for one in b.principles if one.id not in kept]


def other_parts(a: Constitution, b: Constitution) -> list[str]:
    """What differs beside the principles: `scale`, `questions.pairwise`, and so on.

    What says the same under another name is one difference: `propositions.curt, now propositions.brief`.
    """
    before, after = a.said, b.said
    found = []
    for key in sorted((before.keys() | after.keys()) - {"principles", "name"}):
        old, new = before.get(key), after.get(key)
        if isinstance(old or {}, dict) and isinstance(new or {}, dict):
            found += _differing_parts(key, old or {}, new or {})
        elif old != new:
            found.append(key)
    return found


def _differing_parts(key: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    gone, new = ([name for name in one if name not in other] for one, other in ((was, now), (now, was)))
    renamed: dict[str, str] = {}
    for name in gone:
        if same := next((one for one in new if now[one] == was[name] and one not in renamed.values()), None):
            renamed[name] = same
    differing = {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)} - {*renamed.values()}
    return [
        f"{key}.{name}, now {key}.{renamed[name]}" if name in renamed else f"{key}.{name}" for name in sorted(differing)
    ]


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


def _renamed(a: Constitution, b: Constitution) -> dict[str, str]:
    """The ids of principles that are there under another: of those with the same text first what is the same in all."""
    ids_a, ids_b = ({one.id for one in c.principles} for c in (a, b))
    gone = [one for one in a.principles if one.id not in ids_b]
    new = [one for one in b.principles if one.id not in ids_a]
    found: dict[str, str] = {}
    for same in (_said, _text):
        for one in gone:
            free = (other for other in new if other.id not in found.values() and same(other) == same(one))
            if one.id not in found and (other := next(free, None)):
                found[one.id] = other.id
    return found


def _said(principle: Principle) -> dict[str, Any]:
    return principle.model_dump(exclude={"id", "provenance"})


def _text(principle: Principle) -> str:
    return principle.text


def _changes_of(before: Principle, after: Principle, ids_now: Mapping[str, str]) -> list[Change]:
    """What differs beside the id; `ids_now` are the ids by those before, for a principle names its opposite."""
    said, says = before.model_dump(mode="json"), after.model_dump(mode="json")
    said["opposite"] = ids_now.get(said["opposite"], said["opposite"])
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
