"""`judge.adapter=proven`: the seed judges until a promoted policy is shown, on labelled pairs, to judge better."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import branch, chain, quiet, run_small, small_config

from loop import drive
from loop.anchors import anchor_pairs
from loop.cli import main
from loop.engine.protocol import Choose, Chosen
from loop.engine.stub import StubEngine
from loop.guards.betting import paired
from loop.preflight import check
from loop.proven import Proof, Seat, seat_after
from loop.word import going_past, keep_word
from runs.errors import ConfigError
from runs.output import Output
from runs.pruned import policies_in_use
from runs.records import Iteration, Judgment
from runs.store import Store
from runs.verify import verify

PAIRS = 40
CHANGES: dict[str, object] = {
    "judge__adapter": "proven",
    "prompts__count": "8",
    "generate__samples": "2",
    "measure": {"prompts": "4", "anchor_count": PAIRS},
    "engine": {"kind": "stub", "shard_requests": "500"},
    "gold__enabled": "false",
}
SEED = Seat("seed", 0, 2)
SHOWN = Proof(SEED, "new", 7, 3, 40, 0.9, 0.5, 3.0, 2.5)


@contextmanager
def later_policies_know_the_labels() -> Iterator[None]:
    """All but the seed and the first adapter that is trained tell the better of two labelled answers without fail."""
    pairs = anchor_pairs("microworld", PAIRS)
    worth = {
        f"request: {pair.messages[-1].content}\nanswer: {text}\n": 5 if pair.label == side else 0
        for pair in pairs
        for side, text in (("a", pair.a), ("b", pair.b))
    }
    answer, adapters = StubEngine.run, list[str]()

    def reply(engine: StubEngine, request: Any, said: Any) -> Any:
        if not isinstance(request, Choose) or request.policy in (engine.base, *adapters[:1]):
            return said
        known = next((score for text, score in worth.items() if text in request.messages[-1].content), None)
        if known is None:
            return said
        return Chosen(tuple(-0.01 if label == str(known) else -9.0 for label in request.labels))

    def run(engine: StubEngine, requests: Sequence[Any]) -> list[Any]:
        asked = (request.policy for request in requests)
        adapters.extend(policy for policy in dict.fromkeys(asked) if policy not in (engine.base, *adapters))
        return [reply(engine, *one) for one in zip(requests, answer(engine, requests), strict=True)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StubEngine, "run", run)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Store:
    with later_policies_know_the_labels():
        store, outcome = run_small(tmp_path_factory.mktemp("home"), iterations="3", **CHANGES)
    assert outcome.kind == "done", outcome
    return store


def output(store: Store, iteration: Iteration, step: str) -> Output:
    return store.output(iteration.outputs[step])


def judged_by(store: Store, iteration: Iteration) -> set[str]:
    judgments: list[Judgment] = store.all_rows("judgments", output(store, iteration, "judge"))
    return {own.adapter for own in judgments}


def test_the_policy_that_is_shown_to_judge_better_judges_from_the_next_iteration_on(done: Store) -> None:
    seed, first, second, third = chain(done)
    assert judged_by(done, first) == judged_by(done, second) == {seed.policy}
    assert judged_by(done, third) == {second.policy}
    assert second.policy not in (seed.policy, first.policy)
    assert [output(done, one, "prove").metrics["judge/proven_index"] for one in (first, second, third)] == [0, 0, 2]
    measured = [output(done, one, "measure").metrics["judge/anchor_accuracy"] for one in (second, third)]
    assert measured[0] is not None and measured[0] < 0.6 and (measured[1] or 0) > 0.85
    assert "prove" not in seed.outputs
    # The last one is as good as who sits, which is no better.
    assert [output(done, one, "decide").values["seat"]["index"] for one in chain(done)] == [0, 0, 2, 2]
    assert [output(done, one, "decide").values["seat"]["looks"] for one in chain(done)] == [0, 1, 2, 3]
    assert verify(done) == []


def test_the_evidence_is_there_pair_by_pair(done: Store) -> None:
    proof = output(done, chain(done)[2], "prove")
    shown = Proof.read(proof.values["proof"])
    rows = {row.item: row.numbers for row in done.all_rows("drift_items", proof)}
    decided = [pair for pair in anchor_pairs("microworld", PAIRS) if pair.label != "tie"]
    hits = np.array([[rows[pair.digest][name] for name in ("proven_hit", "candidate_hit")] for pair in decided], float)
    again = paired(hits[None, :, 0], hits[:, 1])
    assert shown.n == len(rows) == len(decided)
    assert (shown.seated_right, shown.candidate_right) == (again.before[0], again.after)
    assert shown.gain_log10_e == again.gain_log10_e
    assert shown.limit_log10_e == pytest.approx(-math.log10(0.05 * 6 / math.pi**2 / 2**2))
    assert {own.adapter for own in done.all_rows("judgments", proof)} == {shown.candidate}  # who sits: in `measure`


def test_log_and_show_say_who_judges_and_why(
    done: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(done.home))
    assert main(["log", "r1"]) == 0
    assert "judged by" in capsys.readouterr().out
    assert main(["show", "r1@2"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "the policy of iteration 2 judges from now on, and no longer that of iteration 0 (right on" in shown
    assert "judge/candidate_gain_log10_e" in shown
    assert main(["show", "r1@3", "--json"]) == 0
    assert "judges from now on" not in json.loads(capsys.readouterr().out)["reason"]


def test_who_judges_outlives_being_stopped_and_is_the_same_in_a_branch(done: Store, tmp_path: Path) -> None:
    with later_policies_know_the_labels():
        store, _ = run_small(tmp_path, iterations="2", **CHANGES)
        drive.change(store, "r1", small_config(iterations="3", **CHANGES))
        assert drive.carry_on(store, "r1", quiet).kind == "done"
        branch(store, "r1@2", "b", "train.beta=0.2", "iterations=3")
        assert drive.carry_on(store, "b", quiet).kind == "done"
    assert [one.digest for one in chain(store)] == [one.digest for one in chain(done)]
    assert judged_by(store, chain(store, "b")[3]) == {chain(store)[2].policy}


def test_who_was_shown_to_be_better_in_a_halted_iteration_sits_once_a_person_goes_past_it(tmp_path: Path) -> None:
    too_good = {"name": "too_good", "metric": "judge/candidate_right_frac", "at_most": 0.8, "group": "judge"}
    with later_policies_know_the_labels():
        limits = [{**too_good, "action": "halt", "demanded": False}]
        store, outcome = run_small(tmp_path, iterations="2", guards__limits=limits, **CHANGES)
        assert outcome.kind == "halted" and "too_good" in outcome.reason
        halted = chain(store)[2]
        assert output(store, halted, "decide").values["seat"]["index"] == 0
        run = drive.existing(store, "r1")
        keep_word(store, run, going_past(store, run, ["too_good"], "it is what this is for", 4))
        config = small_config(**{**CHANGES, "guards__limits": limits, "iterations": "4"})
        drive.change(store, "r1", config)
        drive.carry_on(store, "r1", quiet)
    past, after = chain(store)[3:5]
    assert output(store, past, "decide").values["seat"] == {"policy": past.policy, "index": 2, "looks": 2}
    assert judged_by(store, after) == {past.policy}


def test_no_weights_that_judge_are_pruned(done: Store) -> None:
    seated = chain(done)[2].policy
    assert policies_in_use(done, drive.existing(done, "r1"))[seated] == "r1@2"


@pytest.mark.parametrize(
    ("shown", "promoted", "after"),
    [
        (SHOWN, "new", Seat("new", 7, 3)),
        (SHOWN, "old", Seat("seed", 0, 3)),  # better, and not promoted
        (replace(SHOWN, gain_log10_e=2.4), "new", Seat("seed", 0, 3)),  # promoted, and not better
        (replace(SHOWN, look=0), "new", SEED),  # nothing was asked
        (None, "new", SEED),
    ],
)
def test_the_seat_goes_to_who_is_better_and_promoted(shown: Proof | None, promoted: str, after: Seat) -> None:
    assert seat_after(SEED, shown, promoted) == after
    assert shown is None or Proof.read(json.loads(json.dumps(asdict(shown)))) == shown


def test_without_pairs_that_can_show_it_nobody_can_be_proven(tmp_path: Path) -> None:
    ties = tmp_path / "ties.jsonl"
    row = {"messages": [{"role": "user", "content": "a"}], "a": "b", "b": "c", "label": "tie"}
    ties.write_text(json.dumps(row), encoding="utf-8")
    for anchors in (None, str(ties)):
        measure = {"prompts": "4", "anchors": anchors}
        with pytest.raises(ConfigError, match=r"judge\.adapter=proven .* measure\.anchors=.* has none with a better"):
            check(small_config(**{**CHANGES, "measure": measure}))
    with pytest.raises(ConfigError, match=r"judge\.method=preference asks the preference models"):
        check(small_config(**CHANGES, judge__method="preference", preference__source="pairs"))
