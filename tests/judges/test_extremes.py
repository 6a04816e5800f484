"""What else than scores decides which two answers make a pair: length, and who wrote them."""

from test_pairs import answer, verdict

from judges.extremes import Choice
from judges.pairs import Pairing, by_scores
from runs.records import Response


def pairing(choice: Choice, *scored: tuple[Response, float]) -> Pairing:
    judgments = [verdict(response, score) for response, score in scored]
    return by_scores([response for response, _ in scored], judgments, 0.1, "self", choice)


SCORED = [
    (answer("p", "best", tokens=9), 5.0),
    (answer("p", "nearly best", tokens=4), 4.0),
    (answer("p", "fair", tokens=1), 3.0),
    (answer("p", "nearly worst", tokens=8), 1.5),
    (answer("p", "worst", tokens=2), 1.0),
]


def chosen_and_rejected(choice: Choice) -> tuple[str, str]:
    (pair,), _ = pairing(choice, *SCORED)
    text = {response.digest: response.text for response, _ in SCORED}
    return text[pair.chosen], text[pair.rejected]


def test_within_rho_of_the_range_the_shortest_is_chosen_and_the_longest_rejected() -> None:
    assert chosen_and_rejected(Choice()) == ("best", "worst")
    assert chosen_and_rejected(Choice(length_control=0.0)) == ("best", "worst")
    assert chosen_and_rejected(Choice(length_control=0.2)) == ("best", "nearly worst")
    assert chosen_and_rejected(Choice(length_control=0.25)) == ("nearly best", "nearly worst")


def test_with_rho_0_length_decides_between_equals_alone() -> None:
    scored = [(answer("p", text, tokens=n), score) for text, n, score in (("a", 9, 3.0), ("b", 2, 3.0), ("c", 5, 1.0))]
    (pair,), _ = pairing(Choice(length_control=0.0), *scored)
    assert pair.chosen == scored[1][0].digest


def test_a_chosen_answer_that_is_too_much_longer_gives_no_pair() -> None:
    pairs, unpaired = pairing(Choice(max_longer_tokens=6), *SCORED)
    assert (pairs, unpaired.longer) == ((), 1)
    assert len(pairing(Choice(max_longer_tokens=7), *SCORED).pairs) == 1


def test_an_answer_that_is_never_chosen_can_be_rejected_and_lends_nobody_its_bar() -> None:
    own, same, anchored = answer("p", "good"), answer("p", "good", seed=1), answer("p", "bad")
    barred = Choice(never_chosen=frozenset({same.digest, anchored.digest}))
    (pair,), _ = pairing(barred, (own, 4.0), (same, 4.0), (anchored, 1.0))
    assert (pair.chosen, pair.rejected) == (own.digest, anchored.digest)
    pairs, unpaired = pairing(barred, (own, 1.0), (anchored, 4.0))
    assert (pairs, unpaired.below_margin) == ((), 1)
    assert pairing(Choice(never_chosen=frozenset({own.digest, anchored.digest})), (own, 4.0), (anchored, 1.0))[0] == ()
