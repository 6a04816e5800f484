"""What each principle gave to the training of a run, as tables of a page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runs.principle_signal import TOKENS, signal
from runs.store import Store

if TYPE_CHECKING:
    from runs.report import Seen

MOST = 8
"""Pairs of principles, and prompts that no principle decides, that are shown."""
PULLS = ("principle", "pairs", "share of all votes", "of its own against the label", "prefers longer answers, tokens")
APART = ("principle", "and", "both decide", "disagree")
Table = tuple[str, Sequence[str], list[list[Any]]]
"""Its title, its columns, and its rows."""


def principle_tables(store: Store, chain: "Sequence[Seen]") -> list[Table]:
    """The tables that there is anything to put into; none for a judge that asks by no principle."""
    found = signal(store, [one.link for one in chain if "judge" in one.link.outputs])
    pulls = [
        [one.principle or "all shown together", one.pairs, one.share, one.against, one.prefers.get(TOKENS)]
        for one in found.pulls
    ]
    tables: list[Table] = [
        ("How much of the training signal each gave", PULLS, pulls),
        ("Where two disagree most", APART, [list(row) for row in found.disagreements[:MOST]]),
        (
            f"Prompts on which none decides: {len(found.undecided)}",
            ("prompt",),
            [[text] for text in found.undecided[:MOST]],
        ),
    ]
    return [table for table in tables if table[2]]
