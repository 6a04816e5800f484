"""Exemplars: what was judged, compared or revised before, shown ahead of what is asked now."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from constitutions.exemplars import revising_question
from constitutions.load import load_constitution
from judges.dialogue import Item
from judges.expected import Expected
from judges.letters import written_letter
from judges.pairwise import Pairwise
from judges.rubric import Rubric
from judges.voting import Voting
from loop.engine.stub import StubEngine
from runs.errors import ConfigError
from runs.records import Judgment, Message
from tests.loop.small import chain, run_small

PLAIN = """\
name: plain
scale: {low: 0, high: 5}
questions:
  rubric: |-
    Asked: {request}
    Answered: {response}
    End with a line `Score: N`, the score.
  expected: |-
    Asked: {request}
    Answered: {response}
    Say the score.
"""
EXEMPLARS = """\
exemplars:
  - request: add 2 and 2.
    response: "{response} is 4."
    score: 5
    reasons: It is right.
  - {request: add 2 and 3., response: it is 7., score: 0}
"""
ITEM = Item((Message("user", "add 1 and 1."),), ("2.",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(PLAIN + EXEMPLARS)
    return path


def test_each_exemplar_stands_under_the_question_with_a_verdict_in_the_form_that_is_read(path: Path) -> None:
    constitution = load_constitution(path)
    (question,) = Expected(constitution, 0.5).ask(ITEM, [])
    assert question.messages[0].content.split("\n\n") == [
        "Asked: add 2 and 2.\nAnswered: {response} is 4.\nSay the score.\n5",
        "Asked: add 2 and 3.\nAnswered: it is 7.\nSay the score.\n0",
        "Asked: add 1 and 1.\nAnswered: 2.\nSay the score.",
    ]
    (written,) = Rubric(constitution, 1, 0.5).ask(ITEM, [])
    first, second, _ = written.messages[0].content.split("\n\n")
    assert first.endswith("\nIt is right.\nScore: 5") and second.endswith("the score.\nScore: 0")


def test_exemplars_are_part_of_what_a_constitution_says(path: Path, tmp_path: Path) -> None:
    without = tmp_path / "plain.yaml"
    without.write_text(PLAIN)
    other = tmp_path / "other.yaml"
    other.write_text((PLAIN + EXEMPLARS).replace("score: 0", "score: 1"))
    assert len({load_constitution(file).digest for file in (path, without, other)}) == 3


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("score: 5", "score: 6", "line 15: exemplars.0.score: the scale has no score 6"),
        ("score: 5", "score: many", "line 15: exemplars.0.score = 'many': must be"),
        ("reasons: It", "because: It", "line 16: exemplars.0.because"),
    ],
)
def test_exemplars_that_cannot_be_are_refused_with_their_line(path: Path, old: str, new: str, reason: str) -> None:
    path.write_text((PLAIN + EXEMPLARS).replace(old, new))
    with pytest.raises(ConfigError, match=reason.replace(".", r"\.")):
        load_constitution(path)


def test_exemplars_that_no_question_shows_are_refused(path: Path) -> None:
    path.write_text('name: other\nscale: {low: 0, high: 5}\nquestions: {new_prompt: "{examples}"}\n' + EXEMPLARS)
    with pytest.raises(ConfigError, match="line 4: exemplars: shown before the questions expected and rubric"):
        load_constitution(path)


COMPARING = """\
name: comparing
scale: {low: 0, high: 5}
principles: [{id: kind, text: Be kind.}]
questions:
  pairwise: "{principle}|{request}|{response_a}|{response_b}"
  pairwise_reasoned: "{principle}|{request}|{response_a}|{response_b}|why?"
exemplars_compared:
  - {request: R1, better: good, worse: bad, reasons: It is.}
  - {request: R2, better: good, worse: bad}
"""
REVISING = """\
name: revising
scale: {low: 0, high: 5}
principles: [{id: kind, text: Be kind.}]
questions:
  critique: "{principle}|{request}|{response}"
  revision: "{principle}|{request}|{response}|{critique}"
exemplars_revised:
  - {request: R, response: A, critique_request: Look hard., critique: All., revision_request: Mend it., revision: B}
"""


def test_two_answers_are_compared_after_exemplars_in_which_the_better_one_takes_turns(tmp_path: Path) -> None:
    path = tmp_path / "comparing.yaml"
    path.write_text(COMPARING)
    constitution = load_constitution(path)
    item = Item((Message("user", "Q"),), ("one", "two"))
    questions = Pairwise(constitution, Voting(), 0.5).ask(item, [])
    assert [question.messages[0].content.split("\n\n") for question in questions] == [
        ["Be kind.|R1|good|bad\nA", "Be kind.|R2|bad|good\nB", f"Be kind.|Q|{shown}"]
        for shown in ("one|two", "two|one")
    ]
    (written, _) = Pairwise(constitution, Voting(), 0.5, reasons=1).ask(item, [])
    first, second, _ = written.messages[0].content.split("\n\n")
    assert first.endswith("why?\nIt is.\nAnswer: A") and second.endswith("why?\nAnswer: B")
    assert written_letter(first, True) == "A"


def test_whoever_criticises_or_revises_is_shown_how_by_the_words_of_the_exemplars(tmp_path: Path) -> None:
    path = tmp_path / "revising.yaml"
    path.write_text(REVISING)
    constitution = load_constitution(path)
    assert revising_question(constitution, "critique", "Look.", "Q", "{critique}") == (
        "Look hard.|R|A\nAll.\n\nLook.|Q|{critique}"
    )
    assert revising_question(constitution, "revision", "Do.", "Q", "one", "Bad.") == (
        "Mend it.|R|A|All.\nB\n\nDo.|Q|one|Bad."
    )


@pytest.mark.parametrize("text", [COMPARING, REVISING])
def test_exemplars_of_two_answers_and_of_revisions_need_a_question_too(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.yaml"
    head, _, exemplars = text.partition("exemplars")
    path.write_text(
        re.sub("  (pairwise|critique|revision).*\n", "", head) + '  new_prompt: "{examples}"\nexemplars' + exemplars
    )
    with pytest.raises(ConfigError, match=r"line 6: exemplars_.*and none is there"):
        load_constitution(path)


def test_a_run_shows_them_to_its_judge(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    run = StubEngine.run

    def noting(self: StubEngine, requests: Sequence[Any]) -> list[Any]:
        sent.extend(request.messages[0].content for request in requests)
        return run(self, requests)

    monkeypatch.setattr(StubEngine, "run", noting)
    small = {"iterations": "1", "prompts__count": "6", "gold__enabled": "false", "guards__max_unscored_frac": "1"}
    store, _ = run_small(tmp_path / "home", constitution=str(path), judge__method="rubric", **small)
    asked = [text for text in sent if "End with a line" in text]
    assert asked and all(text.startswith("Asked: add 2 and 2.\nAnswered: {response} is 4.") for text in asked)
    judgments: list[Judgment] = store.all_rows("judgments", store.output(chain(store)[-1].outputs["judge"]))
    assert {one.constitution for one in judgments} == {load_constitution(path).digest}
