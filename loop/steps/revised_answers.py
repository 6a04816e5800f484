"""Which answers there are to imitate where answers were revised."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from judges.best_of_n import best_answers
from runs.records import Judgment, Response, Revision


def to_learn(
    which: Literal["all", "last", "best"],
    drafts: Sequence[Response],
    revisions: Sequence[Revision],
    judgments: Sequence[Judgment],
) -> list[Response | Revision]:
    """The answers to imitate, draft by draft in the order of `drafts`, pass by pass.

    Of a draft's usable revisions `all` or the `last`; or, of the draft and them, the one of the `best` score, by
    `judgments` of each. A draft that nobody was to revise stands for itself if it came to its end; one whose revisions
    are all unusable gives nothing.
    """
    trails: dict[str, list[Revision]] = defaultdict(list)
    for one in sorted(revisions, key=lambda one: one.nth):
        trails[one.draft].append(one)
    learnt: list[Response | Revision] = []
    for draft in drafts:
        trail = trails.get(draft.digest)
        usable = [one for one in trail or () if one.unusable is None]
        if trail is None:
            learnt += [draft] if draft.stop == "end" else []
        elif which == "best":
            learnt += best_answers([draft, *usable], judgments)
        else:
            learnt += usable if which == "all" else usable[-1:]
    return learnt
