"""`selfsame faults`: rows that stay, so that it goes on where it was, and other guards over the same rows."""

import json
from pathlib import Path

import pytest

from loop.cli import main

TINY = (
    *("engine.kind=stub", "prompts.count=16", "generate.samples=3", "measure.prompts=8", "measure.anchor_count=8"),
    *("gold.prompts=8", "capability.prompts=null", "drift.judge=false", "drift.policy=false", "iterations=1"),
)


def test_what_has_a_row_is_not_run_again_and_other_guards_are_held_over_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, own = tmp_path / "rows.jsonl", tmp_path / "own.yaml"
    own.write_text("guards: {max_kl_to_seed_nats: 1.0e-9}\n")
    asked = ["faults", "shuffled", *TINY, "--out", str(rows), "--json"]
    assert main(asked) == 0
    first = capsys.readouterr()
    assert "shuffled@1/gold" in first.err
    assert main(asked) == 0
    again = capsys.readouterr()
    assert again.out == first.out and "shuffled@1/gold" not in again.err
    assert main([*asked, "--seeds", "2", "--guards", str(own)]) == 0
    more = json.loads(capsys.readouterr().out)
    assert [json.loads(line)["cell"]["seed"] for line in rows.read_text().splitlines()] == [1, 2]
    assert [one["runs"] for one in more["faults"]] == [2]
    assert json.loads(first.out)["faults"][0]["by"].get("max_kl_to_seed_nats", 0) == 0
    assert more["faults"][0]["by"]["max_kl_to_seed_nats"] > 0


def test_a_fault_that_is_not_known_and_a_file_of_something_else_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faults", "flipp"]) == 2
    assert "did you mean flipped" in capsys.readouterr().err
    (tmp_path / "rows.jsonl").write_text('{"cell": 1}\n')
    assert main(["faults", "flipped", "--out", str(tmp_path / "rows.jsonl")]) == 78
    assert "rows.jsonl:1" in capsys.readouterr().err
