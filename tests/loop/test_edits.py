"""A metric that moved points at the edit of the constitution behind it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small import branch, run_small

from constitutions.diff import Change
from constitutions.load import as_said, find_constitution
from loop import drive
from loop.cli import main
from loop.compare import compare
from loop.edits import Edited, Edits
from runs.lineage import links, resolve
from runs.principle_signal import TOKENS, Pull, signal
from runs.query import query
from runs.store import Store
from tests.loop.test_constitution_flips import PANEL, SETTINGS, written
from tests.loop.test_principle_views import SHARE

EDITED = "extends: a.yaml\nname: b\nwithout: [kind]\nprinciples:\n  - {id: long, text: Be long.}\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """`r1` judged by A, and `r2`, which parted from it before anything was judged and is judged by an edited one."""
    folder = tmp_path_factory.mktemp("edits")
    first, second = written(folder, EDITED)
    store, outcome = run_small(folder / "home", constitution=str(first), **SETTINGS)
    branch(store, "r1@0", "r2", f"constitution={second}")
    assert outcome.kind == "done" and drive.carry_on(store, "r2", lambda event: None).kind == "done"
    return store


def pull(principle: str, share: float, **prefers: float) -> Pull:
    return Pull(principle, 10, share, 0.2, prefers)


def test_of_several_edits_the_one_whose_votes_reward_what_grew_stands_first() -> None:
    padding = Edited(Change("added", "padding", None, "more"), None, pull("padding", 0.2, tokens=4.0))
    polite = Edited(
        Change("reworded", "polite", "a", "b"), pull("polite", 0.3, tokens=0.5), pull("polite", 0.3, tokens=1.0)
    )
    brief = Edited(Change("removed", "brief", "less", None), pull("brief", 0.3, tokens=-1.0), None)
    found = Edits((polite, padding, brief), (), (1,))
    assert found.behind("policy/length_mean_tokens", 3.0) == ("padding", "brief", "polite")
    # None of them rewards what is short more than before: nobody can be ruled out.
    assert set(found.behind("policy/length_mean_tokens", -3.0)) == {"padding", "brief", "polite"}
    assert found.behind("gold/sampled_mean", -1.0) == ("polite", "padding", "brief")
    assert Edits((padding,), (), (1,)).behind("policy/declines_frac", 0.1) == ("padding",)


def test_the_signal_of_each_principle_is_that_of_the_query_in_the_pages(store: Store) -> None:
    found = signal(store, links(store, drive.existing(store, "r1"))[1:])
    _, rows = query(store, SHARE)
    assert [(one.principle, one.pairs) for one in found.pulls] == [row[:2] for row in rows]
    for one, (_, _, share, against) in zip(found.pulls, rows, strict=True):
        assert one.share == pytest.approx(share) and one.against == pytest.approx(against or 0)
    assert {(a, b) for a, b, _, _ in found.disagreements} == {("brief", "kind"), ("brief", "right"), ("kind", "right")}
    assert found.undecided == ()


def test_a_pair_on_which_two_of_a_panel_vote_is_one_pair(tmp_path: Path) -> None:
    file, _ = written(tmp_path, EDITED)
    store, outcome = run_small(tmp_path / "home", constitution=str(file), **(SETTINGS | PANEL))
    assert outcome.kind == "done", outcome.reason
    made = links(store, drive.existing(store, "r1"))[1:]
    pairs = store.all_rows("pairs", store.output(made[0].outputs["pair"]))
    _, votes = query(store, "select principle, count(*) from signal where run = 'r1' group by principle")
    assert pairs and all(n > len(pairs) for _, n in votes)
    found = {one.principle: one.pairs for one in signal(store, made).pulls}
    assert found == dict.fromkeys(("kind", "brief", "right"), len(pairs))
    assert found == {principle: n for principle, n, *_ in query(store, SHARE)[1]}


def test_what_a_principle_prefers_is_counted_over_the_answers_that_it_voted_on(store: Store) -> None:
    made = links(store, drive.existing(store, "r1"))[1:]
    of_chosen = {pair.chosen: 1.0 for pair in store.all_rows("pairs", store.output(made[0].outputs["pair"]))}
    everyone = dict.fromkeys(
        (row.digest for row in store.all_rows("responses", store.output(made[0].outputs["generate"]))), 0.0
    )
    for one in signal(store, made, {"chosen": everyone | of_chosen}).pulls:
        # Of all its votes, those toward the chosen answer less those against it.
        assert one.prefers["chosen"] == pytest.approx(1 - 2 * one.against)
        assert abs(one.prefers[TOKENS]) < 9


def test_diff_names_the_principles_that_differ_beside_the_metrics_that_moved(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(store.home))
    assert main(["diff", "r1", "r2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    edited = {one["principle"]: one for one in found["edits"]["principles"]}
    assert {id: one["kind"] for id, one in edited.items()} == {"kind": "removed", "long": "added"}
    assert edited["kind"]["signal"]["b"] is None and edited["long"]["signal"]["a"] is None
    assert 0 < edited["kind"]["signal"]["a"]["share"] < 1
    moved = {one["metric"] for one in found["metrics"] if one["low"] is not None and one["low"] * one["high"] > 0}
    assert {one["metric"] for one in found["moved"]} == {name for name in moved if not name.startswith("judge/")}
    assert all(set(one["behind"]) <= {"kind", "long"} and one["behind"] for one in found["moved"])
    assert main(["diff", "r1", "r2"]) == 0
    said = capsys.readouterr().out
    assert all(fact in said for fact in ("Their constitutions differ", "Be kind.", "Be long.", "share of votes r2@1"))


def test_a_principle_that_is_renamed_keeps_what_its_votes_said_on_either_side(store: Store, tmp_path: Path) -> None:
    renamed = "extends: a.yaml\nname: c\nwithout: [brief]\nprinciples:\n  - {id: curt, text: Be brief., weight: 2}\n"
    _, file = written(tmp_path, renamed)
    branch(store, "r1@0", "r3", f"constitution={file}")
    assert drive.carry_on(store, "r3", lambda event: None).kind == "done"
    found = compare(store, resolve(store, "r1"), resolve(store, "r3")).edits
    assert found is not None
    (now,) = [
        one for one in signal(store, links(store, drive.existing(store, "r3"))[1:]).pulls if one.principle == "curt"
    ]
    told = {one.change.kind: one for one in found.principles if one.change.principle == "brief"}
    assert told.keys() >= {"renamed", "reweighted"}
    assert all(one.before and one.after and one.after.share == now.share for one in told.values())


def test_what_a_branch_shares_that_was_judged_by_a_third_constitution_is_put_down_to_no_edit(
    store: Store, tmp_path: Path
) -> None:
    third = "extends: a.yaml\nname: d\nprinciples:\n  - {id: right, text: Be right always.}\n"
    branch(store, "r2@1", "r4", f"constitution={written(tmp_path, third)[1]}", "iterations=2")
    assert drive.carry_on(store, "r4", lambda event: None).kind == "done"
    drive.change(store, "r1", drive.config_of(drive.existing(store, "r1")).model_copy(update={"iterations": 2}))
    assert drive.carry_on(store, "r1", lambda event: None).kind == "done"
    found = compare(store, resolve(store, "r1"), resolve(store, "r4"))
    assert {one.index for one in found.metrics} == {1, 2}
    assert found.edits is not None and found.edits.iterations == (2,)
    # Of "long", by which number 1 was judged, nothing is said.
    assert {one.change.principle for one in found.edits.principles} == {"right"}
    loud = replace(found, metrics=tuple(replace(one, low=1.0, high=2.0) for one in found.metrics))
    assert {one["metric"] for one in loud.document()["moved"]} <= {
        one.metric for one in found.metrics if one.index == 2
    }
    told = [one for one in found.metrics if one.index == 2 and not one.metric.startswith("judge/")]
    assert len(loud.document()["moved"]) == len(told)


def test_runs_with_one_constitution_have_no_edits(store: Store) -> None:
    assert compare(store, resolve(store, "r1@0"), resolve(store, "r1")).edits is None


def test_the_canonical_form_reads_back_as_the_same_constitution() -> None:
    for name in ("microworld", "helpful-honest-harmless"):
        one = find_constitution(name)
        assert as_said(one.said).digest == one.digest
