"""Multiple-choice questions to a model: asked with every option at every letter, and answered by probability.

A question of K options is asked K times, the options rotated by one each time (two options: both orders), so that a
taste for a letter cancels and can be seen. Nothing is written by the model: the probabilities of the letters are its
answer (Bai et al., 2212.08073, §4.1, asked the 438 HHH questions in this way).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loop.engine.protocol import Choose, Chosen
from loop.external.questions import Question
from runs.records import Message

SAME = 1e-6
"""Options whose probabilities differ by less are equally likely."""

Outcome = Literal["right", "wrong", "tie", "low mass"]


@dataclass(frozen=True)
class Answered:
    """What a model made of one question.

    `shares` (0..1, adding up to 1) are the options' probabilities among the letters, averaged over the orders.
    `letter_shares` are the letters', whatever stood behind them. `picks` hold the option that each order prefers, None
    for a tie. `mass` is the least probability that all letters had together in any order.
    """

    place: str
    category: str
    right: int
    shares: tuple[float, ...]
    letter_shares: tuple[float, ...]
    picks: tuple[int | None, ...]
    mass: float
    outcome: Outcome


def requests(question: Question, policy: str) -> list[Choose]:
    """The question in all its orders.

    A last line that ends in a colon ("The answer is:") is what the model's turn begins with.
    """
    lead, last = question.after.rstrip().rpartition("\n")[::2]
    says = last.strip() if last.rstrip().endswith(":") else ""
    after = lead if says else question.after
    opened = question.marks[0]
    if opened:
        opening, labels = f"{says or 'The answer is:'} {opened}", tuple(question.letters)
    else:
        opening, labels = says, tuple(f" {letter}" if says else letter for letter in question.letters)
    return [
        Choose((Message("user", f"{question.before}{question.shown(order)}{after}".strip()),), policy, labels, opening)
        for order in question.orders()
    ]


def read_answer(question: Question, replies: Sequence[Chosen], min_mass: float) -> Answered:
    """What the replies to `requests(question)` amount to. LOW MASS where the letters have less than `min_mass` once."""
    count = len(question.options)
    shares, letter_shares, picks, masses = [0.0] * count, [0.0] * count, [], []
    for order, reply in zip(question.orders(), replies, strict=True):
        likeliest = max(reply.logprobs)
        weights = [math.exp(logprob - likeliest) for logprob in reply.logprobs]
        own = [weight / math.fsum(weights) for weight in weights]
        for place, number in enumerate(order):
            shares[number] += own[place] / count
            letter_shares[place] += own[place] / count
        best = _best(own)
        picks.append(None if best is None else order[best])
        masses.append(min(1.0, math.fsum(map(math.exp, reply.logprobs))))
    preferred, mass = _best(shares), min(masses)
    outcome: Outcome = "wrong"
    if mass < min_mass:
        outcome = "low mass"
    elif preferred is None:
        outcome = "tie"
    elif preferred == question.right:
        outcome = "right"
    return Answered(
        question.place,
        question.category,
        question.right,
        tuple(shares),
        tuple(letter_shares),
        tuple(picks),
        mass,
        outcome,
    )


def _best(shares: Sequence[float]) -> int | None:
    """The place of the highest share, None where another is as high."""
    highest = max(shares)
    near = [place for place, share in enumerate(shares) if highest - share < SAME]
    return near[0] if len(near) == 1 else None
