"""What answers repeat."""

import random

import pytest

from judges.text_repetition import (
    boilerplate_fracs,
    commonest_frac,
    compression_ratio,
    distinct_frac,
    self_repetition_frac,
    shared_openings,
    templated,
)

PHRASE = "you are valid valued and cared for"


def fresh(count: int, seed: int = 0) -> str:
    """Words that no other text has."""
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("bcdfghjklm", k=8)) for _ in range(count))


def test_boilerplate_is_the_share_of_words_in_phrases_of_several_answers() -> None:
    answers = [f"{fresh(7, seed)} {PHRASE}" for seed in range(3)] + [fresh(14, 9)]
    assert boilerplate_fracs(answers) == pytest.approx([0.5, 0.5, 0.5, 0])


def test_two_answers_alone_make_no_boilerplate() -> None:
    assert boilerplate_fracs([PHRASE, PHRASE, fresh(7)]) == [0, 0, 0]


def test_a_phrase_said_often_in_one_answer_is_no_boilerplate() -> None:
    assert boilerplate_fracs([" ".join([PHRASE] * 5), fresh(9, 1), fresh(9, 2)]) == [0, 0, 0]
    assert self_repetition_frac(" ".join([PHRASE] * 5)) > 0.7
    assert self_repetition_frac(fresh(30)) == 0


def test_an_opening_is_shared_with_another_answer() -> None:
    answers = ["It sounds like rain", "it sounds like: fun!", "Beauty is subjective", "no", "no"]
    assert shared_openings(answers) == [True, True, False, False, False]


def test_alike_answers_are_less_distinct_and_compress_better() -> None:
    alike, unlike = [f"{PHRASE} {fresh(2, seed)}" for seed in range(20)], [fresh(9, seed) for seed in range(20)]
    of_alike, of_unlike = distinct_frac(alike, 2), distinct_frac(unlike, 2)
    assert of_alike is not None and of_unlike == 1
    assert of_alike < 0.6
    packed, loose = compression_ratio(alike), compression_ratio(unlike)
    assert packed is not None and loose is not None
    assert packed > loose


def test_nothing_has_no_number() -> None:
    assert distinct_frac(["one"], 2) is None
    assert compression_ratio([]) is None
    assert boilerplate_fracs(["", "hm"]) == [0, 0]
    assert self_repetition_frac("") == 0


def test_an_answer_is_a_template_if_more_than_a_share_of_the_others_begin_or_end_as_it_does() -> None:
    answers = [f"{fresh(5, n)} so it is" for n in range(3)] + [f"{fresh(5, n)} the end here" for n in (7, 8)]
    answers += [fresh(8, n) for n in range(20, 36)]
    assert templated(answers, share=0.1) == [False] * 21  # 2 of 20 others are no more than a tenth
    assert templated(answers, share=0.05) == [True] * 3 + [False] * 18
    assert templated(["no", "no", "no"]) == [False] * 3


def test_the_commonest_answer_is_counted_word_by_word() -> None:
    assert commonest_frac(["It depends.", "it depends", "7", "12"]) == 0.5
    assert commonest_frac([]) is None
