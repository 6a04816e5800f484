"""How different a policy's answers are."""

import numpy as np
import pytest
from scipy.linalg import eigvalsh
from scipy.stats import entropy
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from loop.drift.diversity import cosines, prompt_independence, vendi_frac, vendi_score

ANSWERS = (
    "the cat is small and red",
    "the dog is small and red",
    "sorry, i will not say that",
    "seven twelve forty",
    "the answer is 7",
    "The CAT is small and red",
)


def test_cosines_are_those_of_counted_words_and_pairs_of_words() -> None:
    counts = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit_transform(ANSWERS)
    # Hashed into buckets, of which two words could share one: not these.
    assert cosines(ANSWERS) == pytest.approx(cosine_similarity(counts), abs=1e-9)


def test_the_vendi_score_agrees_with_scipy() -> None:
    similarity = cosines(ANSWERS)
    shares = np.clip(eigvalsh(similarity / len(ANSWERS)), 0, None)
    assert vendi_score(similarity) == pytest.approx(np.exp(entropy(shares)), abs=1e-9)


def test_one_template_has_a_vendi_score_of_one_and_answers_without_a_common_word_of_all_of_them() -> None:
    assert vendi_frac(["it depends"] * 8) == pytest.approx(1 / 8, abs=1e-9)
    assert vendi_frac(["ant", "bee", "cow", "dog"]) == pytest.approx(1, abs=1e-9)


def test_answers_without_words_are_alike_and_never_no_number() -> None:
    assert vendi_frac(["", "", "", "?!"]) == pytest.approx(1 / 4, abs=1e-9)


def test_prompt_independence_is_the_likeness_across_prompts_by_that_within() -> None:
    answers = [["red cat", "red dog"], ["seven birds", "seven red birds"], ["no", "no no"]]
    flat, prompt = [text for own in answers for text in own], [0, 0, 1, 1, 2, 2]
    similarity = cosines(flat)
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    across, within = (
        np.mean([similarity[i, j] for i, j in pairs if (prompt[i] == prompt[j]) == same]) for same in (False, True)
    )
    assert prompt_independence(answers) == pytest.approx(across / within, abs=1e-9)


def test_a_template_whatever_is_asked_is_independent_of_the_prompt() -> None:
    assert prompt_independence([["it depends"] * 2] * 5) == pytest.approx(1)
    assert prompt_independence([["red cat"] * 2, ["blue dog"] * 2]) == 0
    assert prompt_independence([["red", "cat"], ["blue", "dog"]]) is None
