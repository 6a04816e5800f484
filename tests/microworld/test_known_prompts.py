"""The microworld's prompts with a known answer."""

import json
import random
from pathlib import Path

import microworld
from judges.dialogue import Item
from judges.verifier import Verifier
from microworld.capability import known
from microworld.demonstrations import good_answer
from microworld.grammar import parse
from microworld.mistakes import systematic_mistake
from microworld.splits import split_of
from runs.records import Message, Prompt

SHIPPED = Path(microworld.__file__).with_name("capability.jsonl").read_text(encoding="utf-8").splitlines()


def right(row: dict[str, object], text: str) -> float:
    """The verifier's verdict on an answer to a row's prompt."""
    verdict = Verifier("says").read(Item((), (text,), row["tags"]), ())  # type: ignore[arg-type]
    assert isinstance(verdict.score, float)
    return verdict.score


def test_the_shipped_file_is_what_the_command_makes_of_prompts_that_nothing_is_trained_on() -> None:
    assert list(known(40, seed=2)) == SHIPPED[:40]
    assert len(SHIPPED) == 2048
    rows = [json.loads(line) for line in SHIPPED]
    prompts = [Prompt(tuple(Message(**one) for one in row["messages"]), "microworld") for row in rows]
    assert {split_of(prompt.digest) for prompt in prompts} == {"anchor"}
    assert len({prompt.digest for prompt in prompts}) == 2048


def test_good_answers_are_right_and_the_mistakes_of_each_family_are_not() -> None:
    rng = random.Random(0)
    for line in SHIPPED:
        row = json.loads(line)
        task = parse([Message(**one) for one in row["messages"]])
        assert task is not None
        assert right(row, good_answer(task, rng)) == 1, row
    wrong = [json.loads(line) for line in SHIPPED]
    said = [right(row, systematic_mistake(parse([Message(**one) for one in row["messages"]]), rng)) for row in wrong]  # type: ignore[arg-type]
    # Some mistakes hold the answer by chance: a list that reads the same backwards, a value that is in both.
    assert sum(said) / len(said) < 0.02
