"""Pairs: the best answer against the worst, whatever the order in which they come."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.pairs import Pairing, by_scores
from runs.records import Judgment, Response, Sampling, Stop, Unscored


def answer(prompt: str, text: str, seed: int = 0, stop: Stop = "end", tokens: int = 3) -> Response:
    return Response(
        prompt, "s1:policy", "adapter", Sampling(1.0, 1.0, 8), seed, text, (1,) * tokens, (-1.0,) * tokens, stop
    )


def verdict(response: Response, score: float | None, seed: int = 0) -> Judgment:
    return Judgment(
        target="response",
        judged=(response.digest,),
        adapter="s1:policy",
        by="adapter",
        method="rubric",
        constitution="s1:constitution",
        principles=(),
        replies=(),
        score=score,
        unscored=Unscored.NO_VERDICT if score is None else None,
        probability=None,
        seed=seed,
    )


def pairing(*scored: tuple[Response, float | None], min_margin: float = 0.5) -> Pairing:
    judgments = [verdict(response, score) for response, score in scored]
    return by_scores([response for response, _ in scored], judgments, min_margin, "self")


def test_the_best_answer_is_chosen_over_the_worst() -> None:
    good, fair, bad = answer("p", "good"), answer("p", "fair"), answer("p", "bad")
    pairs, unpaired = pairing((fair, 3.0), (good, 4.5), (bad, 1.0))
    (pair,) = pairs
    assert (pair.prompt, pair.chosen, pair.rejected) == ("p", good.digest, bad.digest)
    assert (pair.margin, pair.label_probability, pair.weight, pair.label_source) == (3.5, 1.0, 1.0, "self")
    assert pair.judgments == (verdict(good, 4.5).digest, verdict(bad, 1.0).digest)
    assert sum(unpaired) == 0


def test_each_prompt_gives_at_most_one_pair_and_prompts_never_mix() -> None:
    scored = [(answer(prompt, text), score) for prompt in "rqp" for text, score in (("x", 1.0), ("y", 2.0), ("z", 3.0))]
    pairs, _ = pairing(*scored)
    assert [pair.prompt for pair in pairs] == ["p", "q", "r"]
    prompt_of = {response.digest: response.prompt for response, _ in scored}
    assert all(prompt_of[pair.chosen] == prompt_of[pair.rejected] == pair.prompt for pair in pairs)


def test_an_unscored_answer_is_neither_chosen_nor_rejected() -> None:
    good, silent, bad = answer("p", "good"), answer("p", "silent"), answer("p", "bad")
    (pair,), _ = pairing((good, 4.0), (silent, None), (bad, 3.0))
    assert silent.digest not in (pair.chosen, pair.rejected)


def test_one_scored_answer_is_too_few() -> None:
    pairs, unpaired = pairing((answer("p", "good"), 4.0), (answer("p", "silent"), None))
    assert (pairs, unpaired.too_few_scored) == ((), 1)


def test_a_truncated_answer_may_be_rejected_but_never_chosen() -> None:
    cut, good = answer("p", "cut", stop="length"), answer("p", "good")
    pairs, unpaired = pairing((cut, 5.0), (good, 2.0))
    assert (pairs, unpaired.below_margin) == ((), 1)
    (pair,), _ = pairing((cut, 1.0), (good, 2.0))
    assert (pair.chosen, pair.rejected) == (good.digest, cut.digest)


def test_the_best_finished_answer_is_chosen_below_a_truncated_one() -> None:
    cut, good, bad = answer("p", "cut", stop="length"), answer("p", "good"), answer("p", "bad")
    (pair,), _ = pairing((cut, 5.0), (good, 4.0), (bad, 1.0))
    assert (pair.chosen, pair.rejected, pair.margin) == (good.digest, bad.digest, 3.0)


def test_truncated_answers_alone_give_no_pair() -> None:
    pairs, unpaired = pairing(*((answer("p", text, stop="length"), score) for text, score in (("a", 1.0), ("b", 4.0))))
    assert (pairs, unpaired.only_truncated) == ((), 1)


def test_equal_texts_are_never_paired_even_where_their_scores_differ() -> None:
    pairs, unpaired = pairing((answer("p", "same", seed=1), 1.0), (answer("p", "same", seed=2), 5.0))
    assert (pairs, unpaired.same_text) == ((), 1)


def test_a_text_that_was_sampled_twice_counts_with_its_mean_score() -> None:
    lucky, unlucky, other = answer("p", "twice", seed=1), answer("p", "twice", seed=2), answer("p", "once")
    (pair,), _ = pairing((lucky, 5.0), (unlucky, 1.0), (other, 4.0))
    assert (pair.chosen, pair.margin) == (other.digest, 1.0)
    assert set(pair.judgments) == {verdict(lucky, 5.0).digest, verdict(unlucky, 1.0).digest, verdict(other, 4.0).digest}


def test_a_text_that_once_came_to_its_end_can_be_chosen() -> None:
    for seed in range(8):  # whichever digest is lower
        cut, ended = answer("p", "twice", seed, stop="length"), answer("p", "twice", seed + 8)
        (pair,), _ = pairing((cut, 5.0), (ended, 5.0), (answer("p", "bad"), 1.0))
        assert pair.chosen == ended.digest


def test_equal_scores_are_a_tie_whatever_the_margin() -> None:
    for min_margin in (0.0, 1.0):
        pairs, unpaired = pairing((answer("p", "a"), 3.0), (answer("p", "b"), 3.0), min_margin=min_margin)
        assert (pairs, unpaired.tie) == ((), 1)


def test_a_difference_below_the_margin_gives_no_pair_and_one_of_the_margin_does() -> None:
    scored = (answer("p", "a"), 3.0), (answer("p", "b"), 3.5)
    assert pairing(*scored, min_margin=0.75) == ((), (0, 0, 0, 0, 1, 0, 0))
    assert len(pairing(*scored, min_margin=0.5).pairs) == 1


def test_of_equally_good_answers_neither_the_short_nor_the_long_is_favoured() -> None:
    tokens_of_chosen = []
    for prompt in range(200):
        short, long = answer(f"p{prompt}", "a", tokens=1), answer(f"p{prompt}", "b", tokens=9)
        (pair,), _ = pairing((short, 4.0), (long, 4.0), (answer(f"p{prompt}", "c"), 1.0))
        tokens_of_chosen.append(1 if pair.chosen == short.digest else 9)
    assert 70 <= tokens_of_chosen.count(1) <= 130  # four standard deviations of a fair coin's 100


@pytest.mark.parametrize(
    ("responses", "judgments", "says"),
    [
        (["x"], [], "1 responses have no judgment"),
        ([], ["x"], "which is not here"),
        (["x"], ["x", "x again"], "has two judgments"),
        (["x"], ["x as a pair"], "is of a pair"),
    ],
)
def test_responses_and_judgments_that_do_not_match_are_refused(
    responses: list[str], judgments: list[str], says: str
) -> None:
    one = answer("p", "x")
    known = {
        "x": verdict(one, 3.0),
        "x again": verdict(one, 3.0, seed=1),
        "x as a pair": replace(verdict(one, 3.0), target="pair", judged=(one.digest, one.digest)),
    }
    with pytest.raises(ValueError, match=says):
        by_scores([one for _ in responses], [known[name] for name in judgments], 0.0, "self")


STOPS: list[Stop] = ["end", "length"]
ANSWERS = st.builds(answer, st.sampled_from("pqr"), st.sampled_from("abcd"), st.integers(0, 99), st.sampled_from(STOPS))
SCORED = st.lists(
    st.tuples(ANSWERS, st.sampled_from([None, 0.0, 1.0, 1.5, 5.0])), max_size=14, unique_by=lambda s: s[0]
)


@given(SCORED, st.sampled_from([0.0, 1.0]), st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_the_order_of_the_inputs_changes_nothing_and_every_pair_keeps_the_rules(
    scored: list[tuple[Response, float | None]], min_margin: float, shuffler: random.Random
) -> None:
    responses = [response for response, _ in scored]
    judgments = [verdict(response, score) for response, score in scored]
    got = by_scores(responses, judgments, min_margin, "self")
    shuffler.shuffle(responses)
    shuffler.shuffle(judgments)
    assert by_scores(responses, judgments, min_margin, "self") == got

    by_digest = {response.digest: response for response in responses}
    score_of = {judgment.judged[0]: judgment.score for judgment in judgments}
    assert len(got.pairs) + sum(got.unpaired) == len({response.prompt for response in responses})
    for pair in got.pairs:
        chosen, rejected = by_digest[pair.chosen], by_digest[pair.rejected]
        assert chosen.prompt == rejected.prompt == pair.prompt
        assert chosen.text != rejected.text
        assert chosen.stop == "end"
        assert None not in (score_of[pair.chosen], score_of[pair.rejected])
        assert pair.margin > 0
        assert pair.margin >= min_margin
