"""Many yes-or-no questions about one answer, weighed into a reward (Rule-Based Rewards; Mu et al., 2411.01111, §4).

Each proposition is one token's work for a judge, and a score that moves can be traced to the proposition that moved it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from constitutions.fill import fill, request_text
from constitutions.load import Constitution, Scale
from constitutions.response_types import response_type_for
from judges.dialogue import Choose, Item, Round, Verdict, chances
from judges.expected import expected_score
from runs.errors import ConfigError
from runs.records import Message, Reply, Unscored

LABELS = ("no", "yes")
TRUTH = Scale(low=0, high=1)
"""Whether a proposition holds is an expected score of two steps: the probability of `yes` among the two."""


@dataclass(frozen=True)
class Propositions:
    """Every proposition of the constitution put to the judge by itself; their probabilities make the rule reward.

    One on which the judge puts less than `min_mass` (0..1) on yes and no together is not known. The score is the
    reward of the response type that the prompt's tags call for. It is LOW_MASS where that type speaks of a proposition
    that is not known (whatever stood in for it would be invented), and ABSTAINED where no type fits the prompt.
    Raises ConfigError for a constitution without propositions or without the table.
    """

    constitution: Constitution
    min_mass: float
    method: ClassVar[str] = "propositions"
    compares: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not self.constitution.propositions or not self.constitution.response_types:
            raise ConfigError(
                f"constitution {self.constitution.name!r} needs `propositions:` and `response_types:` to judge by rules"
            )

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Choose, ...]:
        """A question for each proposition."""
        if rounds:
            return ()
        question, request = self.constitution.question("proposition"), request_text(item.messages)
        return tuple(
            Choose(
                (Message("user", fill(question, proposition=text, request=request, response=item.texts[0])),), LABELS
            )
            for text in self.constitution.propositions.values()
        )

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The reward, and the least mass of all propositions. Raises ValueError where the engine is broken."""
        ids = tuple(self.constitution.propositions)
        answers = [expected_score(chosen.logprobs, TRUTH, self.min_mass) for chosen in chances(rounds[0])]
        known = {id: score for id, (score, _) in zip(ids, answers, strict=True) if not isinstance(score, Unscored)}
        replies = tuple(Reply(id, "", "", known.get(id)) for id in ids)
        return Verdict(self._reward(item, known), min(mass for _, mass in answers), replies, ids)

    def _reward(self, item: Item, known: dict[str, float]) -> float | Unscored:
        kind = response_type_for(self.constitution.response_types, item.tags)
        if kind is None:
            return Unscored.ABSTAINED
        return kind.reward(known) if kind.propositions <= known.keys() else Unscored.LOW_MASS
