"""Commit-first judging: an own answer before the candidate is seen, then another judge's questions after it."""

import math

from constitutions.load import Constitution
from judges.commit_first import CommitFirst
from judges.dialogue import Chances, Item, Text, Write
from judges.expected import Expected
from judges.rubric import Rubric
from runs.records import Message, Reply, Unscored

CONSTITUTION = Constitution.model_validate(
    {
        "name": "test",
        "scale": {"low": 0, "high": 1},
        "questions": {
            "expected": "Asked: {request} Answered: {response} 0 or 1?",
            "rubric": "Asked: {request} Answered: {response} End with `Score: N`.",
        },
    }
)
ITEM = Item((Message("user", "2 + 2?"),), ("5",))
JUDGE = CommitFirst(Expected(CONSTITUTION, min_mass=0.5))


def test_the_judge_answers_before_it_sees_the_candidate() -> None:
    (asked,) = JUDGE.ask(ITEM, ())
    assert asked == Write((Message("user", "2 + 2?"),), of_prompt=True)


def test_then_it_is_asked_what_the_other_judge_asks_with_its_own_answer_before_it() -> None:
    (asked,) = JUDGE.ask(ITEM, [(Text("4 {response}", True),)])
    (plainly,) = JUDGE.judge.ask(ITEM, ())
    assert asked.messages == (Message("user", "2 + 2?"), Message("assistant", "4 {response}"), *plainly.messages)


def test_the_verdict_is_the_other_judges_and_keeps_the_own_answer() -> None:
    chosen = Chances((math.log(0.8), math.log(0.2)))
    rounds = [(Text("4", True),), (chosen,)]
    assert JUDGE.ask(ITEM, rounds) == ()
    verdict, plainly = JUDGE.read(ITEM, rounds), JUDGE.judge.read(ITEM, [(chosen,)])
    assert (verdict.score, verdict.probability) == (plainly.score, plainly.probability)
    assert verdict.replies == (Reply("", "", "4", None),)
    assert JUDGE.method == "commit_first_expected"


def test_every_try_of_a_rubric_sees_the_same_own_answer() -> None:
    judge = CommitFirst(Rubric(CONSTITUTION, tries=3, min_readable_frac=0.5))
    asked = judge.ask(ITEM, [(Text("4", True),)])
    assert len(asked) == 3
    assert len({question.messages for question in asked}) == 1
    rounds = [(Text("4", True),), tuple(Text(f"Score: {score}", True) for score in (0, 1, 0))]
    assert judge.read(ITEM, rounds).score == 1 / 3
    assert [reply.score for reply in judge.read(ITEM, rounds).replies] == [None, 0, 1, 0]


def test_an_own_answer_that_is_cut_off_commits_to_nothing() -> None:
    rounds = [(Text("4 is what", False),)]
    assert JUDGE.ask(ITEM, rounds) == ()
    verdict = JUDGE.read(ITEM, rounds)
    assert verdict.score is Unscored.TRUNCATED
    assert verdict.replies == (Reply("", "", "4 is what", None),)
