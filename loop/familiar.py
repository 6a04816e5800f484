"""Which prompts are too far from the labelled ones for anybody to have checked how the judge fares there."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from judges.dialogue import Item, Judge
from judges.familiar import Familiar
from loop.anchors import anchor_pairs, anchors_digest
from loop.desk import Desk
from runs.records import Message

AT_ONCE = 1000
"""Prompts whose distances are computed together: each takes 32 KiB."""


def bounds(desk: Desk, way: Mapping[str, Any]) -> dict[str, str]:
    """The digest of the labelled prompts, for the keys of what is judged in a `way` with a `max_distance`."""
    return {"labelled": anchors_digest(desk.config.measure.anchors)} if "max_distance" in way else {}


def within_bounds(desk: Desk, judge: Judge, way: Mapping[str, Any], items: Iterable[Item]) -> Judge:
    """The judge; where its `way` has a `max_distance`, it abstains on those of the items' prompts that are farther than
    that from every labelled one, by the words they share (`judges.audit.distance`)."""
    if "max_distance" not in way:
        return judge
    prompts = list(dict.fromkeys(item.messages for item in items))
    return Familiar(judge, frozenset(_farther(desk, prompts, way["max_distance"])))


def _farther(desk: Desk, prompts: list[tuple[Message, ...]], limit: float) -> Iterator[tuple[Message, ...]]:
    from judges.audit.distance import asked, distances  # numpy, for the few runs that ask for it

    known = sorted({asked(anchor.messages) for anchor in anchor_pairs(desk.config.measure.anchors)})
    for start in range(0, len(prompts), AT_ONCE):
        some = prompts[start : start + AT_ONCE]
        for messages, distance in zip(some, distances([asked(one) for one in some], known), strict=True):
            if distance > limit:
                yield messages
