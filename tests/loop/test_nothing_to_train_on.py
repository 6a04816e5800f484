"""Where there is too little to train on, or training fails: a halt that says why, by count, and what to set."""

import json
from pathlib import Path
from typing import Any

import pytest

from judges.pairs import Unpaired, by_scores
from loop.label_file import read_labels
from loop.steps.remedies import NO_PAIR, REMEDIES, remedies
from loop.steps.train import USED
from runs.errors import ConfigError
from runs.output import Output
from runs.records import Judgment, Response, Sampling
from tests.loop.small import run_small
from trainers.stub_faults import VARIABLE, Fault, write_faults


def reason_of(home: Path, **changes: Any) -> str:
    outcome = run_small(home, **changes)[1]
    assert outcome.kind == "halted"
    return outcome.reason


def test_too_few_pairs_halt_with_the_commonest_cause_and_what_to_set(tmp_path: Path) -> None:
    said = reason_of(tmp_path, guards__min_pairs="16", pair__min_margin="4.5")
    assert "min_pairs: signal/pairs is 0; at least 16 is needed" in said
    assert "because of: below margin (24 of 24); lower pair.min_margin" in said
    assert "prompts.count" in said


def test_all_ties_are_counted_and_have_a_remedy() -> None:
    answers = [Response("p", "a", "base", Sampling(1, 1, 9), n, str(n), (n,), (-1.0,), "end") for n in (1, 2)]
    judged = [
        Judgment("response", (one.digest,), "a", "base", "expected", "c", (), (), 3.0, None, None, 0) for one in answers
    ]
    unpaired = by_scores(answers, judged, 0.1, "self").unpaired
    metrics = {f"{NO_PAIR}{reason}": count for reason, count in unpaired._asdict().items()}
    said = remedies({"min_pairs"}, {"pair": Output("pair", {}, {"metrics": metrics})})
    assert said[0].startswith("most often a prompt gave no pair because of: tie (1 of 1); ")
    assert "judge.method" in said[0] and "generate.samples" in said[0]


def test_every_reason_for_no_pair_has_a_remedy() -> None:
    assert {*REMEDIES} == {*Unpaired._fields}


def test_rows_that_are_too_long_are_counted_and_the_setting_is_named() -> None:
    for used in USED.values():
        metrics = {used: 3, used.replace("_used", "_too_long"): 21}
        said = remedies({"min_pairs"}, {"train": Output("train", {}, {"metrics": metrics})})
        assert said[0].startswith("most often too long: 21 rows exceed train.max_length_tokens")
    assert remedies(set(), {"train": Output("train", {}, {"metrics": metrics})}) == []


def test_a_diverging_loss_halts_with_the_step_and_what_to_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_faults(tmp_path / "faults", [Fault("train", "diverge")])
    monkeypatch.setenv(VARIABLE, str(tmp_path / "faults"))
    said = reason_of(tmp_path / "home")
    assert "diverged at step" in said and "lower train.learning_rate" in said


@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_a_pair_with_an_empty_answer_is_refused_with_its_line(side: str, tmp_path: Path) -> None:
    row = {"prompt": "p", "chosen": "a", "rejected": "b"}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {side: ""}) + "\n")
    with pytest.raises(ConfigError, match=f"line 2: .*{side}"):
        read_labels(tmp_path / "pairs.jsonl")
