"""`selfsame eval mc` on the stub engine."""

import json
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from tests.loop.small import run_small

STUB = "engine.kind=stub"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    path = tmp_path / "questions.jsonl"
    rows = [
        {"question": f"what is {n}?", "options": ["small", "large", "red"], "answer": n % 3, "category": f"c{n % 2}"}
        for n in range(12)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert main(["eval", "mc", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_every_question_has_an_outcome_and_every_category_a_row(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, str(file), STUB)
    overall = found["overall"]
    assert overall["n"] == sum(overall[name] for name in ("right", "wrong", "tie", "low_mass")) == 12
    assert {name: group["n"] for name, group in found["by_category"].items()} == {"c0": 6, "c1": 6}
    assert [letter["letter"] for letter in found["letters"]] == ["A", "B", "C"]
    assert len(found["questions"]) == 12
    assert found == said(capsys, str(file), STUB)


def test_how_requests_are_split_into_calls_changes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, str(file), STUB, "engine.shard_requests=4") == said(capsys, str(file), STUB)


def test_the_human_form_says_how_much_the_letters_matter(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "mc", str(file), STUB]) == 0
    text = capsys.readouterr().out
    assert "low mass" in text
    assert "33%" in text  # guessing
    assert "in every order" in text


def test_questions_are_asked_and_only_some_are_answered(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "mc", str(file), STUB, "--min-mass", "1"]) == 0
    out, err = capsys.readouterr()
    assert "12 of 12 questions asked" in err and "answered" not in out + err
    assert "Accuracy is of right and wrong alone" in out and "would say no letter to any question" in out


def test_an_iterations_policy_answers_in_its_own_way(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, _ = run_small(file.parent / "home", iterations="1")
    seed, after = (said(capsys, str(file), "--adapter", address) for address in ("r1@0", "r1@1"))
    assert seed["questions"] == said(capsys, str(file), STUB)["questions"]
    assert after["digest"] != seed["digest"]
    assert after["questions"] != seed["questions"]
    assert store.has(after["digest"])


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--adapter", "r9"], 2, "r9"),
        (["--adapter", "r1@0", "--model", "microworld:m0"], 2, "leave --model"),
        (["--model", "no/such/folder"], 78, "no/such/folder"),
        (["--model", "microworld:m9"], 78, "m9"),
        (["model.adapter=somewhere"], 2, "model.adapter=somewhere"),
        (["engine.knd=stub"], 78, "engine.kind"),
        (["--min-mass", "2"], 2, "min-mass"),
    ],
)
def test_what_cannot_be_served_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, says: str
) -> None:
    assert says in said(capsys, str(file), *words, code=code)["error"]


def test_questions_that_are_too_long_are_refused_or_left_out(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = {"question": "what is small? " * 200, "options": ["a", "b"], "answer": 0}
    file.write_text(file.read_text() + "\n" + json.dumps(long))
    refused = said(capsys, str(file), STUB, code=78)["error"]
    assert "1 of 13 questions" in refused
    assert "line 13" in refused
    found = said(capsys, str(file), STUB, "--skip-long")
    assert found["overall"]["n"] == 12
    assert list(found["too_long"]) == [f"{file}: line 13"]
