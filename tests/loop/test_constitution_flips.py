"""Which labels another constitution would change: what is said beforehand is what a run then does."""

import json
from pathlib import Path

import pytest
from small import branch, chain, quiet, run_small, small_config

from constitutions.load import Constitution, load_constitution
from judges.principle_votes import preferences
from loop import drive
from loop.cli import main
from loop.constitution_flips import Flips, flips
from loop.panel import decisive
from runs.errors import UsageError
from runs.records import Judgment, PreferencePair
from runs.store import Store

A = """\
name: a
scale: {low: 0, high: 5}
principles:
  - {id: kind, text: Be kind., weight: 3}
  - {id: brief, text: Be brief.}
  - {id: right, text: Be right.}
propositions: {evasive: "does it evade?"}
questions:
  pairwise: "{principle} {request} A {response_a} B {response_b}"
  pairwise_reasoned: "{principle} {request} A {response_a} B {response_b} why? A or B"
  proposition: "{proposition} {request} {response}"
"""
REWEIGHTED = "extends: a.yaml\nname: b\nprinciples:\n  - {id: kind, weight: 1}\n  - {id: right, weight: 4}\n"
FEWER = "extends: a.yaml\nname: b\nwithout: [kind]\n"
REWORDED = "extends: a.yaml\nname: b\nprinciples:\n  - {id: right, text: Be right about it.}\n"
SETTINGS: dict[str, object] = {
    "iterations": "1",
    "prompts__count": "10",
    "measure__anchors": None,
    "measure__prompts": "4",
    "gold__enabled": "false",
    "judge__method": "pairwise",
    "judge__principles": None,
    "guards__max_unscored_frac": "1",
}
DRAWN: dict[str, object] = {"judge__principles": "2"}
CAREFUL: dict[str, object] = {"judge__min_confidence": "0.7", "judge__consistent": "true"}
EVASIVE: dict[str, object] = {"judge__min_confidence": "0.6", "judge__prefer_non_evasive": "true"}
WRITTEN: dict[str, object] = {"judge__method": "pairwise_reasoned", "judge__replies": "2"}
PANEL: dict[str, object] = {"judge__adapter": "seed", "judge__panel": ["base"], "judge__base": "microworld:m0"}


