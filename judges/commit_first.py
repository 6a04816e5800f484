"""The judge answers for itself before it sees the candidate, and has that before its eyes as it judges.

Who has committed to an answer is harder to talk into another: reference-guided judging took failures on mathematics
from 70 to 15 % (Zheng et al., 2306.05685, section 3.4). For requests with a right answer; where many answers are
good, a judge of its own taste is what this makes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from judges.dialogue import Item, Judge, Question, Round, Text, Verdict, Write, texts
from runs.records import Message, Reply, Unscored


@dataclass(frozen=True)
class CommitFirst:
    """Another judge, held to an answer of its own.

    First the judge is asked what was asked, once for all answers. Then come the other judge's questions, as the next
    turn of that conversation, so that they need no words about the answer before them. An own answer that is cut off
    commits to nothing: TRUNCATED.
    """

    judge: Judge

    @property
    def method(self) -> str:
        """That of the other judge, marked."""
        return f"commit_first_{self.judge.method}"

    @property
    def compares(self) -> int:
        """As many as the other judge."""
        return self.judge.compares

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        """The request itself, then what the other judge asks."""
        if not rounds:
            return (Write(item.messages, of_prompt=True),)
        own = _own_answer(rounds)
        if not own.finished:
            return ()
        before = (*item.messages, Message("assistant", own.text))
        return tuple(
            replace(question, messages=(*before, *question.messages)) for question in self.judge.ask(item, rounds[1:])
        )

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The other judge's verdict, its replies after the own answer."""
        own = _own_answer(rounds)
        kept = Reply("", "", own.text, None)
        if not own.finished:
            return Verdict(Unscored.TRUNCATED, None, (kept,))
        verdict = self.judge.read(item, rounds[1:])
        return replace(verdict, replies=(kept, *verdict.replies))


def _own_answer(rounds: Sequence[Round]) -> Text:
    (own,) = texts(rounds[0])
    return own
