"""Which two of the candidates for a pair make it, and why none does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from judges.same_texts import standing_for
from runs.records import Response

Reason = Literal["too_few_scored", "same_text", "only_truncated", "tie", "below_margin", "contradicted", "longer"]


@dataclass(frozen=True)
class Choice:
    """What else counts in which two answers make a pair; as it stands, nothing does.

    With `length_control` rho (0 to below 0.5; Wu, 2407.19594, section 2.2) all answers within rho of the range of
    scores from the top are as good as the best, and the shortest of them is chosen; of those within rho from the
    bottom the longest is rejected. A chosen answer that is longer than the rejected one by more than
    `max_longer_tokens` gives no pair. The responses in `never_chosen` can be rejected alone.
    """

    length_control: float | None = None
    max_longer_tokens: int | None = None
    never_chosen: frozenset[str] = frozenset()

    def standing_for(self, same: Sequence[Response]) -> Response:
        """The response that stands for others of the same text, one that may be chosen before one that may not."""
        return standing_for([own for own in same if own.digest not in self.never_chosen] or same)

    def may_be_chosen(self, response: Response) -> bool:
        """Whether a response came to its end and is not among those that are never chosen."""
        return response.stop == "end" and response.digest not in self.never_chosen


PLAIN = Choice()


@dataclass(frozen=True)
class Candidate:
    """One text that was answered to a prompt, however often it was sampled."""

    response: Response
    score: float
    judgments: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Its length."""
        return len(self.response.token_ids)


def best_and_worst(
    candidates: Sequence[Candidate], min_margin: float, choice: Choice
) -> tuple[Candidate, Candidate] | Reason:
    """The candidate that is chosen and the one that is rejected, or why there are none."""
    if len(candidates) < 2:
        return "same_text"
    finished = [candidate for candidate in candidates if choice.may_be_chosen(candidate.response)]
    if not finished:
        return "only_truncated"
    best = min(finished, key=lambda candidate: (-candidate.score, candidate.response.digest))
    others = [candidate for candidate in candidates if candidate is not best]
    worst = min(others, key=lambda candidate: (candidate.score, candidate.response.digest))
    if choice.length_control is not None and best.score > worst.score:
        reach = choice.length_control * (best.score - worst.score)
        top = [candidate for candidate in finished if candidate.score >= best.score - reach]
        bottom = [candidate for candidate in others if candidate.score <= worst.score + reach]
        best = min(top, key=lambda candidate: (candidate.tokens, -candidate.score, candidate.response.digest))
        worst = min(bottom, key=lambda candidate: (-candidate.tokens, candidate.score, candidate.response.digest))
    margin = best.score - worst.score
    if margin == 0:
        return "tie"
    if margin < max(min_margin, 0):
        return "below_margin"
    most = choice.max_longer_tokens
    return "longer" if most is not None and best.tokens - worst.tokens > most else (best, worst)
