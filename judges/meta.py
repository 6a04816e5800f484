"""The meta-judge: which of two judgments of one answer is right (Meta-Rewarding; Wu et al., 2407.19594).

What a judge is trained on comes of many of its verdicts: `judges.judgment_pairs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from constitutions.fill import fill, request_text
from constitutions.load import Constitution
from judges.dialogue import Choose, Item, Round, Verdict, chances
from judges.letters import LETTERS, ORDERS, first_is_better, likelihood_of_a
from judges.verdict import LABEL
from judges.voting import Voting
from runs.records import Message, Reply, Unscored


@dataclass(frozen=True)
class Meta:
    """Two judgments of one answer, compared by the likelihood of A and B, in both orders, and averaged.

    An item's texts are the answer and the two judgments. `strip_scores` hides what each concludes, so that the reasons
    must speak: in the paper the meta-judge came to prefer the higher score in 98 % of its verdicts.
    """

    constitution: Constitution
    min_mass: float
    strip_scores: bool = False
    method: ClassVar[str] = "meta"
    compares: ClassVar[int] = 3

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Choose, ...]:
        """The first judgment as A, then the second one."""
        if rounds:
            return ()
        answer, *judgments = item.texts
        first, second = map(without_score, judgments) if self.strip_scores else judgments
        return tuple(
            Choose((Message("user", self._question(item, answer, a, b)),), LETTERS)
            for a, b in ((first, second), (second, first))
        )

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The probability that the first judgment is right. Raises ValueError where the engine is broken."""
        reads = [
            read if isinstance(read, Unscored) else first_is_better(read, order)
            for order, chosen in zip(ORDERS, chances(rounds[0]), strict=True)
            for read in [likelihood_of_a(chosen.logprobs, self.min_mass)]
        ]
        tally = Voting().tally([Voting().vote(reads[:1], reads[1:])], [1.0])
        replies = tuple(
            Reply("", order, "", None if isinstance(read, Unscored) else read)
            for order, read in zip(ORDERS, reads, strict=True)
        )
        return Verdict(tally.score, tally.probability, replies)

    def _question(self, item: Item, answer: str, a: str, b: str) -> str:
        return fill(
            self.constitution.question("meta"),
            request=request_text(item.messages),
            response=answer,
            judgment_a=a,
            judgment_b=b,
        )


def without_score(judgment: str) -> str:
    """A judgment without the lines that state a score."""
    return "\n".join(line for line in judgment.split("\n") if not LABEL.match(line))
