"""The additive rubric of Self-Rewarding Language Models (Yuan et al., 2401.10020, figure 2), asked K times.

The judge reasons in a few words, adds a point for each thing that the answer does, and ends with `Score: N`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar

from constitutions.exemplars import judging_question
from constitutions.fill import request_text
from constitutions.load import Constitution
from judges import verdict
from judges.dialogue import Item, Round, Verdict, Write, texts
from judges.voting import average
from runs.records import Message, Reply, Unscored


@dataclass(frozen=True)
class Rubric:
    """One answer, `tries` written replies, each with its score on the last line: the mean of what could be read.

    Where fewer than `min_readable_frac` (0..1) of the replies could be read, or none: the commonest reason instead.
    The replies and their scores are kept, and so the spread. Where the question asks for a line `Confidence: N%`, the
    mean confidence of the replies that were read is the verdict's probability.
    """

    constitution: Constitution
    tries: int
    min_readable_frac: float
    method: ClassVar[str] = "rubric"
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Write, ...]:
        """The same question `tries` times: what was asked and answered, and nothing else but the exemplars."""
        if rounds:
            return ()
        question = judging_question(self.constitution, "rubric", request_text(item.messages), item.texts[0])
        return tuple(Write((Message("user", question),), sample=number) for number in range(self.tries))

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The mean over the replies that state a score."""
        written = texts(rounds[0])
        reads = [verdict.read(reply.text, reply.finished, self.constitution.scale) for reply in written]
        replies = tuple(
            Reply("", "", reply.text, None if isinstance(read, Unscored) else read)
            for reply, read in zip(written, reads, strict=True)
        )
        stated = [
            verdict.confidence(reply.text)
            for reply, read in zip(written, reads, strict=True)
            if not isinstance(read, Unscored)
        ]
        known = [confidence for confidence in stated if confidence is not None]
        sure = fmean(known) if known and len(known) == len(stated) else None
        return Verdict(average(reads, self.min_readable_frac), sure, replies)
