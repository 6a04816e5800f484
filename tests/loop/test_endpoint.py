"""The endpoint as a judge: what it is asked, what is believed, what is tried again, and what it may cost."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import Answer, Behaviour, FakeEndpoint, chosen, fake_endpoint, sensible, written

from judges.dialogue import Chances, Choose, Question, Text, Write
from loop import endpoint as module
from loop.config import Config
from loop.config_endpoint import Endpoint as Limits
from loop.config_operational import Limits as AllLimits
from loop.endpoint import KEY, Endpoint
from loop.endpoint_replies import ABSENT, Kept
from loop.limits import LimitReached, LimitWatch
from runs.errors import ConfigError, WorkerError
from runs.records import Message, Sampling

SAMPLING = Sampling(0.7, 0.9, 32)
CHOOSE = Choose((Message("user", "A or B?"),), ("A", "B"))
WRITE = Write((Message("user", "why?"),))


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    monkeypatch.delenv(KEY, raising=False)
    yield


def ask(url: str, *questions: Question, kept: Kept | None = None, usd: float | None = None, **limits: Any) -> Any:
    asked = [(question, number) for number, question in enumerate(questions)]
    settings = Limits(**{"requests_per_s": 1000, "timeout_s": 5, **limits})
    watch = LimitWatch(AllLimits(endpoint=settings.model_copy(update={"usd": usd})), Path())
    return Endpoint(url, "m", settings).answers(asked, SAMPLING, watch, kept)


def once(body: Any, status: int = 200, **headers: str) -> Behaviour:
    """That answer to the first request, sensible ones afterwards."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda said, number: Answer(body, status, names) if number == 0 else sensible(said, number)


def always(body: Any, status: int = 200, after_s: float = 0.0) -> Behaviour:
    return lambda said, number: Answer(body, status, after_s=after_s)


def numbered(count: int) -> list[Question]:
    return [Write((Message("user", f"question {n}"),)) for n in range(count)]


def test_a_choice_reads_the_likelihoods_of_one_token_and_a_blank_before_it_is_the_same_word() -> None:
    with fake_endpoint(always(chosen({"A": math.log(0.5), " A": math.log(0.2), "C": -3.0}))) as seen:
        (reply,) = ask(seen.url, CHOOSE)
    assert reply.logprobs == (pytest.approx(math.log(0.7)), ABSENT)
    (body,) = seen.bodies
    assert body["max_tokens"] == 1 and body["logprobs"] is True and body["top_logprobs"] == 20
    assert body["messages"] == [{"role": "user", "content": "A or B?"}] and body["model"] == "m"


def test_a_written_reply_has_its_sampling_and_its_seed_and_says_whether_it_was_cut_off() -> None:
    with fake_endpoint(lambda body, n: Answer(written("so", "length" if body["seed"] else "stop"))) as seen:
        assert ask(seen.url, WRITE, WRITE) == [Text("so", True), Text("so", False)]
    assert {(body["temperature"], body["top_p"], body["max_tokens"]) for body in seen.bodies} == {(0.7, 0.9, 32)}


def test_each_reply_is_a_sign_of_progress_and_a_try_that_failed_is_none() -> None:
    replies: list[int] = []
    settings = Limits(requests_per_s=1000, timeout_s=5)
    with fake_endpoint(once({"error": "oh"}, 500)) as seen:
        endpoint = Endpoint(seen.url, "m", settings, on_reply=lambda: replies.append(len(seen.bodies)))
        endpoint.answers([(question, 0) for question in numbered(3)], SAMPLING, LimitWatch(AllLimits(), Path()))
    assert len(seen.bodies) == 4 and len(replies) == 3


def test_half_a_character_is_sent_as_a_question_mark() -> None:
    with fake_endpoint(sensible) as seen:
        ask(seen.url, Write((Message("user", "a\ud800b"),)))
    assert seen.bodies[0]["messages"][0]["content"] == "a?b"


