"""The principles that have most to do with a prompt, as many as a judge has room for.

A constitution that explains itself has more words than a small judge reads at once. What fits is shown whole: a
principle is never cut, so that the ids that a judgment keeps say exactly what its judge was shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from constitutions.load import Constitution
from constitutions.principle import Principle, Use, in_scope
from constitutions.shown import wording
from constitutions.similarity import relevance_of
from runs.canonical import seed_of

NUMBER = "99. "
"""What stands before a principle among several, in as many tokens as it ever takes."""


@dataclass(frozen=True)
class Room:
    """How many tokens the principles of one question may take together, by the count of whoever reads them."""

    max_tokens: int
    tokens: Callable[[str], float]


def relevant(
    constitution: Constitution, tags: Mapping[str, str], use: Use, about: str, seed: int, room: Room, count: int | None
) -> tuple[Principle, ...]:
    """Of the principles that hold for a prompt with these tags those most like the text `about`, while there is room.

    At most `count` of them (None: all that fit), in the order in which the constitution shows them. Where nothing tells
    two apart, such as words that neither has, the lot does, as `seed` decides it. One that does not fit any more is
    passed over for a shorter one.
    """
    held = tuple(wording(constitution, [one]) for one in constitution.principles)
    alike, lengths = _relevance(held, about), _lengths(held, room.tokens)
    holding = [
        (nth, one) for nth, one in enumerate(constitution.principles) if use in one.use and in_scope(one.scope, tags)
    ]
    lots = {one.id: seed_of(seed, "principle", one.id) for _, one in holding}
    left = float(room.max_tokens)
    chosen: list[Principle] = []
    for nth, one in sorted(holding, key=lambda found: (-alike[found[0]], lots[found[1].id])):
        if len(chosen) != count and lengths[nth] <= left:
            chosen.append(one)
            left -= lengths[nth]
    shown = [one for _, one in holding if one in chosen]
    return tuple(sorted(shown, key=lambda one: lots[one.id]) if constitution.order == "shuffled" else shown)


def longest(constitution: Constitution, use: Use, room: Room) -> tuple[Principle, int] | None:
    """The principle of this use that takes the most tokens, and how many; None where there is none."""
    found = [
        (one, int(length))
        for one, length in zip(
            constitution.principles,
            _lengths(tuple(wording(constitution, [one]) for one in constitution.principles), room.tokens),
            strict=True,
        )
        if use in one.use
    ]
    return max(found, key=lambda each: each[1], default=None)


@lru_cache(maxsize=4096)
def _relevance(texts: tuple[str, ...], about: str) -> tuple[float, ...]:
    """Rounded, so that equals are equal on every machine."""
    return tuple(round(x, 9) for x in relevance_of(texts).to(about))


@lru_cache(maxsize=8)
def _lengths(texts: tuple[str, ...], tokens: Callable[[str], float]) -> tuple[float, ...]:
    return tuple(tokens(f"{NUMBER}{text}\n") for text in texts)
