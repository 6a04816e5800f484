"""The reward that a policy stands for."""

import pytest

from judges.dialogue import Chances, Item, Likelihood, Likely
from judges.implicit import ImplicitReward
from runs.records import Message

ASKED = (Message("user", "add 1 and 2."),)
ITEM = Item(ASKED, ("3.",))
JUDGE = ImplicitReward(0.3, "s1:seed")


def test_the_implicit_reward_is_how_much_likelier_training_made_the_whole_answer() -> None:
    assert JUDGE.ask(ITEM, []) == (Likely(ASKED, "3."), Likely(ASKED, "3.", "s1:seed"))
    said = [(Likelihood(-6.0, 4), Likelihood(-10.0, 4))]
    assert JUDGE.ask(ITEM, said) == ()
    assert JUDGE.read(ITEM, said).score == pytest.approx(0.3 * 4)
    assert JUDGE.read(ITEM, [said[0][::-1]]).score == pytest.approx(-0.3 * 4)


def test_a_reply_of_another_kind_is_an_error_and_no_score() -> None:
    with pytest.raises(TypeError, match="Chances"):
        JUDGE.read(ITEM, [(Chances((-1.0,)), Chances((-1.0,)))])
