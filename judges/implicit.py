"""The reward that a policy stands for: how much likelier training made an answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from judges.dialogue import Item, Likely, Round, Verdict, likelihoods


@dataclass(frozen=True)
class ImplicitReward:
    """One answer, of which no word is said: the reward that a policy trained by DPO maximises (2305.18290, section 4).

    beta * (log p(answer | prompt) - log p_reference(answer | prompt)), without ends. What hangs on the prompt alone is
    left out, so that only answers to one prompt compare. `reference` is the policy that training began from.
    """

    beta: float
    reference: str
    method: ClassVar[str] = "implicit"
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Likely, ...]:
        """How likely the answer is, by the policy and by its reference."""
        if rounds:
            return ()
        return Likely(item.messages, item.texts[0]), Likely(item.messages, item.texts[0], self.reference)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The reward."""
        own, reference = likelihoods(rounds[0])
        return Verdict(self.beta * (own.logprob - reference.logprob), None, ())
