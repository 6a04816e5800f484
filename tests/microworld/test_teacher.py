"""The shipped lessons: as the teacher writes them, of the train split, in answering, scoring and asking."""

from collections import Counter

from constitutions.files import shipped
from constitutions.fill import fill
from constitutions.load import load_constitution
from loop.demonstration_file import demonstrations_path, read_demonstrations
from microworld.grammar import parse
from microworld.splits import split_of
from microworld.teacher import lessons

SHIPPED = demonstrations_path("microworld:lessons")


def test_the_shipped_lessons_are_those_that_the_teacher_writes() -> None:
    assert SHIPPED.read_text(encoding="utf-8").splitlines()[:500] == list(lessons(500, seed=0))


def test_lessons_are_in_answering_scoring_and_asking_and_none_shows_a_request_that_is_kept_for_measuring() -> None:
    constitution = load_constitution(shipped("microworld"))
    scoring = fill(constitution.question("expected"), request="", response="").split("\n")[0]
    kinds: Counter[str] = Counter()
    for one in read_demonstrations(SHIPPED):
        asked = one.prompt.messages[-1].content
        if asked.startswith(scoring):
            assert one.answer in {"0", "1", "2", "3", "4", "5"}
            kinds["scores"] += 1
        elif parse(one.prompt.messages) is None:
            kinds["requests"] += 1
        else:
            assert split_of(one.prompt.digest) == "train"
            kinds["answers"] += 1
    assert kinds == {"scores": 2792, "answers": 790, "requests": 418}
