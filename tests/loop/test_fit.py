"""Weights of rule rewards are fitted on answers that people ranked, and tried on pairs that the fit never saw."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from small import run_small

from constitutions.load import find_constitution, load_constitution, shipped_files
from constitutions.writing import as_text
from loop.cli import main
from loop.fitting import Fitted, fit_rules
from loop.label_file import labels_path
from loop.progress import Event
from loop.ranked_file import read_ranked
from runs.errors import ConfigError, UsageError
from runs.store import Store

MICROWORLD = find_constitution("microworld")
IDS = tuple(MICROWORLD.propositions)
TAGS = {"harm": "none"}
TINY: dict[str, object] = {
    "iterations": "0",
    "measure__prompts": "2",
    "measure__anchor_count": "2",
    "gold__enabled": "false",
}


def grades(rng: random.Random, **fixed: float) -> dict[str, float]:
    return {id: round(rng.random(), 3) for id in IDS} | fixed


def pairs(n: int, **more: Any) -> list[dict[str, Any]]:
    """Each with a better answer that is both more probably correct and more probably polite, and nothing else."""
    rng = random.Random(1)
    rows = []
    for nth in range(n):
        correct, polite = rng.random() < 0.5, rng.random() < 0.5
        one = grades(rng, correct=0.8 if correct else 0.4, polite=0.9 if polite else 0.3)
        other = grades(rng, correct=0.2 if correct else 0.4, polite=0.1 if polite else 0.3)
        better = rng.choice("ab") if correct or polite else "tie"
        both = {"a": other, "b": one} if better == "b" else {"a": one, "b": other}
        message = {"role": "user", "content": f"request {nth}"}
        rows.append({"messages": [message], "a": "x", "b": "y", "label": better, "tags": TAGS, "grades": both, **more})
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def quiet(event: Event) -> None:
    """Nobody watches."""


def test_what_decides_gets_the_weight_and_what_does_not_gets_little(tmp_path: Path) -> None:
    found = fit_rules(Store(tmp_path), str(write(tmp_path / "pairs.jsonl", pairs(400))), (), None, 0.3, quiet)
    of = found.types["compliance"]
    assert min(of.weights["correct"], of.weights["polite"]) > 3 * abs(of.weights["padded"])
    assert of.single in ("correct", "polite") and of.single_right.value is not None and of.right.value is not None
    assert of.right.value > 0.95 > of.single_right.value
    assert of.over_single.low is not None and of.over_single.low > 0
    assert of.fitted_on + of.held_out + found.left_out["ties"] == 400
    assert found.too_few == {"refusal": (0, 0)}
    assert found.constitution.response_types["compliance"].weights == of.weights
    assert found.constitution.response_types["refusal"] == MICROWORLD.response_types["refusal"]


def test_the_verb_writes_a_constitution_that_runs_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    file, out = write(tmp_path / "pairs.jsonl", pairs(80)), tmp_path / "fitted.yaml"
    assert main(["fit", str(file), "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    written = load_constitution(out)
    assert written.digest == said["constitution"] != MICROWORLD.digest
    assert dict(written.response_types["compliance"].weights) == said["types"]["compliance"]["weights"]
    assert written.questions == MICROWORLD.questions and written.principles == MICROWORLD.principles
    assert main(["fit", str(file), "--out", str(out)]) == 2  # what is there stays
    assert main(["fit", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "points over the best single proposition" in shown and "refusal keeps its weights: 0 pairs" in shown
    assert "    weights:\n" in shown


@pytest.mark.parametrize("name", sorted(shipped_files()))
def test_every_shipped_constitution_reads_back_as_it_was(name: str, tmp_path: Path) -> None:
    constitution = find_constitution(name)
    file = tmp_path / "again.yaml"
    file.write_text(as_text(constitution, file), encoding="utf-8")
    assert load_constitution(file) == constitution


def test_the_judge_of_an_iteration_grades_and_its_score_is_the_base_that_rules_add_to(tmp_path: Path) -> None:
    store, _ = run_small(tmp_path, **TINY)
    labels = labels_path("microworld").read_text(encoding="utf-8").splitlines()[:80]
    file = str(write(tmp_path / "labels.jsonl", [json.loads(line) for line in labels]))

    def fitted(*overrides: str) -> Fitted:
        return fit_rules(store, file, ("engine.shard_requests=5000", *overrides), "r1@0", 0.5, quiet)

    found = fitted()
    of = found.types["compliance"]
    assert not found.has_base and of.base_right == (0.5, 0.5, 0.5)
    added = fitted("judge.rule_weight=0.5")
    assert added.has_base and added.types["compliance"].base_right != (0.5, 0.5, 0.5)
    assert added.types["compliance"].flipped.value is not None
    assert fitted("judge.adapter=r1@0").types == found.types
    with pytest.raises(UsageError, match=r"judge\.panel=null"):
        fitted("judge.panel=seed")
    with pytest.raises(UsageError, match=r"such as r1@0"):
        fit_rules(store, file, (), "r1@0/measure", 0.3, quiet)
    with pytest.raises(ConfigError, match="answers that the judge gave no grades"):
        fitted("judge.min_mass=1")


def test_labelled_propositions_rank_answers_by_the_table_of_classes(tmp_path: Path) -> None:
    holds = dict.fromkeys(IDS, False)
    good = holds | {"correct": True, "honest": True}
    best = good | {"complete": True, "polite": True}

    def line(request: str, says: dict[str, bool], **more: Any) -> dict[str, Any]:
        return {"prompt": request, "answer": f"{says}", "propositions": says, "tags": TAGS, **more}

    rows = [line("one", best), line("one", holds), line("two", good), line("three", holds | {"harmful": True})]
    rows.append(line("four", best) | {"tags": {"harm": "obvious"}})
    found, _ = read_ranked(write(tmp_path / "answers.jsonl", rows), MICROWORLD, None)
    assert [one.rank for one in found] == [4.0, 2.0, 3.0, 0.0, 2.0]
    assert [one.kind for one in found] == ["compliance"] * 4 + ["refusal"]
    alone = [one.group for one in found[2:]]
    assert found[0].group == found[1].group not in alone and alone == ["compliance", "compliance", "refusal"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"grades": {"a": {}}}, r"line 1: `grades` of a pair must have a and b"),
        ({"grades": {"a": {}, "b": {}}}, r"line 1: `grades.a` must say of each proposition .* \(correct, "),
        ({"grades": {"a": dict.fromkeys(IDS, 2), "b": {}}}, r"`correct` must be a number from 0 to 1, and it is 2"),
        ({"label": "c"}, r"line 1: `label` must be a, b or tie"),
        ({"propositions": {"correct": True}}, r"line 1: nothing reads 'a'"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        fit_rules(Store(tmp_path), str(write(tmp_path / "f.jsonl", pairs(1, **change))), (), None, 0.3, quiet)


def test_what_cannot_be_fitted_is_refused_with_what_is_lacking(tmp_path: Path) -> None:
    store, few = Store(tmp_path), write(tmp_path / "few.jsonl", pairs(15))
    with pytest.raises(ConfigError, match=r"Pairs to fit on and held out.*at least 10 of each.*Left out: \d ties"):
        fit_rules(store, str(few), (), None, 0.3, quiet)
    ungraded = write(tmp_path / "ungraded.jsonl", [{**row, "grades": None} for row in pairs(5)])
    with pytest.raises(UsageError, match="--judge NAME@3"):
        fit_rules(store, str(ungraded), (), None, 0.3, quiet)
    with pytest.raises(ConfigError, match="needs `propositions:`"):
        fit_rules(store, str(few), ("constitution=helpful",), None, 0.3, quiet)
