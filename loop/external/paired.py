"""Judgments of single showings, put together to pairs: the other order, repetitions, and how sure the labels are."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from judges.audit.records import JudgedPair, Repeated
from judges.statistics import Label
from runs.records import Unscored

Seen = tuple[str, str, str]
"""A prompt and its two outputs, as they were shown first."""


class Row(NamedTuple):
    """One judgment as it was read.

    `chance` that the first is better is None where the judge gave no verdict; `label` is the share of people who say
    so, None where nobody said anything.
    """

    place: str
    first: str
    second: str
    prompt: str
    family: str
    chance: float | None
    label: float | None


def paired(rows: Sequence[Row]) -> tuple[tuple[JudgedPair, ...], tuple[Repeated, ...]]:
    """A pair for each two outputs to a prompt, with the other order and repetitions where the file has them."""
    pairs: dict[Seen, JudgedPair] = {}
    shares: dict[Seen, float | None] = {}
    repeated = []
    for row in rows:
        verdict = Unscored.NO_VERDICT if row.chance is None else row.chance
        straight, crossed = (row.prompt, row.first, row.second), (row.prompt, row.second, row.first)
        if straight in pairs:
            shown = pairs[straight].ab
            assert shown is not None  # a row was shown in some order
            repeated.append(Repeated(shown, verdict))
        elif crossed in pairs:
            other = Unscored.NO_VERDICT if row.chance is None else 1 - row.chance
            before = pairs[crossed].ba
            if before is None:
                pairs[crossed] = replace(pairs[crossed], ba=other)
            else:
                repeated.append(Repeated(before, other))
        else:
            lengths = len(row.first), len(row.second)
            shares[straight] = row.label
            pairs[straight] = JudgedPair(_label(row.label), verdict, None, *lengths, family=row.family)
    return _with_margins(pairs, shares), tuple(repeated)


def _label(share: float | None) -> Label | None:
    return None if share is None else "tie" if share == 0.5 else "a" if share > 0.5 else "b"


def _with_margins(pairs: dict[Seen, JudgedPair], shares: Mapping[Seen, float | None]) -> tuple[JudgedPair, ...]:
    """The pairs with how far the labels are beyond a half, where people were not always of one mind.

    Else the labels say who is better and not by how much.
    """
    if not any(share is not None and share not in (0, 0.5, 1) for share in shares.values()):
        return tuple(pairs.values())
    return tuple(
        pair if (share := shares[seen]) is None else replace(pair, label_margin=abs(share - 0.5))
        for seen, pair in pairs.items()
    )
