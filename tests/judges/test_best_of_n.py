"""Best-of-n: the best-scored answer to each prompt, whatever the order in which they come."""

from judges.best_of_n import best_answers
from runs.records import Response
from tests.judges.test_pairs import answer, verdict


def best(*scored: tuple[Response, float | None]) -> list[Response]:
    return best_answers([response for response, _ in scored], [verdict(one, score) for one, score in scored])


def test_each_prompt_has_its_best_answer_also_where_it_makes_no_pair() -> None:
    one, other, alone = answer("p", "one"), answer("p", "other"), answer("q", "alone")
    assert best((alone, 1.0), (one, 2.0), (other, 4.0)) == [other, alone]


def test_what_was_cut_off_or_has_no_score_is_never_the_best() -> None:
    cut, mute, fair = answer("p", "cut", stop="length"), answer("p", "mute"), answer("p", "fair")
    assert best((cut, 5.0), (mute, None), (fair, 1.0)) == [fair]
    assert best((cut, 5.0), (mute, None)) == []


def test_an_answer_sampled_twice_has_the_mean_of_its_scores() -> None:
    twice, again, fair = answer("p", "twice", 1), answer("p", "twice", 2), answer("p", "fair")
    assert best((twice, 5.0), (again, 1.0), (fair, 4.0)) == [fair]


def test_of_equally_good_answers_the_order_decides_nothing() -> None:
    scored = [(answer("p", text), 3.0) for text in "abcd"]
    assert best(*scored) == best(*reversed(scored))
