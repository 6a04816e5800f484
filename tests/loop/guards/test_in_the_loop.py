"""What a decision does to a run: held policies, brakes, halts that a person goes past, and decisions that wait."""

import json
import math
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from small import SMALL, branch, chain, quiet, run_small, small_config

from loop import drive
from loop.cli import main
from loop.guards.betting import paired
from loop.guards.doubt import p_worse
from loop.steps.decide import findings
from loop.steps.turn import Turn
from loop.word import going_past, keep_word, word_path
from runs.lineage import decision_of
from runs.records import Iteration, Judgment, Response
from runs.store import Store

LENGTH = "policy/length_mean_tokens"
HASHED: dict[str, str] = dict(SMALL["guards"]["actions"])  # type: ignore[index,arg-type]


def rule(**given: object) -> dict[str, object]:
    return {"name": "own", "metric": LENGTH, "group": "distribution", **given}


def decisions(store: Store, name: str = "r1") -> list[dict[str, Any]]:
    return [decision_of(store, one) for one in chain(store, name)]


def verdicts(store: Store, name: str = "r1") -> list[str]:
    return [decision["verdict"] for decision in decisions(store, name)]


def selfsame(home: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(list(words))
    out = capsys.readouterr()
    return code, out.out + out.err


def test_a_rejected_iteration_keeps_the_policy_and_is_followed_by_fresh_samples_until_patience_ends(
    tmp_path: Path,
) -> None:
    actions = HASHED | {"min_pairs": "reject"}
    store, outcome = run_small(
        tmp_path, iterations="3", guards__min_pairs="1000", guards__actions=actions, guards__patience="2"
    )
    assert outcome.kind == "halted" and "patience" in outcome.reason
    assert verdicts(store) == ["promote", "reject", "halt"]
    made = chain(store)
    assert len({one.policy for one in made}) == 1 and "train" not in made[1].outputs
    assert made[1].outputs["generate"] != made[2].outputs["generate"]


def test_braking_changes_the_settings_of_the_next_iteration_and_harder_each_time_in_a_row(tmp_path: Path) -> None:
    limits = [rule(at_most=0.1, of="seed", action="brake")]
    store, outcome = run_small(
        tmp_path, iterations="3", guards__limits=limits, guards__actions=HASHED, train__learning_rate="4e-4"
    )
    assert outcome.kind == "done" and set(verdicts(store)) == {"promote"}
    made = chain(store)
    assert [one.config["train"]["learning_rate"] for one in made] == [4e-4, 4e-4, 2e-4, 1e-4]
    assert [one.config["pair"]["labels"] for one in made] == ["hard", "hard", "margin", "margin"]
    assert made[2].config["generate"]["seed_samples"] == 1
    changes = decisions(store)[1]["config_changes"]
    assert changes == {"generate.seed_samples": 1, "pair.labels": "margin", "train.learning_rate": 2e-4}
    assert drive.config_of(drive.existing(store, "r1")).train.learning_rate == 4e-4
    # Whoever branches where the brake is on brakes his own settings.
    branch(store, "r1@1", "r2", "train.learning_rate=1e-4", "iterations=2")
    drive.carry_on(store, "r2", quiet)
    assert chain(store, "r2")[2].config["train"]["learning_rate"] == 5e-5
    # Planning knows of it: nothing that is there would be done anew.
    assert all(step.done for step in drive.planned(store, "r1", small_config(**asked(limits, "4e-4"))))


def asked(limits: list[dict[str, object]], rate: str) -> dict[str, object]:
    settings = {"guards__limits": limits, "guards__actions": HASHED, "train__learning_rate": rate}
    return {"iterations": "3", **settings}


def test_a_halt_is_gone_past_once_by_name_and_for_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """K3, with a candidate that was trained: it is what a person accepts."""
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    limits = [rule(at_most=0.1, of="seed", action="halt")]
    store, outcome = run_small(tmp_path, iterations="3", guards__limits=limits, guards__actions=HASHED)
    assert outcome.kind == "halted"
    trained = store.output(chain(store)[1].outputs["train"]).adapter
    for words, says in (
        (["--override", "min_pairs", "--because", "x"], "halted by own"),
        (["--override", "own"], "--because TEXT"),
        (["--because", "x"], "--override"),
    ):
        code, said = selfsame(tmp_path, "resume", "r1", *words, capsys=capsys)
        assert code == 2 and says in said
    code, said = selfsame(tmp_path, "resume", "r1", "--override", "own", "--because", "short is fine", capsys=capsys)
    assert code == 3, said
    assert verdicts(store) == ["promote", "halt", "promote", "halt"]  # the next time it halts again
    made = chain(store)
    assert made[1].policy != made[2].policy == trained and set(made[2].outputs) == {"decide"}
    assert "generate" in made[3].outputs and made[3].policy == trained
    left = store.output(made[2].outputs["decide"]).values["standing"]
    assert left["best"]["policy"] == left["first"]["policy"] == left["previous"]["policy"] == trained
    assert [decision_of(store, one)["reason"] for one in made][2] == "a person went past own, because short is fine"
    for verb in ("log", "show"):
        code, said = selfsame(tmp_path, verb, "r1" if verb == "log" else "r1@2", capsys=capsys)
        assert code == 0 and "short is fine" in said
    before = [one.digest for one in made]
    assert selfsame(tmp_path, "resume", "r1", capsys=capsys)[0] == 3
    assert [one.digest for one in chain(store)] == before


def test_a_halt_at_the_last_iteration_is_gone_past_by_one_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    store, _ = run_small(tmp_path, iterations="1", guards__min_pairs="1000", gold__enabled="false")
    words = ["--override", "min_pairs", "--because", "a dry spell"]
    for asked in (["resume", "r1"], ["daemon", "submit", "--resume", "r1"]):
        code, said = selfsame(tmp_path, *asked, *words, capsys=capsys)
        assert code == 2 and "selfsame resume r1 --override min_pairs --because TEXT iterations=2" in said
    assert not word_path(tmp_path, "r1").exists()
    assert selfsame(tmp_path, "resume", "r1", *words, "iterations=2", capsys=capsys)[0] == 0
    assert verdicts(store) == ["promote", "halt", "promote"]


def test_a_halt_before_training_is_gone_past_with_the_policy_as_it_is(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, iterations="1", guards__min_pairs="1000")
    assert verdicts(store) == ["promote", "halt"]
    run = drive.existing(store, "r1")
    keep_word(store, run, going_past(store, run, ["min_pairs"], "a dry spell", 2))
    drive.change(store, "r1", drive.config_of(run).model_copy(update={"iterations": 2}))
    assert drive.carry_on(store, "r1", quiet).kind == "done"
    assert verdicts(store) == ["promote", "halt", "promote"]
    assert len({one.policy for one in chain(store)}) == 1
    # Another run of the same settings is not heard: the word was about one run.
    drive.begin(store, "r2", "test", small_config(iterations="2", guards__min_pairs="1000"))
    assert drive.carry_on(store, "r2", quiet).kind == "halted"


def test_a_run_waits_for_a_person_who_approves_or_rejects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    store, outcome = run_small(tmp_path, iterations="2", guards__approve="every", guards__actions=HASHED)
    assert outcome.kind == "waiting" and "selfsame approve r1" in outcome.reason
    assert verdicts(store) == ["promote"]
    code, said = selfsame(tmp_path, "resume", "r1", capsys=capsys)
    assert code == 0 and said.count("waits for a person") >= 1
    code, said = selfsame(tmp_path, "status", "--json", capsys=capsys)
    (row,) = json.loads(said)["runs"]
    assert row["next"] == "a person's word" and "approve" in row["waits"]
    assert selfsame(tmp_path, "approve", "r1", "--because", "read ten", capsys=capsys)[0] == 0
    assert selfsame(tmp_path, "approve", "r1", capsys=capsys)[0] == 2  # it was answered
    assert selfsame(tmp_path, "resume", "r1", capsys=capsys)[0] == 0
    assert verdicts(store) == ["promote", "promote"]
    assert decisions(store)[1]["reason"] == "a person approved, because read ten"
    code, said = selfsame(tmp_path, "approve", "r1", "--reject", "--json", capsys=capsys)
    assert code == 0 and json.loads(said)["kind"] == "reject"
    code, said = selfsame(tmp_path, "resume", "r1", capsys=capsys)
    assert code == 0 and said.startswith("done"), said
    made = chain(store)
    assert verdicts(store) == ["promote", "promote", "reject"] and made[1].policy == made[2].policy


def test_a_person_is_told_that_a_rejection_undoes_no_rejection(tmp_path: Path) -> None:
    actions = HASHED | {"min_pairs": "reject"}
    _, outcome = run_small(
        tmp_path, iterations="1", guards__min_pairs="1000", guards__actions=actions, guards__approve="every"
    )
    assert outcome.kind == "waiting" and "it would reject" in outcome.reason
    assert "--reject does not undo it" in outcome.reason


def test_paired_tests_are_of_the_items_that_the_steps_kept(tmp_path: Path) -> None:
    """K6 for what is tested item by item: the evidence is worked out again from the rows."""
    settings = {
        "capability__prompts": "microworld",
        "capability__count": "40",
        "drift": {"items": "12", "samples": "2"},
    }
    wild = {"max_at_high_frac": "off", "min_score_sd_times": "off", "max_fooled_frac": "off"}
    store, outcome = run_small(tmp_path, iterations="2", guards__actions=HASHED | wild, **settings)
    assert outcome.kind == "done", outcome.reason
    made, decision = chain(store), decisions(store)[2]
    tests = {one["guard"]: one for one in decision["evidence"] if "alpha" in one}
    assert set(tests) == {"answers_fell", "seed_judge_fell", "judge_fell", "together"}  # families are too small
    assert sum(one["alpha"] for one in tests.values()) == pytest.approx(0.05 * 6 / (2 * math.pi) ** 2)
    assert sum(one["doubt"] for one in tests.values()) == pytest.approx(0.05)
    by_way = [[right_by_prompt(store, one, way) for way in (0.0, 1.0)] for one in made]
    prompts = sorted(by_way[0][0])
    answers = np.array([[(greedy[prompt] + sampled[prompt]) / 2 for prompt in prompts] for greedy, sampled in by_way])
    found = paired(answers[:2], answers[2])
    one = tests["answers_fell"]
    assert (one["observed"], one["n"]) == (found.loss_log10_e, 40)
    assert one["mean"] == pytest.approx(found.after)
    assert one["gain_log10_e"] == found.gain_log10_e
    assert one["p"] == pytest.approx(p_worse(answers[:2], answers[2], np.ones((1, 40), dtype=bool)))
    assert one["rows"] == [f"{index}/capability {made[index].outputs['capability']}" for index in (2, 0, 1)]


VERIFIED: dict[str, object] = {
    "judge": {"method": "verifier", "match": "words"},
    "prompts__source": "PROMPTS",
    "measure": {"prompts": "5", "anchors": None},
}


@pytest.mark.parametrize(
    ("way", "tested"),
    [
        ({"judge__rule_weight": 1}, False),
        ({"judge__method": "propositions"}, False),
        ({"judge__method": "expected"}, True),
        (VERIFIED, True),
    ],
)
def test_scores_are_tested_item_by_item_where_they_are_on_the_scale_or_right_or_wrong(
    tmp_path: Path, way: dict[str, object], tested: bool
) -> None:
    """A sum with rules is neither, and nothing is rolled back for that."""
    prompts = tmp_path / "own.jsonl"
    rows = [
        {"prompt": f"{split} {n}?", "split": split, "tags": {"reference": f"word{n}"}}
        for n in range(24)
        for split in ("train", "held-out")
    ]
    prompts.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    settings = {leaf: str(prompts) if value == "PROMPTS" else value for leaf, value in way.items()}
    loose = {name: "off" for name in ("max_at_high_frac", "min_score_sd_times", "max_fooled_frac", "min_pairs")}
    store, _ = run_small(
        tmp_path / "home",
        iterations="1",
        gold__enabled=False,
        guards__max_unscored_frac="1",
        guards__actions=HASHED | loose,
        drift={"items": "12", "samples": "2"},
        **settings,
    )
    found = [one for one in decisions(store)[1]["evidence"] if one["guard"] == "seed_judge_fell"]
    assert not [one["says"] for one in found if "outside 0 to 1" in one["says"]]
    assert bool(found) is tested


def right_by_prompt(store: Store, iteration: Iteration, temperature: float) -> dict[str, float]:
    output = store.output(iteration.outputs["capability"])
    verdicts = {row.judged[0]: row.score for row in store.all_rows("judgments", output)}
    rows: list[Response] = store.all_rows("responses", output)
    return {row.prompt: verdicts[row.digest] for row in rows if row.sampling.temperature == temperature}


def test_every_number_of_a_decision_is_derived_again_from_the_store(tmp_path: Path) -> None:
    """K6: from rows by hand, and by asking the guards again."""
    limits = [rule(at_most=0.5, of="seed", how="times", action="halt")]
    store, outcome = run_small(tmp_path, iterations="1", guards__limits=limits)
    made, seen = chain(store), 0
    assert outcome.kind == "halted"
    decision = decisions(store)[-1]
    done = {(one.index, step): store.output(got) for one in made for step, got in one.outputs.items()}

    def mean_length(index: int) -> float:
        rows: list[Response] = store.all_rows("responses", done[index, "measure"])
        return fmean(len(row.token_ids) for row in rows)

    def unscored(step: str) -> float:
        rows: list[Judgment] = store.all_rows("judgments", done[1, step])
        prompts = {
            row.digest for row in store.all_rows("responses", done[1, "measure" if step == "measure" else "generate"])
        }
        own = [row for row in rows if row.judged[0] in prompts]
        return 1 - sum(row.score is not None for row in own) / len(own)

    pairs = len(store.all_rows("pairs", done[1, "pair"]))
    by_hand = {
        LENGTH: mean_length(1),
        "judge/unscored_frac": unscored("measure"),
        "judge/train_unscored_frac": unscored("judge"),
        "signal/pairs": pairs,
        "signal/pairs_used": pairs,
    }
    for one in decision["evidence"]:
        for place in one["rows"]:
            address, digest = place.split()
            index, step = address.split("/")
            assert made[int(index)].outputs[step] == digest
            if int(index) == 1:
                assert store.output(digest).metrics[one["metric"]] == one["observed"]
        if one["metric"] in by_hand:
            assert one["observed"] == by_hand[one["metric"]]
            seen += 1
        if one["guard"] == "own":
            assert one["reference"] == mean_length(0) and one["limit"] == mean_length(0) * 0.5
            assert not one["passed"] and one["observed"] > one["limit"]
    assert seen >= 5
    with drive.desk_of(store, "r1", drive.config_of(drive.existing(store, "r1"))) as desk:
        turn = Turn.after(tuple(made[:1]))
        for step, got in made[1].outputs.items():
            if step != "decide":
                turn = turn.with_output(step, got, store.output(got))
        desk.turn_to(1)
        assert [one.evidence() for one in findings(desk, turn)] == decision["evidence"]
