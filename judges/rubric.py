"""The additive rubric of Self-Rewarding Language Models (Yuan et al., 2401.10020, figure 2), asked K times.

The judge reasons in a few words, adds a point for each thing that the answer does, and ends with `Score: N`.
`read` reads each reply; the mean of what could be read is the score.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from constitutions.fill import fill, request_text
from constitutions.load import Constitution
from judges.verdict import read
from runs.records import Message, Unscored

__all__ = ["ask", "average", "read"]


def ask(constitution: Constitution, messages: Sequence[Message], response: str) -> tuple[Message, ...]:
    """One user's turn that puts the rubric to a judge: what was asked, what was answered, and nothing else."""
    question = constitution.question("rubric")
    return (Message("user", fill(question, request=request_text(messages), response=response)),)


def average(reads: Sequence[float | Unscored], min_read_frac: float) -> float | Unscored:
    """The mean of the scores that could be read from K replies.

    Where fewer than `min_read_frac` (0..1) of the replies could be read, or none: the commonest reason instead. Replies
    that cannot be read are no low scores and no middling ones; the spread of the K is in `Judgment.reply_scores`.
    Raises ValueError for no replies at all.
    """
    if not reads:
        raise ValueError("no replies to average: a judgment needs at least one")
    scores = [score for score in reads if not isinstance(score, Unscored)]
    if scores and len(scores) >= min_read_frac * len(reads):
        return fmean(scores)
    reasons = Counter(reason for reason in reads if isinstance(reason, Unscored))
    return max(Unscored, key=lambda reason: reasons[reason])  # of equals the first in the enumeration
