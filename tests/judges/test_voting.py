"""Votes: what is cast, what is not, and when all of them together are a verdict."""

import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from judges.voting import Tally, Voting, commonest
from runs.records import Unscored

PROBABILITY = st.floats(0, 1)
READ = st.one_of(PROBABILITY, st.sampled_from(Unscored))
VOTES = st.lists(st.tuples(READ, st.floats(0.1, 10)), min_size=1, max_size=8)
Votes = list[tuple[float | Unscored, float]]
VOTING = st.builds(Voting, st.floats(0, 1), st.floats(0.5, 1), st.floats(0.51, 1), st.booleans())


def tally(voting: Voting, votes: Votes) -> Tally:
    return voting.tally([vote for vote, _ in votes], [weight for _, weight in votes])


def test_a_vote_is_the_mean_of_both_orders_however_many_replies_each_gave() -> None:
    assert Voting().vote([1.0, 1.0, Unscored.NO_VERDICT], [0.5]) == 0.75


@pytest.mark.parametrize(("ab", "ba"), [([Unscored.TRUNCATED], [1.0]), ([1.0], [Unscored.TRUNCATED])])
def test_one_order_alone_is_no_vote(ab: list[float | Unscored], ba: list[float | Unscored]) -> None:
    assert Voting().vote(ab, ba) is Unscored.TRUNCATED


def test_a_share_of_the_replies_in_each_order_must_be_read() -> None:
    reads = ([1.0, Unscored.NO_VERDICT, Unscored.NO_VERDICT], [0.8, 0.8, 0.8])
    assert Voting(min_readable=0.3).vote(*reads) == pytest.approx(0.9)
    assert Voting(min_readable=0.5).vote(*reads) is Unscored.NO_VERDICT
    assert Voting(min_readable=0.5).vote([1.0, Unscored.TIE, Unscored.TIE], [1.0]) is Unscored.TIE


def test_orders_that_prefer_different_texts_are_inconsistent_where_that_matters() -> None:
    assert Voting(consistent=True).vote([0.9], [0.4]) is Unscored.INCONSISTENT
    assert Voting(consistent=True).vote([0.9], [0.5]) == 0.7
    assert Voting(consistent=False).vote([0.9], [0.4]) == 0.65


@given(PROBABILITY, PROBABILITY)
def test_a_consistent_vote_never_lies_between_orders_that_disagree(ab: float, ba: float) -> None:
    vote = Voting(consistent=True).vote([ab], [ba])
    assert (vote is Unscored.INCONSISTENT) == (min(ab, ba) < 0.5 < max(ab, ba) and (ab - 0.5) * (ba - 0.5) < 0)


def test_votes_count_by_their_weight() -> None:
    assert tally(Voting(), [(1.0, 3.0), (0.0, 1.0)]).score == 0.75


def test_a_share_of_all_weight_must_have_been_cast_abstentions_included() -> None:
    votes: Votes = [(1.0, 1.0), (Unscored.LOW_MASS, 1.0), (Unscored.LOW_MASS, 1.0)]
    assert tally(Voting(min_share=0.3), votes).score == 1.0
    assert tally(Voting(min_share=0.4), votes) == (Unscored.LOW_MASS, 1.0)


def test_without_any_vote_the_commonest_reason_stands_and_no_probability() -> None:
    votes: Votes = [
        (Unscored.INCONSISTENT, 1.0),
        (Unscored.TRUNCATED, 9.0),
        (Unscored.INCONSISTENT, 1.0),
    ]
    assert tally(Voting(), votes) == (Unscored.INCONSISTENT, None)


def test_an_even_vote_is_a_tie_and_no_half() -> None:
    assert tally(Voting(), [(0.9, 1.0), (0.1, 1.0)]).score is Unscored.TIE


def test_too_little_confidence_is_an_abstention_and_the_probability_is_kept() -> None:
    assert tally(Voting(min_confidence=0.8), [(0.3, 1.0)]) == (Unscored.ABSTAINED, 0.3)
    assert tally(Voting(min_confidence=0.8), [(0.2, 1.0)]) == (0.2, 0.2)


def test_no_vote_counts_for_more_than_the_greatest_certainty() -> None:
    score, probability = tally(Voting(max_certainty=0.6), [(1.0, 1.0), (0.55, 1.0)])
    assert score == pytest.approx((0.6 + 0.55) / 2)
    assert probability == pytest.approx((1.0 + 0.55) / 2)


def test_confidence_is_measured_before_clamping() -> None:
    assert tally(Voting(max_certainty=0.6, min_confidence=0.9), [(0.95, 1.0)]).score == 0.6


def test_a_label_that_only_the_clamping_turned_round_is_an_abstention() -> None:
    assert tally(Voting(max_certainty=0.6), [(1.0, 1.0), (0.35, 1.0), (0.35, 1.0)]).score is Unscored.ABSTAINED


@pytest.mark.parametrize("wrong", [{"min_share": 1.1}, {"min_confidence": 0.4}, {"max_certainty": 0.5}])
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Voting(**wrong)


@given(VOTING, VOTES, st.randoms())
def test_the_order_of_the_votes_does_not_matter(voting: Voting, votes: Votes, lot: random.Random) -> None:
    assert tally(voting, lot.sample(votes, len(votes))) == tally(voting, votes)


@given(VOTING, VOTES)
def test_a_label_is_within_the_clamp_and_on_the_side_that_the_judge_is_on(voting: Voting, votes: Votes) -> None:
    score, probability = tally(voting, votes)
    if not isinstance(score, Unscored):
        assert probability is not None
        assert 1 - voting.max_certainty - 1e-12 <= score <= voting.max_certainty + 1e-12
        assert score != 0.5
        assert max(probability, 1 - probability) >= voting.min_confidence
        assert (score - 0.5) * (probability - 0.5) >= 0


@given(VOTING, VOTES)
def test_the_other_text_first_gives_the_other_probability(voting: Voting, votes: Votes) -> None:
    score, probability = tally(voting, votes)
    confidence = 1.0 if probability is None else max(probability, 1 - probability)
    assume(abs(confidence - voting.min_confidence) > 1e-9)  # on the limit itself rounding decides
    other = tally(voting, [(vote if isinstance(vote, Unscored) else 1 - vote, weight) for vote, weight in votes])
    if isinstance(score, Unscored):
        assert other.score is score
    else:
        assert other.score == pytest.approx(1 - score, abs=1e-8)


def test_nothing_to_count_is_an_abstention() -> None:
    assert commonest([]) is Unscored.ABSTAINED
