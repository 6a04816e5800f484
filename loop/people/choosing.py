"""Which pairs are put to a person: those worth most, at most one to a prompt, in equal shares of reasons."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

Why = Literal["disputed", "uncertain", "outlying", "high-stakes"]
By = Literal["disputed", "uncertain", "outlying", "high-stakes", "mixed"]
REASONS: tuple[Why, ...] = get_args(Why)


@dataclass(frozen=True)
class Offer:
    """Two different answers to a prompt, and how much each reason speaks for them; a reason that does not is absent.

    Worths compare within a reason and not between reasons.
    """

    prompt: str
    texts: tuple[str, str]
    worth: Mapping[Why, float]


class Chosen(NamedTuple):
    """A pair, and for which reason it was taken."""

    offer: Offer
    why: Why


def choose(offers: Sequence[Offer], n: int, by: By, seed: int) -> list[Chosen]:
    """At most `n` pairs for the reason `by`, or for each reason in turn if it is `mixed`; the most worthwhile first.

    Of each prompt one pair at most: what people say of one prompt's answers is no evidence twice. Equal worths are
    decided by lot, and the order of `offers` does not matter. A reason that has no more to offer leaves its share to
    the others.
    """
    by_lot = sorted(offers, key=lambda offer: (offer.prompt, offer.texts))
    random.Random(seed).shuffle(by_lot)
    queues = {why: _queue(by_lot, why) for why in (REASONS if by == "mixed" else (by,))}
    chosen: list[Chosen] = []
    prompts: set[str] = set()
    while any(queues.values()) and len(chosen) < n:
        for why, queue in queues.items():
            while queue and queue[-1].prompt in prompts:
                queue.pop()
            if queue and len(chosen) < n:
                chosen.append(Chosen(queue.pop(), why))
                prompts.add(chosen[-1].offer.prompt)
    return chosen


def _queue(by_lot: Sequence[Offer], why: Why) -> list[Offer]:
    """The offers that the reason speaks for, the best last. Sorting is stable: the lot decides between equals."""
    return sorted((offer for offer in by_lot if why in offer.worth), key=lambda offer: offer.worth[why])
