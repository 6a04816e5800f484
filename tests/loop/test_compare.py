"""What `diff` says of two runs: settings, the parting, and metrics whose difference is taken prompt by prompt."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from small import branch, run_small, small_config

from judges.statistics import mean_difference
from loop import drive
from loop.cli import main
from loop.compare import compare
from runs.lineage import resolve
from runs.query import query
from runs.store import Store
from tests.runs.history import small_history


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """`r1` of two iterations, `r2` that parted from it after the first, and `other`, begun on its own."""
    store, _ = run_small(tmp_path_factory.mktemp("compare"))
    branch(store, "r1@1", "r2", "train.beta=0.2", "limits.hours=9")
    drive.begin(store, "other", "test", small_config(iterations="0", seed=7))
    for name in ("r2", "other"):
        drive.carry_on(store, name, lambda event: None)
    return store


def test_settings_and_the_parting_are_named(home: Store) -> None:
    found = compare(home, resolve(home, "r1"), resolve(home, "r2"))
    assert [(c.leaf, c.old, c.new) for c in found.settings] == [("train.beta", 0.3, 0.2)]
    assert [(c.leaf, c.old, c.new) for c in found.operational] == [("limits.hours", None, 9)]
    assert found.files == () and found.shared == "r1@1"
    assert {compared.index for compared in found.metrics} == {2}
    assert (found.a, found.b) == ("r1@2", "r2@2")


def test_a_difference_is_the_mean_over_the_same_prompts_with_its_interval(home: Store) -> None:
    found = {c.metric: c for c in compare(home, resolve(home, "r1"), resolve(home, "r2")).metrics}
    sql = """select r.run, r.prompt, j.score from responses r join judgments j
             on j.run = r.run and j.iteration = r.iteration and j.step = r.step and list_contains(j.judged, r.digest)
             where r.iteration = 2 and r.step = 'measure' and j.score is not null order by r.prompt"""
    scores = {run: {p: s for of, p, s in query(home, sql)[1] if of == run} for run in ("r1", "r2")}
    shared = sorted(scores["r1"].keys() & scores["r2"].keys())
    wanted = mean_difference([scores["r1"][p] for p in shared], [scores["r2"][p] for p in shared], seed=0)
    own = found["judge/score_mean"]
    assert own.prompts == len(shared) == 12
    assert own.difference == pytest.approx(wanted.value) == pytest.approx((own.b or 0) - (own.a or 0))
    assert own.low is not None and own.high is not None and own.low < wanted.value < own.high
    for metric, prompts in (("gold/greedy_mean", 13), ("gold/sampled_mean", 13), ("policy/length_mean_tokens", 12)):
        one = found[metric]
        assert one.prompts == prompts and one.difference == pytest.approx((one.b or 0) - (one.a or 0))
    pairs = found["signal/pairs"]
    assert pairs.low is None and pairs.difference == (pairs.b or 0) - (pairs.a or 0)


def test_runs_that_share_nothing_or_all_are_compared_too(home: Store) -> None:
    strangers = compare(home, resolve(home, "r1"), resolve(home, "other"))
    assert strangers.shared is None and "seed" in [c.leaf for c in strangers.settings]
    assert {compared.index for compared in strangers.metrics} == {0}
    same = compare(home, resolve(home, "r1@1"), resolve(home, "r1"))
    assert same.shared == "r1@1" and same.metrics == () and same.settings == ()


def test_diff_speaks_to_people_and_in_json(
    home: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(home.home))
    assert main(["diff", "r1", "r2"]) == 0
    said = capsys.readouterr().out
    assert all(fact in said for fact in ("train.beta", "0.3", "0.2", "after r1@1", "95 % interval", "own score"))
    assert main(["diff", "r1", "r2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shared"] == "r1@1"


@pytest.mark.parametrize("words", [["log", "--graph"], ["log", "r2", "--graph"], ["log", "r2"], ["status"]])
def test_what_a_recipe_or_a_reason_is_called_cannot_steer_the_terminal(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "\x1b[31m\u202e\n* forged@9"
    store = small_history(tmp_path)
    with store.lock():
        run = store.runs()[1]
        store.move(replace(run, recipe=hostile, branched_from=f"r1@1{hostile}", shared={f"r1{hostile}": 1}))
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path))
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\u202e" not in said and "\n* forged" not in said