def test_a_reply_without_words_is_an_empty_one() -> None:
    with fake_endpoint(always(written(None))) as seen:
        assert ask(seen.url, WRITE) == [Text("", True)]


@pytest.mark.parametrize(
    "broken",
    [
        once({"error": "slow down"}, 429, Retry_After="0.01"),
        once({"error": "oh"}, 500),
        once({"error": "oh"}, 503),
        once(b'{"choices": [{"mess'),
        once(b"\xff\xfe"),
        once(b"[" * 100_000),
        once([]),
        once({}),
        once({"choices": []}),
        once({"choices": [{"message": {"content": 5}, "finish_reason": "stop", "logprobs": {"content": [5]}}]}),
        once(chosen({"A": 0.5})),
        once(chosen({"A": -0.1, "B": -0.1})),
        once(b'{"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "A", "logprob": NaN}]}]}}]}'),
    ],
)
def test_what_fails_once_is_tried_again_and_never_becomes_a_label(broken: Behaviour) -> None:
    with fake_endpoint(broken) as seen:
        (reply,) = ask(seen.url, CHOOSE)
    assert isinstance(reply, Chances) and reply.logprobs == (-9.0, -9.0)
    assert len(seen.bodies) == 2


def test_a_written_reply_that_is_none_is_tried_again() -> None:
    with fake_endpoint(once({"choices": [{"message": {"content": ["no", "text"]}, "finish_reason": "stop"}]})) as seen:
        (reply,) = ask(seen.url, WRITE)
    assert reply == Text("it is right.\nScore: 4", True) and len(seen.bodies) == 2


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        (always({"error": "down"}, 500), "status 500.*down"),
        (always(sensible({}, 0).body, after_s=0.5), "no reply within 0.1 s"),
        (always(b"no json"), "no JSON"),
        (always(b" " * (module.MOST_BYTES + 1)), "more than"),
    ],
)
def test_what_goes_on_failing_is_a_worker_failure_with_the_reason(behave: Behaviour, says: str) -> None:
    with fake_endpoint(behave) as seen, pytest.raises(WorkerError, match=says):
        ask(seen.url, WRITE, attempts=2, timeout_s=0.1 if "within" in says else 5)
    if "within" not in says:  # a request that is given up may never have arrived
        assert len(seen.bodies) == (1 if says == "more than" else 2)


def test_nobody_there_is_a_worker_failure() -> None:
    with pytest.raises(WorkerError, match=r"no connection .*; start the server there, or set judge\.endpoint_url"):
        ask("http://127.0.0.1:9/v1", WRITE, attempts=2)


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_a_refusal_is_not_tried_again(status: int) -> None:
    with fake_endpoint(always({"error": "no"}, status)) as seen, pytest.raises(WorkerError, match=f"status {status}"):
        ask(seen.url, WRITE, attempts=5)
    assert len(seen.bodies) == 1


def test_an_endpoint_that_asks_for_patience_gets_it() -> None:
    with fake_endpoint(once({}, 429, Retry_After="0.3")) as seen:
        ask(seen.url, WRITE)
    assert seen.times[1] - seen.times[0] >= 0.3


def test_no_more_requests_are_under_way_or_begun_than_the_limits_say() -> None:
    with fake_endpoint(lambda body, n: Answer(written("x"), after_s=0.05)) as seen:
        ask(seen.url, *numbered(12), at_once=3, requests_per_s=40)
    assert seen.most_at_once <= 3
    assert max(seen.times) - min(seen.times) >= 11 / 40 * 0.9


