"""What an audit finds of a judge that it is handed: one made by hand, one with a taste, and a policy's own reward."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small import chain, quiet, run_small

from judges.dialogue import Item, Judge, Likely, Question, Round, Verdict, likelihoods
from loop import drive
from loop.anchors import anchor_pairs
from loop.auditing import IMPLICIT, audit_of
from loop.cli import main
from loop.engine.protocol import Score
from loop.engine.stub import StubEngine
from loop.judging import answers
from loop.panel import Bench
from loop.steps.audit import audited
from loop.steps.audit_asking import Audited
from loop.steps.turn import Turn
from runs.errors import ConfigError, UsageError
from runs.records import Message
from runs.store import Store

TINY: dict[str, object] = {
    "iterations": "0",
    "measure__prompts": "2",
    "measure__anchor_count": "2",
    "gold__enabled": "false",
    "audit__items": "0",
}


@dataclass(frozen=True)
class Longest:
    """Asks nothing: the longer answer is better. Of one answer, the number of its characters says how good it is."""

    compares: int
    method: str = "longest"

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        return ()

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        first, *second = map(len, item.texts)
        return Verdict(0.9 if second and first > second[0] else 0.1 if second else float(first), None, ())


@dataclass(frozen=True)
class Recognises:
    """Asks nothing: these answers are better."""

    own: frozenset[str]
    method: str = "recognises"
    compares: int = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        return ()

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        return Verdict(float(item.texts[0] in self.own), None, ())


@dataclass(frozen=True)
class Likeliest:
    """The answer whose tokens its own weights find likelier is better."""

    method: str = "likeliest"
    compares: int = 1

    def ask(self, item: Item, rounds: Sequence[Round]) -> tuple[Question, ...]:
        return () if rounds else (Likely(item.messages, item.texts[0]),)

    def read(self, item: Item, rounds: Sequence[Round]) -> Verdict:
        (own,) = likelihoods(rounds[0])
        return Verdict(own.logprob / own.tokens, None, ())


def found_in(home: Path, judge: Judge, **changes: object) -> dict[str, Any]:
    """The audit of a judge with 200 labelled pairs, as JSON; its weights are the seed's."""
    store, _ = run_small(home, **(TINY | changes))
    config = drive.config_of(drive.existing(store, "r1")).model_copy(deep=True)
    config = config.model_copy(update={"audit": config.audit.model_copy(update={"items": 200})})
    turn = Turn.after(tuple(chain(store)))
    with store.lock(), drive.desk_of(store, "r1", config) as desk:
        weights = None if isinstance(judge, Longest) else turn.policy
        by = Audited(judge, Bench((turn.policy,), None), {"method": judge.method}, weights)
        output = audited(desk, turn, by, "audit")
        assert json.dumps(output.values)
        document: dict[str, Any] = output.values["audit"]
        return document


def names(audit: dict[str, Any]) -> set[str]:
    return {finding["name"] for finding in audit["findings"]}


@pytest.mark.parametrize("compares", [1, 2])
def test_any_judge_of_one_or_two_answers_is_audited_as_it_is(tmp_path: Path, compares: int) -> None:
    audit = found_in(tmp_path, Longest(compares))
    assert "length bias: longer" in names(audit)
    assert audit["statistics"]["principle/flipped"]["n"] == audit["statistics"]["likelihood/coefficient"]["n"] == 0
    assert "spread/at_high" not in audit["statistics"]  # nobody said where its scores end


def test_a_taste_for_likely_answers_is_found_by_its_name(tmp_path: Path) -> None:
    audit = found_in(tmp_path, Likeliest())
    assert "likelihood bias: likely" in names(audit)
    assert audit["statistics"]["likelihood/coefficient"]["n"] > 150
    assert audit["statistics"]["self/coefficient"]["n"] == 0  # nobody said who wrote the answers


