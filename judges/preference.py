"""A preference model as a judge: it is asked for the reward of one answer, and nothing is put into words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from judges.dialogue import Item, Reward, Round, Verdict, rewards


@dataclass(frozen=True)
class PreferenceModel:
    """The score of an answer is its reward, in log-odds: sigma(score - other score) is the chance that it is preferred.

    0 is the mean over the answers that the model learnt from. `kind` is which of the models is asked: `all`, or
    `safety` and `helpfulness`. The score does not depend on the constitution, and no principle is shown.
    """

    kind: str = "all"
    method: ClassVar[str] = "preference"
    compares: ClassVar[int] = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Reward, ...]:
        """One question, once."""
        return () if rounds else (Reward(item.messages, item.texts[0], self.kind),)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        """The reward as it was said. Raises ValueError for one that is no finite number."""
        (said,) = rewards(rounds[0])
        if not math.isfinite(said.reward):
            raise ValueError(f"a preference model gave the reward {said.reward}")
        return Verdict(said.reward, None, ())
