"""The questions that come next: those that a person has left, or the most worthwhile that are not labelled yet."""

from pathlib import Path

from loop.people import kept
from loop.people.batch import Batch, answered, blind
from loop.people.choosing import By, choose
from loop.people.judged import Judged
from loop.people.worth import offers
from runs.canonical import seed_of
from runs.errors import UsageError


def next_batch(home: Path, judged: Judged, n: int, by: By, source: str = "") -> Batch:
    """A batch that is now kept: of what `source` has not answered, or, for anybody, of what nobody has.

    What a person left unanswered comes before new pairs. The choice itself does not depend on who is asked, so that
    people who are asked one after the other label the same pairs. Raises UsageError where nothing is left.
    """
    known = kept.batches(home)
    begun = [one for one in known if source and (one.iteration, one.by, one.source) == (judged.digest, by, source)]
    for batch in begun:
        if batch.open(source):
            return batch
    done = answered(known, source or None)
    left = [offer for offer in offers(judged) if (offer.prompt, frozenset(offer.texts)) not in done]
    chosen = choose(left, n, by, seed_of(judged.digest, "label", by))
    if not chosen:
        kind = "" if by == "mixed" else f"{by} "
        raise UsageError(
            f"{judged.address} has no {kind}pair left that is not labelled; take another iteration or another --by"
        )
    return kept.issue(home, blind(judged, chosen, by, source))