def test_self_preference_is_found_where_labelled_answers_have_authors(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path / "first", **TINY)
    policy, anchors, own = chain(store)[0].policy, tmp_path / "anchors.jsonl", set()
    with anchors.open("w") as file:
        for number, pair in enumerate(anchor_pairs("microworld", 200)):
            a, b = f"{pair.a} ({number})", f"{pair.b} ({number}, too)"
            own |= {a if number % 2 else b}
            authors = dict(zip(("a_by", "b_by"), (policy, "ann") if number % 2 else ("ann", policy), strict=True))
            messages = [{"role": m.role, "content": m.content} for m in pair.messages]
            file.write(json.dumps({"messages": messages, "a": a, "b": b, "label": pair.label, **authors}) + "\n")
    audit = found_in(tmp_path / "second", Recognises(frozenset(own)), measure__anchors=str(anchors))
    assert "self-preference: own" in names(audit)
    assert audit["statistics"]["self/coefficient"]["n"] == 200


@pytest.mark.parametrize("authors", [{"a_by": "ann"}, {"a_by": "ann", "b_by": ""}, {"a_by": 1, "b_by": 2}])
def test_half_an_authorship_is_refused(tmp_path: Path, authors: dict[str, object]) -> None:
    file = tmp_path / "anchors.jsonl"
    row = {"messages": [{"role": "user", "content": "x"}], "a": "1", "b": "2", "label": "a"}
    file.write_text(json.dumps(row | authors) + "\n")
    with pytest.raises(ConfigError, match=r"anchors\.jsonl: line 1: `a_by` and `b_by`"):
        anchor_pairs(str(file))


# ---- the implicit reward ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Store:
    home = tmp_path_factory.mktemp("home")
    return run_small(home, iterations="1", audit__items="12", audit__every="9", train__beta="0.2")[0]


def test_the_reward_that_a_policy_was_trained_to_is_audited_against_its_seed(
    trained: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(trained.home))
    before = [iteration.digest for iteration in chain(trained)]
    assert main(["audit", "r1@1", "--implicit", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["implicit"] is True and said["statistics"]["length/coefficient"]["n"] > 6
    assert said["statistics"]["principle/flipped"]["n"] == 0
    assert [iteration.digest for iteration in chain(trained)] == before

    seed, last = chain(trained)
    (receipt,) = [own for own in trained.receipts() if own["asked"].get("step") == IMPLICIT.name]
    judgments = trained.all_rows("judgments", trained.output(receipt["digest"]))
    rewards = {own.judged[0]: own.score for own in judgments if own.method == "implicit"}
    engine = StubEngine(seed.policy)
    engine.serve(last.policy)
    from loop.steps.probes import sides

    for anchor in anchor_pairs("microworld", 12):
        for text, side in zip((anchor.a, anchor.b), sides(anchor), strict=True):
            own, of_seed = engine.run([Score(anchor.messages, who, text) for who in (last.policy, seed.policy)])
            assert rewards[side] == pytest.approx(0.2 * (sum(own.logprobs) - sum(of_seed.logprobs)))


def test_an_implicit_audit_that_the_store_holds_is_read(trained: Store) -> None:
    first = audit_of(trained, "r1@1", [], quiet, implicit=True)
    receipts = len(list(trained.receipts()))
    assert audit_of(trained, "r1@1", [], quiet, implicit=True) == first
    assert len(list(trained.receipts())) == receipts
    assert audit_of(trained, "r1@1", [], quiet) != first


def test_a_policy_that_nothing_trained_has_no_implicit_reward(
    trained: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="r1@0: its policy is the seed itself"):
        audit_of(trained, "r1@0", [], quiet, implicit=True)
    monkeypatch.setenv("SELFSAME_HOME", str(trained.home))
    assert main(["audit", "r1@0", "--implicit"]) == 2
    assert "r1@1" in capsys.readouterr().err


def test_an_endpoint_is_not_asked_how_likely_an_answer_is(trained: Store) -> None:
    at = ["judge.adapter=endpoint", "judge.endpoint_url=http://127.0.0.1:9/v1", "judge.endpoint_model=m"]
    said = audit_of(trained, "r1@1", at, quiet, implicit=True)  # of the policy, whoever judges: nobody connects
    assert said == audit_of(trained, "r1@1", [], quiet, implicit=True)
    from loop.load_config import with_overrides

    config = with_overrides(drive.config_of(drive.existing(trained, "r1")).model_dump(mode="json"), at, "r1")
    with drive.desk_of(trained, "r1", config) as desk:
        assert desk.endpoint is not None
        with pytest.raises(ConfigError, match="no endpoint says how likely"):
            answers(desk, desk.endpoint.digest, [(Likely((Message("user", "x"),), "y"), 0)])
