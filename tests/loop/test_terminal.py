"""What a model wrote cannot steer the terminal of whoever looks at it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.terminal import block, harmless, shortened, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;never closed", ""),
        ("\x9b31mred", "31mred"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("\u202eabc\u2066d\u200b\ufeff", "abcd"),
        ("one\ntwo\r\nthree\u2028four\tfive", "one two  three four five"),
        ("[red]plain[/red] :smile:", "[red]plain[/red] :smile:"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
    ],
)
def test_what_steers_is_taken_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text())
def test_nothing_that_is_shown_is_a_control_character(text: str) -> None:
    assert all(unicodedata.category(character)[0] != "C" for character in harmless(text))
    assert len(harmless(text).splitlines()) <= 1
    assert all(unicodedata.category(character)[0] != "C" or character == "\n" for character in block(text))


def test_a_line_of_a_model_cannot_pass_for_one_of_ours() -> None:
    assert block("fine\ndecision  promote").splitlines() == ["fine", "    | decision  promote"]


def test_a_long_text_is_cut_and_says_so() -> None:
    assert shortened("x" * 100, 10) == "x" * 9 + "…"


def test_a_table_aligns_numbers_right_and_wide_characters_by_their_width() -> None:
    shown = table(["name", "score"], [["日本", 1.23456], ["a", None]])
    assert shown.splitlines() == ["name  score", "日本  1.235", "a         -"]
