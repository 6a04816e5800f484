"""Filling a question: one pass, literally."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constitutions.fill import fill, placeholders, request_text
from runs.records import Message

HOSTILE = ["{response}", "{request}", "{{7*7}}", "{0.__class__}", "%s", "$(id)", "\\1", "\\g<0>", "{", "}", "{}"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_is_put_in_literally_and_never_read_again(value: str) -> None:
    assert fill("[{request}] [{response}]", request=value, response="R") == f"[{value}] [R]"
    assert fill("[{request}] [{response}]", request="Q", response=value) == f"[Q] [{value}]"


@given(st.text(), st.text())
def test_filling_is_putting_the_values_between_the_texts(request_value: str, response: str) -> None:
    filled = fill("a {request} b {response} c", request=request_value, response=response)
    assert filled == f"a {request_value} b {response} c"


def test_a_placeholder_may_stand_twice() -> None:
    assert fill("{request} {request}", request="hi") == "hi hi"


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="critique"):
        fill("{request} {critique}", request="hi")


@pytest.mark.parametrize("text", ["{{7*7}}", "{0}", "{0.__class__}", "{a b}", '{"score": 3}', "%s", "{}"])
def test_other_braces_are_plain_text(text: str) -> None:
    assert placeholders(text) == set()
    assert fill(text) == text


@pytest.mark.parametrize("name", ["Request", " request ", "request1", "request-text", "REQUEST"])
def test_a_word_in_braces_is_taken_for_a_placeholder_however_it_is_spelt(name: str) -> None:
    assert placeholders(f"Asked: {{{name}}}") == {name}


def test_a_single_turn_is_shown_as_its_words() -> None:
    assert request_text([Message("user", "2 + 2?")]) == "2 + 2?"


def test_several_turns_are_shown_a_line_each_with_their_roles() -> None:
    turns = [Message("system", "Brief."), Message("user", "hi"), Message("assistant", "hello"), Message("user", "2?")]
    assert request_text(turns) == "system: Brief.\nuser: hi\nassistant: hello\nuser: 2?"
