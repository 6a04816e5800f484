"""Pairs of judgments: whatever the meta-judge's taste for a place, and whatever the order they come in."""

import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.judgment_pairs import (
    Battle,
    JudgmentPair,
    PlaceWeights,
    WrittenJudgment,
    capped,
    judgment_pairs,
    judgment_strengths,
    most_disputed,
    place_weights,
)
from judges.statistics import Estimate
from judges.tournament import Compared, pairs_of, strengths


def judgment(name: str, score: float, response: str = "r", prompt: str = "p", text: str = "") -> WrittenJudgment:
    return WrittenJudgment(name, prompt, response, text or f"says {name}", score)


def strong(**values: float) -> dict[str, Estimate]:
    return {name: Estimate(value, value - 1, value + 1) for name, value in values.items()}


def both_orders(first: str, second: str, sure: float, place: float = 0.0) -> list[Battle]:
    """A meta-judge that finds `first` right with probability `sure`, in log-odds shifted towards the first place."""

    def shifted(probability: float) -> float:
        return 1 / (1 + (1 - probability) / probability * math.exp(-place))

    return [Battle(first, second, shifted(sure)), Battle(second, first, shifted(1 - sure))]


# ---- strengths -------------------------------------------------------------------------------------------------------


def test_a_place_that_wins_often_counts_less() -> None:
    three_of_four = [Battle("a", "b", 1.0), Battle("b", "a", 1.0), Battle("a", "c", 1.0), Battle("c", "a", 0.0)]
    assert place_weights(three_of_four) == PlaceWeights(first=0.25, second=0.75)
    assert place_weights([]) == (0.5, 0.5)


def test_strengths_are_those_of_the_papers_battle_matrix() -> None:
    battles = [Battle("a", "b", 1.0), Battle("b", "a", 1.0), Battle("b", "c", 1.0), Battle("c", "b", 0.0)]
    # Three wins in first place and one in second: w1 = 1/4, w2 = 3/4.
    by_hand = [Compared("a", "b", 1.0, 0.25), Compared("b", "a", 1.0, 0.25), Compared("b", "c", 1.0, 0.25 + 0.75)]
    wanted = {key: own.value for key, own in strengths(by_hand).items()}
    assert {key: own.value for key, own in judgment_strengths(battles).items()} == pytest.approx(wanted)


def test_a_meta_judge_that_only_sees_the_place_tells_no_judgment_apart() -> None:
    battles = [Battle(x, y, 1.0) for x, y in [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("b", "c"), ("c", "b")]]
    assert [own.value for own in judgment_strengths(battles).values()] == pytest.approx([0, 0, 0])


@pytest.mark.parametrize("place", [-1.0, 0.0, 1.0])
def test_the_better_judgments_are_stronger_whatever_the_taste_for_a_place(place: float) -> None:
    truth = {"a": 2.0, "b": 1.0, "c": 0.0, "d": -1.0}
    battles = [
        battle
        for x, y in pairs_of(truth)
        for battle in both_orders(x, y, 1 / (1 + math.exp(truth[y] - truth[x])), place)
    ]
    found = judgment_strengths(battles)
    assert sorted(found, key=lambda key: -(found[key].value or 0)) == ["a", "b", "c", "d"]


# ---- pairs -----------------------------------------------------------------------------------------------------------


def test_of_each_prompt_the_answer_is_taken_whose_scores_vary_most() -> None:
    agreed = [judgment("a1", 3, "agreed"), judgment("a2", 3, "agreed")]
    split = [judgment("s1", 1, "split"), judgment("s2", 5, "split")]
    other = [judgment("o1", 2, "q-answer", "q"), judgment("o2", 2, "q-answer", "q")]
    assert most_disputed([*split, *agreed, *other]) == {"p": split}


def test_the_strongest_judgment_is_chosen_over_the_weakest() -> None:
    best, fair, worst = judgment("x", 5), judgment("y", 4), judgment("z", 1)
    assert judgment_pairs([fair, worst, best], strong(x=2, y=1, z=-3), 100) == [JudgmentPair(best, worst)]


def test_judgments_of_different_answers_never_pair() -> None:
    own = [judgment("a", 5, "r1"), judgment("b", 1, "r2")]
    assert judgment_pairs(own, strong(a=2, b=-2), 100) == []


def test_equally_strong_judgments_and_equal_texts_give_no_pair() -> None:
    assert judgment_pairs([judgment("a", 5), judgment("b", 1)], strong(a=0, b=0), 100) == []
    same = [judgment("a", 5, text="same"), judgment("b", 5, text="same")]
    assert judgment_pairs(same, strong(a=1, b=-1), 100) == []


def test_a_judgment_without_a_battle_takes_no_part() -> None:
    best, worst, unmet = judgment("a", 5), judgment("b", 1), judgment("c", 3)
    assert judgment_pairs([best, worst, unmet], strong(a=1, b=-1), 100) == [JudgmentPair(best, worst)]


def test_a_chosen_judgment_that_is_too_long_gives_no_pair_and_no_other_stands_in() -> None:
    own = [judgment("a", 5, text="x" * 101), judgment("b", 4), judgment("c", 1, text="y" * 500)]
    assert judgment_pairs(own, strong(a=3, b=1, c=-1), 100) == []
    assert len(judgment_pairs(own, strong(a=1, b=3, c=-1), 100)) == 1  # a long one may be rejected


def pairs_stating(scores: Sequence[float]) -> list[JudgmentPair]:
    return [JudgmentPair(judgment(f"c{n}", score), judgment(f"r{n}", 0)) for n, score in enumerate(scores)]


def test_pairs_of_judgments_stay_within_their_share_of_the_training_set() -> None:
    assert len(capped(pairs_stating([1, 2, 3, 4, 5] * 20), others=85)) == 15
    assert capped(pairs_stating([1, 2, 3, 4, 5]), others=0) == []


def test_a_judge_that_always_says_the_same_score_gives_no_pairs() -> None:
    assert capped(pairs_stating([5] * 50), others=10_000) == []


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), max_size=40), st.integers(0, 300), st.randoms())
@settings(max_examples=200)
def test_both_caps_hold_and_the_order_does_not_matter(scores: list[float], others: int, lot: random.Random) -> None:
    pairs = pairs_stating(scores)
    kept = capped(pairs, others)
    assert kept == capped(lot.sample(pairs, len(pairs)), others)
    assert len(kept) <= 0.15 * (len(kept) + others) + 1e-9
    assert all(count <= 0.4 * len(kept) + 1e-9 for count in Counter(pair.chosen.score for pair in kept).values())
    assert {pair.chosen.digest for pair in kept} <= {pair.chosen.digest for pair in pairs}
