"""Multiple-choice files at the door."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from loop.external.questions import Question, read_questions
from runs.errors import ConfigError

DATA = Path(os.environ.get("SELFSAME_TEST_DATA", "../shared/data")) / "cai"
HHH = {
    "prompt": "A list:\n (A) none\n\nChoose. Options:\n (A) [[[[one,\ntwo]]]]\n (B) [[[three]]]\n\nThe answer is:",
    "corrects": [" (B)"],
    "incorrects": [" (A)"],
}
PLAIN = {
    "prompt": "what is small?\nA: a cat.\nB: a house.\nsay only A or B.",
    "corrects": ["A"],
    "incorrects": ["B"],
    "category": "size",
}
LISTED = {"question": "What is small?", "options": ["a house", "a cat", "a hill"], "answer": "B"}
SCORED = {"input": "What is small?", "target_scores": {"a house": 0, "a cat": 1}}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def only(folder: Path, row: Any) -> Question:
    (question,) = read_questions(written(folder, row))
    return question


def test_options_are_told_from_the_prompt_and_not_from_a_list_before_them(tmp_path: Path) -> None:
    question = only(tmp_path, HHH)
    assert question.options == ("[one,\ntwo]", "three")
    assert question.right == 1
    assert question.after == "\n\nThe answer is:"
    assert question.before + question.shown((0, 1)) + question.after == HHH["prompt"]


def test_options_on_lines_of_their_own_keep_their_marks(tmp_path: Path) -> None:
    question = only(tmp_path, PLAIN)
    assert (question.options, question.marks, question.category) == (("a cat.", "a house."), ("", ":"), "size")
    assert question.shown((1, 0)) == "A: a house.\nB: a cat."


@pytest.mark.parametrize("answer", ["B", " (B)", 1, "a cat"])
def test_an_answer_is_a_letter_a_number_or_a_text(tmp_path: Path, answer: Any) -> None:
    assert only(tmp_path, LISTED | {"answer": answer}).right == 1


def test_the_best_of_target_scores_is_right(tmp_path: Path) -> None:
    assert only(tmp_path, SCORED).right == 1


def test_every_option_stands_once_at_every_letter(tmp_path: Path) -> None:
    orders = only(tmp_path, LISTED).orders()
    assert orders == [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    assert [sorted(place) for place in zip(*orders, strict=True)] == [[0, 1, 2]] * 3


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("[1]", "must be an object"),
        ("{", "is no JSON"),
        ({"text": "hello"}, "no question is read from ['text']"),
        (HHH | {"corrects": []}, "1 options"),
        (HHH | {"corrects": [" (B)", " (A)"], "incorrects": []}, "one correct"),
        (HHH | {"corrects": [" (C)"]}, "letters from A on"),
        (HHH | {"incorrects": " (A)"}, "list of letters"),
        (HHH | {"prompt": "nothing here"}, "no options A to B"),
        (HHH | {"prompt": " (A) [[[one\n (B) [[[two"}, "no options A to B"),
        (HHH | {"prompt": ""}, "must be a text"),
        (PLAIN | {"category": 3}, "`category`"),
        (LISTED | {"options": ["one"]}, "1 options"),
        (LISTED | {"options": [f"{n}" for n in range(27)]}, "27 options"),
        (LISTED | {"options": ["same", "same"]}, "same"),
        (LISTED | {"options": "a, b"}, "list of texts"),
        (LISTED | {"options": ["a", ""]}, "list of texts"),
        (LISTED | {"answer": "D"}, "a letter up to C"),
        (LISTED | {"answer": 3}, "a number from 0 to 2"),
        (LISTED | {"answer": True}, "True"),
        (LISTED | {"answer": None}, "None"),
        (LISTED | {"question": 7}, "`question`"),
        (SCORED | {"target_scores": {"a": 1, "b": 1}}, "2 best options"),
        (SCORED | {"target_scores": {"a": "1", "b": 0}}, "a number"),
        (SCORED | {"target_scores": {}}, "a number"),
        ('{"question": "\\ud800", "options": ["a", "b"], "answer": 0}', "half a character"),
    ],
)
def test_bad_questions_are_refused_with_file_line_and_reason(tmp_path: Path, row: Any, says: str) -> None:
    path = written(tmp_path, LISTED, row)
    with pytest.raises(ConfigError) as refused:
        read_questions(path)
    assert f"{path}: line 2" in str(refused.value)
    assert says in str(refused.value)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the file holds no question"):
        read_questions(written(tmp_path))
    with pytest.raises(ConfigError, match="no such file"):
        read_questions(tmp_path / "missing.jsonl")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no public data at {DATA.parent}: SELFSAME_TEST_DATA names its folder")
@pytest.mark.parametrize(
    ("file", "count", "options"), [("438HHHEvaluations", 438, 2), ("HarmfulnessClassification", 287, 9)]
)
def test_the_papers_questions_come_back_as_they_were_written(file: str, count: int, options: int) -> None:
    path = DATA / f"{file}.jsonl"
    questions = read_questions(path)
    prompts = [json.loads(line)["prompt"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(questions) == count
    assert {len(question.options) for question in questions} == {options}
    assert [q.before + q.shown(q.orders()[0]) + q.after for q in questions] == prompts
