"""What models with known tastes make of multiple-choice questions."""

import math
from collections.abc import Callable

import pytest

from loop.engine.protocol import Choose, Chosen
from loop.external.choice_report import report
from loop.external.multiple_choice import Answered, read_answer, requests
from loop.external.questions import Question

Model = Callable[[Question, tuple[int, ...]], list[float]]
"""From a question and the options as they stand to the letters' probabilities."""


def question(number: int, options: int = 2, category: str = "") -> Question:
    return Question(
        f"line {number}", f"Question {number}?\n", tuple(f"option {n}" for n in range(options)), "\nThe answer is:",
        number % options, category,
    )  # fmt: skip


def answered(model: Model, questions: list[Question], min_mass: float = 0.5) -> list[Answered]:
    return [
        read_answer(one, [Chosen(tuple(map(math.log, model(one, order)))) for order in one.orders()], min_mass)
        for one in questions
    ]


def knowing(one: Question, order: tuple[int, ...]) -> list[float]:
    return [0.9 if number == one.right else 0.05 / len(order) for number in order]


def always_first(one: Question, order: tuple[int, ...]) -> list[float]:
    return [0.9, *[0.05] * (len(order) - 1)]


def leaning(one: Question, order: tuple[int, ...]) -> list[float]:
    """Knows a little, and likes the first letter a little more."""
    return [0.3 + 0.1 * (number == one.right) + 0.2 * (place == 0) for place, number in enumerate(order)]


QUESTIONS = [question(n) for n in range(40)]


def test_a_model_that_knows_is_right_in_every_order() -> None:
    found = report(answered(knowing, [*QUESTIONS, *(question(n, options=9) for n in range(40))]))
    assert (found.overall.right, found.overall.wrong) == (80, 0)
    assert found.same_in_all_orders.value == 1
    assert found.overall.chance == pytest.approx((1 / 2 + 1 / 9) / 2)


def test_a_model_that_takes_the_first_letter_ties_and_is_seen_to() -> None:
    found = report(answered(always_first, QUESTIONS))
    assert (found.overall.tie, found.overall.right, found.overall.wrong) == (40, 0, 0)
    assert found.overall.accuracy.value is None
    assert found.same_in_all_orders.value == 0
    assert found.one_order_accuracy.value == 0.5
    first, second = found.letters
    assert first.excess.value == pytest.approx(0.9 / 0.95 - 0.5)
    assert second.excess.value == pytest.approx(0.5 - 0.9 / 0.95)


def test_averaging_both_orders_recovers_what_the_letter_hides() -> None:
    found = report(answered(leaning, QUESTIONS))
    assert found.overall.right == 40
    assert found.one_order_accuracy.value == 0.5


def test_letters_that_the_model_would_hardly_say_are_no_answer() -> None:
    def mute(one: Question, order: tuple[int, ...]) -> list[float]:
        return [0.2 if number == one.right else 0.1 for number in order]

    found = report(answered(mute, QUESTIONS))
    assert (found.overall.low_mass, found.overall.right) == (40, 0)
    assert found.letters == ()
    assert report(answered(mute, QUESTIONS, min_mass=0.2)).overall.right == 40


def test_categories_have_an_accuracy_each() -> None:
    def knows_maths(one: Question, order: tuple[int, ...]) -> list[float]:
        return knowing(one, order) if one.category == "maths" else [1 - p for p in knowing(one, order)]

    mixed = [question(n, category="maths" if n % 4 else "law") for n in range(40)]
    found = report(answered(knows_maths, mixed)).by_category
    assert {name: (group.n, group.accuracy.value) for name, group in found.items()} == {
        "law": (10, 0),
        "maths": (30, 1),
    }


def test_probabilities_too_small_for_a_float_still_have_an_order() -> None:
    one = question(0)
    found = read_answer(one, [Chosen((-900.0, -901.0)), Chosen((-901.0, -900.0))], min_mass=0)
    assert found.shares[0] == pytest.approx(1 / (1 + math.exp(-1)))
    assert found.mass == 0


def asked(one: Question) -> Choose:
    return requests(one, "p")[0]


def test_a_last_line_with_a_colon_is_what_the_models_turn_begins_with() -> None:
    request = asked(question(0))
    assert request.messages[0].content == "Question 0?\n (A) option 0\n (B) option 1"
    assert (request.opening, request.labels) == ("The answer is: (", ("A", "B"))


def test_other_last_lines_stay_in_the_question() -> None:
    plain = Question("", "what is small?\n", ("a cat.", "a house."), "\nsay only A or B.", 0, "", "", ("", ":"))
    request = asked(plain)
    assert request.messages[0].content == "what is small?\nA: a cat.\nB: a house.\nsay only A or B."
    assert (request.opening, request.labels) == ("", ("A", "B"))