def test_without_likelihoods_a_choice_fails_at_once_and_is_refused_at_the_door() -> None:
    with fake_endpoint(always(written("A"))) as seen:
        with pytest.raises(WorkerError, match="logprobs"):
            ask(seen.url, CHOOSE)
        assert len(seen.bodies) == 1
        judge, watch = Endpoint(seen.url, "m", Limits()), LimitWatch(Config().limits, Path())
        with pytest.raises(ConfigError, match=r"judge.endpoint_url: .*logprobs.*judge.method=rubric"):
            judge.try_out(True, watch)
        judge.try_out(False, watch)
        dear = Limits(usd=0.01, usd_per_million_prompt_tokens=1e6)
        with pytest.raises(ConfigError, match=r"limits.endpoint.usd=0.01"):
            Endpoint(seen.url, "m", dear).try_out(False, LimitWatch(AllLimits(endpoint=dear), Path()))


PRICES = {"usd_per_million_prompt_tokens": 5e4, "usd_per_million_reply_tokens": 0.0}  # a request: 1 US dollar


def test_spending_stops_before_the_limit_and_what_was_paid_for_is_kept(tmp_path: Path) -> None:
    questions = numbered(8)
    with fake_endpoint(always(written("x"))) as seen:
        with pytest.raises(LimitReached, match=r"limits.endpoint.usd=3.5"):
            ask(seen.url, *questions, kept=Kept(tmp_path / "a"), usd=3.5, at_once=1, **PRICES)
        paid = len(seen.bodies)
        assert 0 < paid <= 3
        assert len(ask(seen.url, *questions, kept=Kept(tmp_path / "a"), **PRICES)) == 8
        assert len(seen.bodies) == 8


def test_with_many_at_once_the_limit_still_holds() -> None:
    with fake_endpoint(lambda body, n: Answer(written("x"), after_s=0.02)) as seen, pytest.raises(LimitReached):
        ask(seen.url, *numbered(40), usd=5.0, at_once=16, **PRICES)
    assert len(seen.bodies) <= 5


def test_what_is_not_counted_costs_the_most_that_it_can() -> None:
    watch = LimitWatch(Config().limits, Path())
    for usage in (None, {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": 7}, "free"):
        with fake_endpoint(always(written("x", usage=usage))) as seen:
            judge = Endpoint(seen.url, "m", Limits(usd_per_million_prompt_tokens=1e6))
            judge.answers([(WRITE, 0)], SAMPLING, watch)
            assert judge.used.usd == pytest.approx(len("why?") + 16) and judge.used.reply_tokens == 32


def test_a_torn_last_line_of_what_was_kept_costs_one_reply(tmp_path: Path) -> None:
    with fake_endpoint(sensible) as seen:
        first = ask(seen.url, CHOOSE, *numbered(3), kept=Kept(tmp_path))
        path = tmp_path / "replies.jsonl"
        path.write_bytes(path.read_bytes()[:-5])
        assert ask(seen.url, CHOOSE, *numbered(3), kept=Kept(tmp_path)) == first
        assert len(seen.bodies) == 5
        assert ask(seen.url, CHOOSE, *numbered(3), kept=Kept(tmp_path)) == first
        assert len(seen.bodies) == 5


def test_the_key_goes_into_the_header_and_into_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "canary-key-123\n")
    refusing = always({"error": "wrong key canary-key-123"}, 401)
    with fake_endpoint(refusing) as seen, pytest.raises(WorkerError) as caught:
        ask(seen.url, WRITE)
    assert seen.headers[0]["Authorization"] == "Bearer canary-key-123"
    assert "canary" not in str(caught.value) and "status 401" in str(caught.value)
    assert f"set {KEY} in the environment" in str(caught.value)
    with pytest.raises(ConfigError, match="unencrypted"):
        Endpoint("http://elsewhere.example/v1", "m", Limits())
    monkeypatch.setenv(KEY, "two\x07lines")
    with pytest.raises(ConfigError, match=KEY) as caught_key:
        Endpoint("https://elsewhere.example/v1", "m", Limits())
    assert "lines" not in str(caught_key.value)


def test_no_key_sends_none() -> None:
    with fake_endpoint(sensible) as seen:
        ask(seen.url, WRITE)
    assert "Authorization" not in seen.headers[0] and KEY not in os.environ
    assert isinstance(seen, FakeEndpoint)
