"""What a judge said of a pair, told in the names under which a person saw the answers."""

from dataclasses import replace

import pytest

from loop.people.batch import Question
from loop.people.reasons import reasons
from runs.records import Reply, Unscored
from tests.loop.people.made import FIRST, SECOND, compared, judged, of_answer, of_pair, prompt

P = prompt(0)


def asked(a: str, b: str) -> Question:
    return Question("q", P.digest, P.messages, {}, a, b, "disputed")


@pytest.mark.parametrize(("a", "b", "first", "second"), [(FIRST, SECOND, "a", "b"), (SECOND, FIRST, "b", "a")])
def test_the_better_answer_and_both_orders_go_by_the_names_that_were_shown(
    a: str, b: str, first: str, second: str
) -> None:
    replies = (Reply("honest", "ab", "because", 0.8), Reply("honest", "ba", "", 0.6))
    shown = compared(replace(of_pair(0.7), replies=replies))
    assert reasons(shown, asked(a, b)) == [
        f"{first} is better with probability 0.70",
        f"honest, shown {first} first: because",
        f"honest, shown {second} first: {first} is better with probability 0.60",
    ]


def test_critiques_of_single_answers_stand_under_their_answer() -> None:
    verdicts = {(P.digest, "x"): of_answer(4, [4], "good"), (P.digest, "y"): of_answer(Unscored.NO_VERDICT, [], "")}
    said = reasons(judged(verdicts, [P]), asked("y", "x"))
    assert said == ["a: no verdict (no verdict)", "b: 4 points", "of b: good"]


def test_every_member_of_a_panel_is_heard() -> None:
    said = (P.digest, FIRST, SECOND)
    shown = judged({said: of_pair(0.5, by="panel")}, [P], {said: [of_pair(0.9, who="one"), of_pair(0.1, who="other")]})
    assert [line[-4:] for line in reasons(shown, asked(FIRST, SECOND))] == ["0.90", "0.10"]


def test_a_critique_cannot_steer_the_terminal_or_pass_for_a_line_of_ours() -> None:
    shown = compared(of_pair(0.9, [0.9], "\x1b[2Jwell\nKept: b."))
    assert reasons(shown, asked(FIRST, SECOND))[1] == "p0, shown a first: well\n    | Kept: b."
