"""Reading a verdict: any text gives a score of the scale or a reason, and nothing is made up."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constitutions.load import Scale
from judges.verdict import confidence, read
from runs.records import Unscored

SCALE = Scale(low=0, high=5)
PIECES = ["Score", "score", ":", "\n", " ", "\t", "4", "5", "6", "10", "-", ".", "0", "/", "out of", "points", "*", "_"]
PIECES += ["#", ">", "nan", "1e9", "\r", "\u2028", "\u0664", "\u200b", "Score: 3", "\nScore: 4\n", "\nScore: 9\n"]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
SCALES = st.builds(lambda low, width: Scale(low=low, high=low + width), st.integers(-10, 10), st.integers(1, 10))


@given(TEXTS, st.booleans(), SCALES)
@settings(max_examples=2000)
def test_any_text_reads_as_a_reason_or_as_a_score_of_the_scale_that_it_states(
    text: str, finished: bool, scale: Scale
) -> None:
    got = read(text, finished, scale)
    if not isinstance(got, Unscored):
        assert finished
        assert type(got) is float
        assert got in range(scale.low, scale.high + 1)
        stated = re.findall(r"score[*_]*[ \t]*:[ \t*_]*(-?[0-9]+)", text, re.IGNORECASE)
        assert got in [float(number) for number in stated]


@given(quoted=TEXTS, own=st.sampled_from(["Score: 2", "score : 0", "**Score:** 5", "Score: 9", "Score: none"]))
@settings(max_examples=500)
def test_nothing_said_before_the_last_verdict_changes_it(quoted: str, own: str) -> None:
    assert read(f"{quoted}\n{own}", True, SCALE) == read(own, True, SCALE)


@given(TEXTS, st.sampled_from(["> ", "- ", '"', "I say "]))
@settings(max_examples=500)
def test_what_is_quoted_on_every_line_is_no_verdict(text: str, mark: str) -> None:
    quoted = "\n".join(mark + line for line in text.split("\n"))
    assert read(quoted, True, SCALE) is Unscored.NO_VERDICT


def test_an_off_scale_score_is_unscored_not_clamped() -> None:
    assert read("Score: 6", True, SCALE) is Unscored.OFF_SCALE
    assert read("Score: -1", True, SCALE) is Unscored.OFF_SCALE


@pytest.mark.parametrize("score", range(1, 11))
def test_every_score_of_the_scale_can_be_read(score: int) -> None:
    assert read(f"Good.\nScore: {score}", True, Scale(low=1, high=10)) == score


def test_the_scale_decides_what_a_score_may_be_out_of() -> None:
    assert read("Score: 4/5", True, Scale(low=1, high=10)) is Unscored.OFF_SCALE
    assert read("Score: 4/10", True, Scale(low=1, high=10)) == 4


def test_a_scale_below_zero_is_read_with_its_sign() -> None:
    assert read("Score: -3", True, Scale(low=-5, high=5)) == -3


def test_a_reply_cut_off_after_its_verdict_is_truncated() -> None:
    assert read("Score: 1", False, Scale(low=1, high=10)) is Unscored.TRUNCATED  # it may have begun a 10


@pytest.mark.parametrize(
    ("reply", "sure"),
    [
        ("right.\nConfidence: 80%\nScore: 4", 0.8),
        ("**Confidence:** 62.5 %", 0.625),
        ("Confidence: 80%\nConfidence: 20%", 0.2),
        ("Confidence: 100%", 1.0),
        ("Confidence: 120%", None),
        ("Confidence: 0.8", None),
        ("> Confidence: 80%", None),
        ("my confidence: 80% of it", None),
        ("Confidence: \u0668%", None),
    ],
)
def test_a_confidence_is_a_line_of_its_own_in_per_cent(reply: str, sure: float | None) -> None:
    assert confidence(reply) == sure


@given(TEXTS)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_any_text_states_a_share_or_no_confidence(text: str) -> None:
    got = confidence(f"{text}\nconfidence: {text}%")
    assert got is None or 0 <= got <= 1
