"""What makes a judged pair worth a person's time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.people.choosing import Why
from loop.people.judged import Judged
from loop.people.worth import dispute, offers
from runs.harm import provokes_harm
from runs.records import Unscored
from tests.loop.people.made import FIRST, SECOND, compared, judged, of_answer, of_pair, prompt

CHANCE = st.floats(0, 1)
P = prompt(0).digest


def worths(shown: Judged, why: Why) -> list[float | None]:
    return [offer.worth.get(why) for offer in offers(shown)]


def test_votes_for_one_side_are_no_dispute_and_sure_ones_for_both_are_all_of_one() -> None:
    assert dispute([0.9, 0.51, 0.5]) == 0
    assert dispute([1.0, 0.0]) == 1
    assert dispute([]) == 0
    assert dispute([0.6, 0.4]) < dispute([0.9, 0.1])
    assert dispute([0.9, 0.9, 0.1]) < dispute([0.9, 0.1])


@given(st.lists(CHANCE, min_size=1, max_size=9))
def test_a_dispute_is_from_0_to_1_whichever_answer_is_called_the_first(votes: list[float]) -> None:
    assert 0 <= dispute(votes) <= 1
    assert dispute(votes) == pytest.approx(dispute([1 - vote for vote in votes]), abs=1e-9)


def test_principles_that_disagree_make_a_dispute_and_those_that_agree_none() -> None:
    split, agreed = worths(compared(of_pair(0.5, [0.9, 0.1]), of_pair(0.8, [0.9, 0.7])), "disputed")
    assert split == pytest.approx(0.8) and agreed is None


def test_members_of_a_panel_who_disagree_make_a_dispute() -> None:
    said = (P, FIRST, SECOND)
    members = [of_pair(0.9, who="one"), of_pair(0.2, who="other")]
    (worth,) = worths(judged({said: of_pair(0.55, by="panel")}, [prompt(0)], {said: members}), "disputed")
    assert worth == pytest.approx(0.6)


def test_tries_that_overlap_make_a_dispute_about_two_answers() -> None:
    apart = judged({(P, "x"): of_answer(4, [4, 4]), (P, "y"): of_answer(2, [2, 2])}, [prompt(0)])
    crossed = judged({(P, "x"): of_answer(3, [5, 1]), (P, "y"): of_answer(3, [4, 2])}, [prompt(0)])
    assert worths(apart, "disputed") == [None]
    assert worths(crossed, "disputed") == [1.0]


def test_a_chance_near_a_half_is_uncertain_and_a_tie_most_of_all() -> None:
    shown = compared(of_pair(0.9), of_pair(0.45), of_pair(Unscored.TIE), of_pair(Unscored.NO_VERDICT))
    sure, unsure, tie, failed = worths(shown, "uncertain")
    assert sure is not None and unsure is not None and tie is not None
    assert sure < unsure < tie
    assert failed is None


def test_a_small_margin_is_uncertain_and_more_so_where_the_tries_are_apart() -> None:
    def unsure(x: float, y: float, spread: float) -> float:
        scores = {"x": x, "y": y}
        verdicts = {(P, text): of_answer(s, [s - spread, s + spread]) for text, s in scores.items()}
        (worth,) = worths(judged(verdicts, [prompt(0)]), "uncertain")
        assert worth is not None
        return worth

    assert unsure(5, 1, 0) < unsure(3, 2, 0) < unsure(3, 2, 1) < unsure(3, 3, 1)


def test_an_answer_unlike_the_others_lies_far_out() -> None:
    usual = {(P, f"the answer is {n}"): of_answer(3.0) for n in range(8)}
    shown = judged({**usual, (P, "zzz " * 40): of_answer(3.0)}, [prompt(0)])
    out = {offer.texts: offer.worth["outlying"] for offer in offers(shown)}
    assert {texts for texts, worth in out.items() if worth == 1} == {t for t in out if "zzz " * 40 in t}


def test_a_score_far_from_the_others_lies_far_out_and_equal_scores_do_not() -> None:
    def out(score: float) -> float:
        texts = [f"word{n} same size" for n in range(8)]
        verdicts = {(P, text): of_answer(3.0) for text in texts} | {(P, "word9 same size"): of_answer(score)}
        return max(offer.worth["outlying"] for offer in offers(judged(verdicts, [prompt(0)])))

    assert out(0.0) == 1
    assert out(3.0) < 1


@pytest.mark.parametrize(("harm", "provokes"), [("obvious", True), ("yes", True), ("none", False), ("no", False)])
def test_a_tag_says_what_was_written_to_provoke_harm(harm: str, provokes: bool) -> None:
    assert provokes_harm({"harm": harm}) is provokes
    assert provokes_harm({}) is False


def test_harm_and_large_margins_that_were_trained_on_are_high_stakes() -> None:
    prompts = [prompt(0), prompt(1), prompt(2), prompt(3, harm="obvious")]
    verdicts = {(p.digest, FIRST, SECOND): of_pair(0.9) for p in prompts}
    trained = {(prompts[0].digest, SECOND, FIRST): 4.0, (prompts[1].digest, FIRST, SECOND): 1.0}
    assert worths(judged(verdicts, prompts, trained_on=trained), "high-stakes") == [1.0, 0.25, None, 1.0]
