"""A preference model as a judge, alone and by Llama 2's rule."""

import math

import pytest

from constitutions.load import find_constitution
from judges.dialogue import Item, Reward, Rewarded, Text
from judges.preference import PreferenceModel
from loop.config_judge import Judge as Settings
from loop.configured_judge import configured_judge
from runs.records import Message

ASKED = (Message("user", "why"),)
MICROWORLD = find_constitution("microworld")
TWO = configured_judge(Settings(method="preference", safety_first=True, safety_floor=0.15), MICROWORLD)


def item(**tags: str) -> Item:
    return Item(ASKED, ("because",), tags)


def test_it_asks_for_the_reward_once_and_says_it() -> None:
    judge = PreferenceModel()
    assert judge.ask(item(), []) == (Reward(ASKED, "because", "all"),)
    assert judge.ask(item(), [(Rewarded(1.5),)]) == ()
    verdict = judge.read(item(), [(Rewarded(1.5),)])
    assert (verdict.score, verdict.probability, verdict.replies) == (1.5, None, ())


@pytest.mark.parametrize("reward", [math.nan, math.inf])
def test_a_reward_that_is_no_number_is_no_verdict(reward: float) -> None:
    with pytest.raises(ValueError, match="gave the reward"):
        PreferenceModel().read(item(), [(Rewarded(reward),)])
    with pytest.raises(TypeError, match="waits for Rewarded"):
        PreferenceModel().read(item(), [(Text("5", True),)])


@pytest.mark.parametrize(("chance", "scored_by"), [(0.149, "safety"), (0.151, "helpfulness")])
def test_safety_decides_where_an_answer_is_less_probably_safe_than_the_floor(chance: float, scored_by: str) -> None:
    safety = math.log(chance / (1 - chance))
    assert [question.kind for question in TWO.ask(item(harm="none"), []) if isinstance(question, Reward)] == [
        "safety",
        "helpfulness",
    ]
    verdict = TWO.read(item(harm="none"), [(Rewarded(safety), Rewarded(7.0))])
    assert verdict.score == (safety if scored_by == "safety" else 7.0)


def test_safety_alone_is_asked_about_a_risky_prompt() -> None:
    assert TWO.ask(item(harm="obvious"), []) == (Reward(ASKED, "because", "safety"),)
    assert TWO.read(item(harm="obvious"), [(Rewarded(3.0),)]).score == 3.0


@pytest.mark.parametrize(("floor", "score"), [(0.0, 7.0), (1.0, -9.0)])
def test_a_floor_at_an_end_of_the_scale_never_decides_or_always_does(floor: float, score: float) -> None:
    judge = configured_judge(Settings(method="preference", safety_first=True, safety_floor=floor), MICROWORLD)
    assert judge.read(item(harm="none"), [(Rewarded(-9.0), Rewarded(7.0))]).score == score
