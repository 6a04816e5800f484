"""The audit within a run: it is made each time that it is due, kept, shown again, and asks the same again of nobody."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from small import chain, run_small

from loop import drive
from loop.anchors import anchors_digest
from loop.auditing import IMPLICIT
from loop.cli import main
from loop.load_config import with_overrides
from loop.pipeline import AUDIT, Step
from loop.steps.turn import Turn
from runs.audit_report import as_markdown
from runs.lineage import decision_of
from runs.store import Store


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store, outcome = run_small(
        tmp_path_factory.mktemp("home"), judge__method="pairwise", audit__items="12", audit__every="2"
    )
    assert outcome.kind == "done"
    return store


def test_an_audit_is_made_at_the_seed_and_then_as_often_as_is_asked(audited: Store) -> None:
    assert ["audit" in iteration.outputs for iteration in chain(audited)] == [True, False, True]


def test_what_was_found_is_kept_with_the_judgments_that_it_rests_on(audited: Store) -> None:
    output = audited.output(chain(audited)[0].outputs["audit"])
    found = output.values["audit"]
    assert found["statistics"]["position/consistency"]["n"] == 12
    assert "| position/consistency | 12 |" in as_markdown(found)
    assert output.metrics["audit/position/consistency"] == found["statistics"]["position/consistency"]["value"]
    judged = audited.all_rows("judgments", output)
    assert {judgment.method for judgment in judged} == {"pairwise"}
    assert len(judged) > 12 * 10  # each pair, its perturbed twins, opposite principles, circles of three


def test_the_verb_reads_an_audit_that_is_there_and_writes_it_in_three_forms(
    audited: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(audited.home))
    receipts = len(list(audited.receipts()))
    assert main(["audit", "r1@2", "--out", str(tmp_path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    kept = audited.output(chain(audited)[2].outputs["audit"]).values["audit"]
    written = json.loads((tmp_path / "audit.json").read_text())
    assert {name: said[name] for name in kept} == {name: written[name] for name in kept} == kept
    assert written["audited"] == said["audited"]
    assert (
        (tmp_path / "audit.md")
        .read_text()
        .startswith("# The judge of r1@2\n\n## What was audited\n\n- address: r1@2\n")
    )
    assert (tmp_path / "audit.png").read_bytes().startswith(b"\x89PNG")
    assert len(list(audited.receipts())) == receipts


def test_an_audit_says_who_was_audited_how_by_what_on_what_and_when(
    audited: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(audited.home))
    assert main(["audit", "r1@2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    subject, turn = said["audited"], chain(audited)[2]
    assert (subject["address"], subject["items"]) == ("r1@2", 12)
    assert (subject["judge"]["method"], subject["judge"]["digest"]) == ("pairwise", turn.policy)
    constitution = audited.run("r1").inputs["constitution"]  # type: ignore[union-attr]
    assert subject["constitution"] == {"name": turn.config["constitution"], "digest": constitution}
    assert subject["labelled pairs"] == {"file": "microworld", "digest": anchors_digest("microworld")}
    assert subject["tests"] == sum("p_value" in one for one in said["statistics"].values() if one["value"] is not None)
    assert datetime.fromisoformat(subject["date"]) <= datetime.now(UTC)


def test_the_verb_audits_an_iteration_that_was_not_audited_and_a_judge_of_another_kind(
    audited: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(audited.home))
    before = [iteration.digest for iteration in chain(audited)]
    assert main(["audit", "r1@1", "judge.method=expected", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["statistics"]["spread/distinct"]["n"] == 24
    assert [iteration.digest for iteration in chain(audited)] == before
    assert main(["audit", "r1@1/judge"]) == 2
    assert "name an iteration" in capsys.readouterr().err


def test_a_judge_that_clearly_fails_labelled_pairs_trains_nothing(tmp_path: Path) -> None:
    store, outcome = run_small(tmp_path, guards__min_anchor_accuracy="1", measure__anchor_count="60")
    assert outcome.kind == "halted"
    (seed,) = chain(store)
    failed = [finding for finding in decision_of(store, seed)["evidence"] if not finding["passed"]]
    assert {finding["guard"] for finding in failed} == {"min_anchor_accuracy"}
    assert any("family=" in finding["metric"] for finding in failed)
    assert store.output(seed.outputs["decide"]).metrics["guard/min_anchor_accuracy_passed"] == 0


def test_no_judgment_of_an_audit_is_kept_twice_where_the_judge_is_asked_again(tmp_path: Path) -> None:
    store, _ = run_small(
        tmp_path, iterations="0", judge__method="rubric", audit__items="6", guards__max_unscored_frac="1"
    )
    shards = store.output(chain(store)[0].outputs["audit"]).tables["judgments"]
    assert len(set(shards)) == len(shards)


def test_where_a_run_asks_in_one_order_rivals_and_audits_are_still_shown_in_both(tmp_path: Path) -> None:
    store, _ = run_small(
        tmp_path,
        iterations="0",
        judge__method="pairwise",
        judge__both_orders="false",
        guards__max_unscored_frac="1",
        audit__items="6",
        measure__anchor_count="6",
    )
    seed = chain(store)[0]
    measured = store.output(seed.outputs["measure"])
    answers = {response.digest for response in store.all_rows("responses", measured)}
    judgments = store.all_rows("judgments", measured)
    rivals = [judgment for judgment in judgments if set(judgment.judged) <= answers]
    labelled = [judgment for judgment in judgments if not set(judgment.judged) <= answers]
    assert {reply.order for judgment in labelled for reply in judgment.replies} == {"ab"}
    assert {reply.order for judgment in rivals for reply in judgment.replies} == {"ab", "ba"}
    audit = store.output(seed.outputs["audit"])
    assert audit.values["audit"]["statistics"]["position/consistency"]["n"] == 6
    assert all(
        {reply.order for reply in judgment.replies} == {"ab", "ba"} for judgment in store.all_rows("judgments", audit)
    )


@pytest.mark.parametrize(
    ("step", "overrides", "asks_anew"),
    [
        (AUDIT, ["audit.items=9"], True),
        (AUDIT, ["measure.max_tokens=7"], True),
        (AUDIT, ["judge.method=rubric", "judge.min_mass=0.9"], True),
        (AUDIT, ["audit.every=5"], False),
        (AUDIT, ["judge.method=rubric", "measure.max_tokens=7"], False),
        (IMPLICIT, ["audit.items=9"], True),
        (IMPLICIT, ["train.beta=0.7"], True),
        (IMPLICIT, ["audit.every=5"], False),
        (IMPLICIT, ["train.epochs=7", "judge.min_mass=0.9"], False),
    ],
)
def test_an_audit_is_asked_anew_by_what_can_change_it_and_by_nothing_else(
    audited: Store, step: Step, overrides: list[str], asks_anew: bool
) -> None:
    run = drive.existing(audited, "r1")

    def key(overrides: list[str]) -> str:
        config = with_overrides(drive.config_of(run).model_dump(mode="json"), overrides, "r1")
        with drive.desk_of(audited, "r1", config) as desk:
            return step.key(desk, Turn.after(tuple(chain(audited))))

    method, changes = ([own for own in overrides if own.startswith("judge.method") is is_it] for is_it in (True, False))
    assert (key(method) != key([*method, *changes])) is asks_anew
