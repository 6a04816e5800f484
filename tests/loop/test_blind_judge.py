"""A judge is told nothing of who wrote an answer, when, what it scored before, or what hangs on it."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import Answer, chosen, fake_endpoint, written
from small import chain, run_small

from constitutions.fill import placeholders
from constitutions.load import find_constitution
from loop import drive
from loop.engine.protocol import Choose, Write
from loop.engine.stub import StubEngine
from runs.records import Judgment, Prompt, Response
from runs.store import Store

CANARY = "zebra-run"
NOT_EVASIVE = {"judge__prefer_non_evasive": "true"}
WAYS: dict[str, dict[str, object]] = {
    "expected": {},
    "rubric": {},
    "propositions": {},
    "pairwise": NOT_EVASIVE,
    "pairwise_reasoned": NOT_EVASIVE,
    "expected with rules": {"judge__rule_weight": 1},
    "rubric, safety first": {"judge__safety_first": True},
    "pairwise, an own answer first": {"judge__commit_first": True},
}
"""Every way to ask a judge: the method, and what else is set."""
TINY: dict[str, object] = {
    "prompts__count": 8,
    "measure": {"prompts": 6, "anchor_count": 6},
    "gold__enabled": False,
    "iterations": 1,
    "audit__items": 0,
    "guards__max_unscored_frac": 1.0,
}


def questions(asked: Sequence[Any], policy_requests: set[tuple[Any, ...]]) -> list[str]:
    """The whole text of each request that is not the policy being asked a prompt."""
    said = [one.messages for one in asked if isinstance(one, Choose | Write) and one.messages not in policy_requests]
    return ["\n".join(message.content for message in messages) for messages in said]


def everything(store: Store, noun: str) -> list[Any]:
    outputs = [store.output(output) for one in chain(store, CANARY) for output in one.outputs.values()]
    return [row for output in outputs for row in store.all_rows(noun, output)]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def check_blind(store: Store, asked: list[str]) -> None:
    """Every word of every question is the constitution's, the prompt's, or an answer's; and no canary is there."""
    prompts: list[Prompt] = everything(store, "prompts")
    responses: list[Response] = everything(store, "responses")
    judgments: list[Judgment] = everything(store, "judgments")
    from loop.anchors import anchor_pairs

    constitution = find_constitution("microworld")
    allowed = words(" ".join(text for q in constitution.questions.values() for text in [q, *placeholders(q)]))
    allowed |= words(" ".join([*constitution.propositions.values(), *(p.text for p in constitution.principles)]))
    for prompt in prompts:
        allowed |= words(" ".join(message.content for message in prompt.messages))
    for pair in anchor_pairs("microworld", 20):
        allowed |= words(" ".join([*(message.content for message in pair.messages), pair.a, pair.b]))
    allowed |= words(" ".join(response.text for response in responses))
    own_answers = [reply.text for judgment in judgments for reply in judgment.replies[:1]]
    allowed |= words(" ".join(own_answers)) if "commit_first" in judgments[0].method else set()
    assert asked and responses and judgments
    whole = "\n".join(asked)
    assert words(whole) <= allowed | {"user", "assistant", "system"}

    run = drive.existing(store, CANARY)
    policies = {judgment.adapter for judgment in judgments} | {response.adapter for response in responses}
    scores = {repr(j.score) for j in judgments if j.score is not None and len(repr(j.score)) > 5}
    seeds = {str(row.seed) for row in [*responses, *judgments]}
    digests = {row.digest for row in [*prompts, *responses, *judgments]} | policies | {run.iteration}
    secrets = {CANARY, str(store.home), "s1:", "iteration", "self-rewarding", *scores, *seeds}
    secrets |= {name.removeprefix("s1:")[:12] for name in digests}
    assert not [secret for secret in secrets if secret in whole]


@pytest.mark.parametrize("way", WAYS)
def test_what_a_judge_is_asked_reveals_no_author_no_iteration_no_score_and_no_stakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    asked: list[Any] = []
    run = StubEngine.run

    def listening(self: StubEngine, given: Sequence[Any]) -> list[Any]:
        asked.extend(given)
        return run(self, given)

    monkeypatch.setattr(StubEngine, "run", listening)
    method = way.partition(",")[0].partition(" ")[0]
    store, outcome = run_small(tmp_path, CANARY, judge__method=method, judge__panel=["seed"], **TINY, **WAYS[way])
    assert outcome.kind == "done", outcome.reason
    prompts = {prompt.messages for prompt in everything(store, "prompts")}
    check_blind(store, questions(asked, prompts))


def test_what_is_sent_to_an_endpoint_reveals_no_more(tmp_path: Path) -> None:
    def behave(body: dict[str, Any], number: int) -> Answer:
        length = len(body["messages"][0]["content"])
        return Answer(chosen({str(length % 6): -0.05}) if body.get("logprobs") else written("no"))

    with fake_endpoint(behave) as seen:
        at = {"judge__adapter": "endpoint", "judge__endpoint_url": seen.url, "judge__endpoint_model": "m"}
        limits = {"limits": {"endpoint": {"requests_per_s": 1e6}}}
        store, outcome = run_small(tmp_path, CANARY, **TINY, **at, **limits)
    assert outcome.kind == "done", outcome.reason
    check_blind(store, ["\n".join(m["content"] for m in body["messages"]) for body in seen.bodies])
    beside = {json.dumps({k: v for k, v in body.items() if k != "messages"}) for body in seen.bodies}
    told = {"model": "m", "max_tokens": 1, "temperature": 1, "logprobs": True, "top_logprobs": 20}
    assert beside == {json.dumps(told)}
    headers = {name.lower() for one in seen.headers for name in one}
    assert headers <= {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
        "content-length",
        "content-type",
    }
