"""A or B: how a judge says which of two texts it finds better, in writing or by likelihood, in either order."""

import re
from collections.abc import Sequence
from typing import Literal

from constitutions.load import Scale
from judges.expected import expected_score
from runs.records import Unscored

Letter = Literal["A", "B"]
Order = Literal["ab", "ba"]
LETTERS: tuple[Letter, Letter] = ("A", "B")
ORDERS: tuple[Order, Order] = ("ab", "ba")
"""Which of the two stands first in the question: the first of the item ("ab"), or the second ("ba")."""

# A is 1 and B is 0, so that the mean of the scale is the probability of A.
A_OR_B = Scale(low=0, high=1)
# ASCII, because IGNORECASE would take a dotless i (U+0131) for an i.
VERDICT = re.compile(
    r"(?:#{1,6}[ \t]+)?[*_]{0,3}(?:(?i:answer|verdict)[*_]{0,3}[ \t]*:[*_]{0,3}[ \t]*[*_]{0,3})?"
    r"(?:([ABC])|\(([ABC])\)|\[\[([ABC])\]\]|(?i:tie))[*_.]{0,4}",
    re.ASCII,
)


def written_letter(reply: str, finished: bool) -> Letter | Unscored:
    """The letter on the last line of `reply`, or the reason there is none. Never raises.

    A verdict is the last line that is not blank, with nothing else on it: `A`, `(A)` as in Constitutional AI
    (2212.08073), `[[A]]` as in MT-Bench (2306.05685), each also after `Answer:` or `Verdict:` and in Markdown emphasis.
    Only the last line counts, because a letter on a line of its own may head what is said about that answer.

    - `finished` False is TRUNCATED, whatever has been said.
    - `C`, MT-Bench's word for it, and `tie` are TIE.
    - All else is NO_VERDICT: both letters, a small letter, a verdict that is quoted, listed or said in a sentence.
    """
    if not finished:
        return Unscored.TRUNCATED
    # Only "\n" ends a line, as in `judges.verdict`.
    said = next((line for line in map(_bare, reversed(reply.split("\n"))) if line), "")
    match = VERDICT.fullmatch(said)
    if match is None:
        return Unscored.NO_VERDICT
    match match[1] or match[2] or match[3]:
        case "A":
            return "A"
        case "B":
            return "B"
        case _:
            return Unscored.TIE


def likelihood_of_a(logprobs: Sequence[float], min_mass: float) -> float | Unscored:
    """P(A) / (P(A) + P(B)) from the log-probabilities of A and B, in nats, over the whole vocabulary.

    A judge that puts less than `min_mass` (0..1) on both together would rather say something else: LOW_MASS.
    Raises ValueError for log-probabilities that cannot be.
    """
    return expected_score(logprobs[::-1], A_OR_B, min_mass).score


def first_is_better(probability_of_a: float, order: Order) -> float:
    """The probability that the item's first text is better, where A is so likely and the texts stood in `order`."""
    return probability_of_a if order == "ab" else 1 - probability_of_a


def _bare(line: str) -> str:
    return line.strip(" \t\r")
