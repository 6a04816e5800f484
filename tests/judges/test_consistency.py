"""Agreement of rankings, against scipy and against rankings whose agreement is known."""

import random

import pytest
from scipy.stats import kendalltau
from test_pairs import answer, verdict

from judges.consistency import consistency, kendall_tau


def test_kendalls_tau_is_scipys_where_nothing_ties() -> None:
    rng = random.Random(0)
    for n in (2, 5, 9):
        ranked = [(rng.random(), rng.random()) for _ in range(n)]
        assert kendall_tau(ranked) == pytest.approx(kendalltau(*zip(*ranked, strict=True)).statistic)


def test_a_tie_is_no_agreement() -> None:
    assert kendall_tau([(1, 1), (2, 1)]) == 0
    assert kendall_tau([(1, 1), (2, 2), (3, 2)]) == pytest.approx(2 / 3)


def test_the_same_order_is_1_the_opposite_0_and_a_prompt_with_one_text_is_left_out() -> None:
    responses = [answer(prompt, text) for prompt in "pq" for text in "abc"] + [answer("r", "a")]
    now = [verdict(response, float("abc".index(response.text))) for response in responses]
    then = [verdict(r, float("abc".index(r.text)) * (1 if r.prompt == "p" else -1), seed=1) for r in responses]
    assert consistency(responses, now, then) == {"p": 1.0, "q": 0.0}


def test_a_text_that_one_of_the_two_did_not_score_takes_no_part() -> None:
    responses = [answer("p", text) for text in "abc"]
    now = [verdict(response, score) for response, score in zip(responses, (1.0, 2.0, 3.0), strict=True)]
    then = [verdict(response, score) for response, score in zip(responses, (1.0, None, 0.5), strict=True)]
    assert consistency(responses, now, then) == {"p": 0.0}
