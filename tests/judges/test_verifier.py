"""The verifier: an answer against the reference in its prompt's tags, and no answer where there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.dialogue import Item
from judges.verifier import Match, Verifier, plain
from runs.records import Message, Unscored

MATCHES = st.sampled_from(["exact", "number", "words"])


def score(match: Match, reference: str, answer: str) -> float | Unscored:
    item = Item((Message("user", "?"),), (answer,), {"reference": reference})
    verifier = Verifier(match)
    assert verifier.ask(item, ()) == ()
    return verifier.read(item, ()).score


@pytest.mark.parametrize(
    ("match", "reference", "answer", "wanted"),
    [
        ("exact", "Paris", " paris.\n", 1),
        ("exact", "Paris", '"**Paris**"', 1),
        ("exact", "new  york", "New York!", 1),
        ("exact", "\u2460", "1", 1),
        ("exact", "Stra\u00dfe", "STRASSE", 1),
        ("exact", "Paris", "Paris, of course", 0),
        ("exact", "Paris", "not Paris", 0),
        ("exact", "Paris", "", 0),
        ("number", "42", "the answer is 42.", 1),
        ("number", "42", "40 + 2 = **42**", 1),
        ("number", "42", "42.0", 1),
        ("number", "1200.5", "it costs $1,200.50", 1),
        ("number", "-3", "\u22123", 1),
        ("number", "7 * 6 = 42", "42", 1),
        ("number", "3", "5-3", 1),
        ("number", "42", "42 or 43", 0),
        ("number", "42", "-42", 0),
        ("number", "42", "420", 0),
        ("number", "42", "a42", 0),
        ("number", "2", "It weighs 2.5kg", 0),
        ("number", "2.5", "It weighs 2.5kg", 1),
        ("number", "1", "about 1.5e3", 0),
        ("number", "1500", "about 1.5E3", 1),
        ("number", "1200", "1,200.50usd", 0),
        ("number", "1200.5", "1,200.50usd", 1),
        ("number", "0.5", ".5", 1),
        ("number", "3", "python 1.2.3", 0),
        ("number", "1", "1e9999999", 0),
        ("number", "3", "1,2,3", 1),
        ("number", "42", "6 * 7 = 42km", 1),
        ("number", "42", "forty-two", 0),
        ("number", "42", "", 0),
        ("number", "3", "\u0663", 0),
        ("words", "red yellow blue", "Blue, red and... no: yellow", 0),
        ("words", "red yellow blue", "blue; RED, yellow, red.", 1),
        ("words", "red yellow blue", "red yellow", 0),
        ("words", "mother-in-law", "mother in law", 0),
        ("words", "-5", "5", 0),
        ("words", "-5", "it-5", 0),
        ("words", "3.5", "5.3", 0),
        ("words", "3.5 red", "Red: 3.5.", 1),
        ("words", "1,200", "200, 1", 0),
    ],
)
def test_an_answer_is_right_or_wrong(match: Match, reference: str, answer: str, wanted: float) -> None:
    assert score(match, reference, answer) == wanted


@pytest.mark.parametrize(("match", "reference"), [("exact", " . "), ("number", "many"), ("words", "!?"), ("exact", "")])
def test_a_reference_that_holds_nothing_to_compare_is_none(match: Match, reference: str) -> None:
    assert score(match, reference, reference) is Unscored.ABSTAINED


def test_a_prompt_without_a_reference_is_abstained_from() -> None:
    item = Item((Message("user", "?"),), ("4",), {"family": "sum"})
    assert Verifier("number").read(item, ()).score is Unscored.ABSTAINED
    assert Verifier("number", reference="family").read(item, ()).score is Unscored.ABSTAINED
    assert Verifier("exact", reference="family").read(item, ()).score == 0


@given(MATCHES, st.text(), st.text())
def test_any_text_is_right_wrong_or_not_to_be_checked(match: Match, reference: str, answer: str) -> None:
    assert score(match, reference, answer) in (0.0, 1.0, Unscored.ABSTAINED)


@given(MATCHES, st.text())
def test_an_answer_that_says_the_reference_is_right_wherever_there_is_one(match: Match, reference: str) -> None:
    assert score(match, reference, reference) in (1.0, Unscored.ABSTAINED)


@given(st.integers(-(10**12), 10**12), st.integers(0, 10**6))
def test_a_number_is_its_value_however_it_is_written(whole: int, cents: int) -> None:
    number = f"{whole}.{cents:06}"
    assert score("number", number, f"so it is {whole:,}.{cents:06}00") == 1
    assert score("number", number, f"so it is {whole + 1}.{cents:06}") == 0


@given(st.text())
def test_what_is_plain_stays_as_it_is(text: str) -> None:
    assert plain(plain(text)) == plain(text)
