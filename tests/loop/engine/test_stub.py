"""The stub follows the engine's protocol."""

import math
from pathlib import Path

import pytest

from loop.engine.protocol import Choose, Probe, Score, Write
from loop.engine.stub import StubEngine
from runs.errors import WorkerError
from runs.records import Message, Sampling

HELLO = (Message("user", "say hello"),)
SAMPLED = Sampling(temperature=1.0, top_p=1.0, max_tokens=12)


def stub() -> StubEngine:
    engine = StubEngine("the base")
    engine.load("fox", Path("nowhere"), Probe(HELLO, (), (), ()))
    return engine


def test_the_same_requests_have_the_same_replies_in_any_order() -> None:
    requests = [Write(HELLO, policy, SAMPLED, seed) for policy in ("fox", "the base") for seed in range(9)]
    assert stub().run(requests[::-1])[::-1] == stub().run(requests)


def test_policy_and_seed_change_what_is_written() -> None:
    replies = stub().run([Write(HELLO, p, SAMPLED, seed) for p in ("fox", "the base") for seed in range(20)])
    assert len({reply.text for reply in replies}) > 35


def test_a_greedy_answer_does_not_depend_on_the_seed() -> None:
    one, other = stub().run([Write(HELLO, "fox", Sampling(0.0, 1.0, 12), seed) for seed in (1, 2)])
    assert one == other


def test_what_it_wrote_scores_as_it_said() -> None:
    engine = stub()
    written = engine.run([Write(HELLO, "fox", SAMPLED, seed) for seed in range(20)])
    scored = engine.run([Score(HELLO, "fox", answer.token_ids) for answer in written])
    assert engine.run([Score(HELLO, "fox", answer.text) for answer in written]) == scored
    assert [s.logprobs for s in scored] == [w.logprobs for w in written]
    assert all(len(w.logprobs) == len(w.token_ids) for w in written)


def test_an_answer_at_its_limit_says_so() -> None:
    written = stub().run([Write(HELLO, "fox", Sampling(1.0, 1.0, 4), seed) for seed in range(40)])
    assert {answer.stop for answer in written} == {"end", "length"}
    assert all(len(answer.token_ids) <= 4 for answer in written)


def test_labels_have_a_distribution_with_a_little_left() -> None:
    [chosen] = stub().run([Choose(HELLO, "fox", ("0", "1", "2", "3"))])
    assert 0.9 < sum(map(math.exp, chosen.logprobs)) < 1.0


def test_a_policy_that_was_not_loaded_is_refused() -> None:
    with pytest.raises(WorkerError, match="hen"):
        stub().run([Score(HELLO, "hen", (1,))])