def written(folder: Path, b: str) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "a.yaml", folder / "b.yaml"
    for path, text in zip(paths, (A, b), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def rejudged(folder: Path, b: str, **settings: object) -> tuple[Flips, Store, Constitution]:
    """What is said of r1@1 under another constitution, and the store with a branch r2 that was judged by it."""
    first, second = written(folder, b)
    store, outcome = run_small(folder / "home", constitution=str(first), **(SETTINGS | settings))
    assert outcome.kind == "done", outcome.reason
    said = flips(store, "r1@1", load_constitution(first), load_constitution(second))
    branch(store, "r1@0", "r2", f"constitution={second}", "iterations=1")
    assert drive.carry_on(store, "r2", quiet).kind == "done"
    return said, store, load_constitution(second)


def counted(store: Store, run: str) -> dict[tuple[str, ...], Judgment]:
    judged = store.output(chain(store, run)[1].outputs["judge"])
    return {one.judged: one for one in decisive(store.all_rows("judgments", judged))}


def pairs_of(store: Store, run: str) -> dict[str, PreferencePair]:
    made: list[PreferencePair] = store.all_rows("pairs", store.output(chain(store, run)[1].outputs["pair"]))
    return {pair.prompt: pair for pair in made}


@pytest.mark.parametrize(
    ("b", "settings"),
    [
        (FEWER, DRAWN),
        (REWEIGHTED, CAREFUL),
        (REWEIGHTED, EVASIVE),
        (FEWER, WRITTEN),
        (REWEIGHTED, PANEL),
        (REWEIGHTED, {"pair__labels": "margin"}),
    ],
    ids=["drawn", "careful", "evasive", "written", "panel", "margin"],
)
def test_every_label_that_can_be_said_beforehand_is_the_one_that_a_rejudged_run_gets(
    tmp_path: Path, b: str, settings: dict[str, object]
) -> None:
    said, store, _ = rejudged(tmp_path, b, **settings)
    before, after = counted(store, "r1"), counted(store, "r2")
    assert before.keys() == after.keys()
    told = {one.judged: one for one in said.rejudged}
    assert told
    for judged, one in told.items():
        assert (one.score, one.unscored, one.probability) == (
            after[judged].score,
            after[judged].unscored,
            after[judged].probability,
        )
    assert said.verdicts.get("unknown", 0) == len(after) - len(told)
    if settings not in (DRAWN, EVASIVE):  # of which some show or ask what was not asked before
        assert len(told) == len(after)
        assert said.verdicts.keys() - {"same"}  # or nothing was shown
    old, new = pairs_of(store, "r1"), pairs_of(store, "r2")
    for pair in said.pairs:
        if pair["fate"] == "unknown":
            continue
        for when, made in (("before", old), ("after", new)):
            made_one = made.get(pair["prompt"])
            assert (made_one is None) == (pair[when] is None)
            if made_one is not None:
                assert pair[when]["chosen"] == made_one.chosen and pair[when]["rejected"] == made_one.rejected
                assert pair[when]["label_probability"] == made_one.label_probability
    known = {pair["prompt"] for pair in said.pairs}
    assert old.keys() | new.keys() <= known


def test_of_new_words_nobody_can_say_what_a_judge_would_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = written(tmp_path, REWORDED)
    store, _ = run_small(tmp_path / "home", constitution=str(first), **SETTINGS)
    said = flips(store, "r1@1", load_constitution(first), load_constitution(second))
    assert set(said.verdicts) == set(said.fates) == {"unknown"} and not said.rejudged
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    assert main(["constitution", "diff", str(first), str(second), "--with", "r1@1"]) == 0
    assert "Of 10 prompts it cannot be said without asking." in capsys.readouterr().out
    written(tmp_path, REWEIGHTED)
    assert main(["constitution", "diff", str(first), str(second), "--with", "r1@1", "--json"]) == 0
    labels = json.loads(capsys.readouterr().out)["labels"]
    assert sum(labels["comparisons"].values()) == len(counted(store, "r1"))
    assert main(["constitution", "lint", str(first), "--with", "r1@1", "--json"]) == 0
    (measured,) = (one["measured"] for one in json.loads(capsys.readouterr().out)["constitutions"])
    assert measured["comparisons"] == len(counted(store, "r1"))
    assert {id: own["asked"] for id, own in measured["principles"].items()} == dict.fromkeys(
        ("kind", "brief", "right"), measured["comparisons"]
    )
    with pytest.raises(UsageError, match="r1@1 was judged by the constitution s1:"):
        flips(store, "r1@1", load_constitution(second), load_constitution(first))
    assert main(["constitution", "lint", str(second), "--with", "r1@1"]) == 2
    assert "r1@1 was judged by the constitution s1:" in capsys.readouterr().err
    with pytest.raises(UsageError, match="r1@0 holds no judgments"):
        flips(store, "r1@0", load_constitution(first), load_constitution(second))


def test_verdicts_without_votes_are_not_counted_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    config = small_config(iterations="1", prompts__count="4", measure__prompts="4", gold__enabled="false")
    drive.begin(store, "r1", "test", config)
    drive.carry_on(store, "r1", quiet)
    asked = drive.find_constitution(config.constitution)
    with pytest.raises(UsageError, match=r"judge\.method=expected, whose verdicts hold no votes"):
        flips(store, "r1@1", asked, asked)


def test_how_far_a_verdict_turns_with_the_words_of_its_principle_is_counted_on_the_same_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store, _ = rejudged(tmp_path, REWORDED)
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    ask = ["constitution", "lint", str(tmp_path / "a.yaml"), "--with", "r1@1", "--reworded"]
    assert main([*ask, "r2@1", "--json"]) == 0
    (found,) = (one["measured"] for one in json.loads(capsys.readouterr().out)["constitutions"])
    said, anew = (
        {one.judged: preferences(one)["right"] for one in counted(store, run).values()} for run in ("r1", "r2")
    )
    decided = [judged for judged, which in said.items() if which and anew[judged]]
    turned = sum(said[judged] != anew[judged] for judged in decided)
    assert found["reworded"] == {"right": {"turned": turned, "of": len(decided)}} and 0 < turned < len(decided)
    assert main([*ask, "r1@1"]) == 2
    assert "no principle of r1@1 in other words" in capsys.readouterr().err
    assert main([*ask[:3], "--reworded", "r2@1"]) == 2
    assert "--with RUN@N" in capsys.readouterr().err


def test_where_all_principles_stood_in_one_question_none_is_said_to_be_idle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = written(tmp_path, FEWER)
    run_small(tmp_path / "home", constitution=str(file), **SETTINGS | {"judge__together": "true"})
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    assert main(["constitution", "lint", str(file), "--with", "r1@1"]) == 2
    assert "r1@1 was judged with judge.together=true" in capsys.readouterr().err
