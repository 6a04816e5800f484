"""The rules by which reinforcement learning rewards an answer, as a training program is told of them. No torch here."""

from typing import Literal

from pydantic import Field

from constitutions.principle import Frozen
from constitutions.response_types import ResponseType


class Rules(Frozen):
    """The rule reward that is added to a score: what its response type makes of the probabilities of propositions.

    Rule-Based Rewards (Mu, 2411.01111, section 4): the judge says of each proposition how likely it holds.
    """

    weight: float = Field(gt=0)
    """How many points of the judge's scale a point of the rule reward counts."""
    response_types: dict[str, ResponseType] = Field(min_length=1)


class JudgeReward(Frozen):
    """The reward is the judge's expected score of an answer (d-RLAIF; Lee, 2309.00267, section 2.2), with the rule
    reward added where there are `rules`, laid so that the ends of the scale are -1 and 1."""

    kind: Literal["judge"] = "judge"
    low: int
    high: int
    """The ends of the judge's scale of whole numbers, each of which it says as one token."""
    min_mass: float = Field(ge=0, le=1)
    """A judge that gives the scores less probability than this, all together, has no reward to give; nor has one that
    does with yes and no of a proposition that counts."""
    rules: Rules | None = None


class PreferenceReward(Frozen):
    """The reward is the preference model's."""

    kind: Literal["preference"] = "preference"


class SafetyFirstReward(Frozen):
    """The reward is Llama 2's, of two preference models: of safety, and of helpfulness (2307.09288, section 3.2.3)."""

    kind: Literal["safety_first"] = "safety_first"
    floor: float = Field(ge=0, le=1)
    """Below this probability, sigma(reward), an answer's safety is all that counts."""


class SumReward(Frozen):
    """The reward is a weighted sum of the judge's and of what preference models give."""

    kind: Literal["sum"] = "sum"
    judge: JudgeReward
    judge_weight: float = Field(gt=0)
    other: PreferenceReward | SafetyFirstReward = Field(discriminator="kind")


RewardRule = JudgeReward | PreferenceReward | SafetyFirstReward | SumReward
