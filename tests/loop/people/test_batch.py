"""Questions tell nobody which answer is whose, and answers are only ever added."""

from pathlib import Path

import pytest

from loop.people import kept
from loop.people.batch import answered, from_json, to_json
from loop.people.sheet import as_json
from runs.errors import CorruptError
from tests.loop.people.made import FIRST, SECOND, asked, compared, of_pair, says

SHOWN = compared(*(of_pair(0.9 if n % 2 else 0.2, [0.9, 0.4], "a critique") for n in range(100)), harm="subtle")


def test_which_answer_is_a_is_decided_by_lot_whatever_the_judge_prefers() -> None:
    batch = asked(SHOWN)
    firsts = [question.a == FIRST for question in batch.questions]
    preferred = [(SHOWN.scores(q.prompt, q.a, q.b) or (0, 0))[0] > 0.5 for q in batch.questions]  # type: ignore[operator]
    assert 35 < sum(firsts) < 65
    assert 35 < sum(preferred) < 65


def test_the_order_is_another_than_that_of_worth() -> None:
    order = [list(SHOWN.prompts).index(question.prompt) for question in asked(SHOWN).questions]
    assert sorted(order) == list(range(100)) != order


def test_a_question_shows_the_conversation_two_answers_and_nothing_else() -> None:
    question = asked(SHOWN).questions[0]
    shown = as_json(question)
    assert set(shown) == {"id", "warning", "messages", "a", "b"}
    assert {shown["a"], shown["b"]} == {FIRST, SECOND}
    assert "critique" not in str(shown) and question.why not in str(shown)
    assert "harm=subtle" in shown["warning"]


def test_two_people_see_the_same_pairs_in_another_order() -> None:
    ann, bob = asked(SHOWN, "ann"), asked(SHOWN, "bob")
    assert {q.pair for q in ann.questions} == {q.pair for q in bob.questions}
    assert [q.pair for q in ann.questions] != [q.pair for q in bob.questions]
    assert not {q.id for q in ann.questions} & {q.id for q in bob.questions}


def test_a_batch_comes_back_from_json_as_it_was() -> None:
    batch = asked(SHOWN, "ann")
    assert from_json(to_json(batch)) == batch


def test_answers_are_added_to_those_before_and_the_same_batch_is_issued_once(tmp_path: Path) -> None:
    batch = kept.issue(tmp_path, asked(SHOWN))
    first, second = batch.questions[:2]
    kept.add(tmp_path, batch, [says(first, FIRST, "ann")])
    kept.add(tmp_path, batch, [says(second, "skip", "bob")])
    assert kept.issue(tmp_path, asked(SHOWN)).given == (says(first, FIRST, "ann"), says(second, "skip", "bob"))
    (found,) = kept.batches(tmp_path)
    assert len(found.open("ann")) == 99 and second in found.open("ann")
    assert answered([found]) == {first.pair, second.pair}
    assert answered([found], "ann") == {first.pair}


def test_a_changed_byte_in_the_answers_is_noticed(tmp_path: Path) -> None:
    kept.issue(tmp_path, asked(SHOWN))
    (path,) = (tmp_path / "control").glob("labels-*.json")
    path.write_bytes(path.read_bytes().replace(b"question 7", b"question 8", 1))
    with pytest.raises(CorruptError, match=path.name):
        kept.batches(tmp_path)
