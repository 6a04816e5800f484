"""A or B: any text gives a letter that it states or a reason, and any likelihoods a probability or a reason."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judges.letters import first_is_better, likelihood_of_a, written_letter
from runs.records import Unscored

PIECES = ["A", "B", "C", "a", "b", "Answer", "answer:", "Verdict:", "tie", "TIE", "(A)", "[[B]]", "(", ")", "[", "]"]
PIECES += ["\n", " ", "\t", ".", "*", "**", "_", "#", ">", "-", "\r", "\u2028", "\u0410", "\u0131"]
PIECES += ["\nA", "\nAnswer: B\n"]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


@given(TEXTS, st.booleans())
@settings(max_examples=2000)
def test_any_text_reads_as_a_reason_or_as_the_only_letter_on_its_last_line(text: str, finished: bool) -> None:
    got = written_letter(text, finished)
    if not isinstance(got, Unscored):
        assert finished
        last = [line for line in text.split("\n") if line.strip(" \t\r")][-1]
        assert re.findall(r"(?<![A-Za-z])[ABC](?![A-Za-z])", last) == [got]


@given(before=TEXTS, own=st.sampled_from(["A", "(B)", "Answer: A", "**Verdict: B**", "[[C]]", "perhaps", "Answer: a"]))
@settings(max_examples=500)
def test_nothing_said_before_the_last_line_changes_it(before: str, own: str) -> None:
    assert written_letter(f"{before}\n{own}", True) == written_letter(own, True)


@given(TEXTS, st.sampled_from(["> ", "- ", '"', "I say "]))
@settings(max_examples=500)
def test_what_is_quoted_on_every_line_is_no_verdict(text: str, mark: str) -> None:
    quoted = "\n".join(mark + line for line in text.split("\n"))
    assert written_letter(quoted, True) is Unscored.NO_VERDICT


def test_a_letter_that_heads_what_is_said_about_an_answer_is_no_verdict() -> None:
    assert written_letter("A\nis polite.\nB\nis not.", True) is Unscored.NO_VERDICT


def test_what_the_microworlds_judge_writes_is_read() -> None:
    assert written_letter("A is 3 long, B is 1 long.\nAnswer: B", True) == "B"


def test_the_likelihood_of_a_is_its_share_of_both_letters() -> None:
    assert likelihood_of_a([math.log(0.6), math.log(0.2)], min_mass=0.5) == pytest.approx(0.75)


def test_a_judge_that_would_say_neither_letter_is_unscored() -> None:
    assert likelihood_of_a([math.log(0.3), math.log(0.1)], min_mass=0.5) is Unscored.LOW_MASS


@pytest.mark.parametrize("broken", [[math.nan, -1.0], [-0.1, -0.1], [-1.0], [-1.0, -1.0, -2.0]])
def test_likelihoods_that_cannot_be_are_a_broken_engine(broken: list[float]) -> None:
    with pytest.raises(ValueError):
        likelihood_of_a(broken, min_mass=0.5)


def test_the_first_text_is_b_where_it_was_shown_second() -> None:
    assert first_is_better(0.75, "ab") == 0.75
    assert first_is_better(0.75, "ba") == 0.25
