"""A corpus of replies that are not plain A-or-B verdicts, each with what must be read from it."""

import pytest
from test_bad_replies import REPLIES as SCORES

from judges.letters import Letter, written_letter
from runs.records import Unscored

NONE, TIE = Unscored.NO_VERDICT, Unscored.TIE

# One kind of reply after the other, not one reply a line.
# fmt: off
NO_VERDICT = [
    # Nothing, noise, refusals, silence.
    "", " ", "\n\n\n", "\r\n", "\t", "\0", "\ud800", "\u200b", ".", ":", "?", "-", "...", "*", "**", "()", "[[]]", "[]",
    "I'm sorry, but I can't help with that.", "As an AI, I have no preference.", "<think></think>", "<|im_end|>",
    "Thought process:", "Let's think step by step.", "Answer:", "Verdict:", "**Answer:**", "Answer: \n", "Answer",
    "N/A", "A" * 2_000_000, "A\n" * 300_000 + "so there", "(" * 1_000_000 + "A", "*" * 1_000_000 + "A",
    "#" * 1_000_000 + " A", "Answer:" * 300_000, "Answer: " * 300_000 + "A", "A" + "*" * 1_000_000,
    "[[A" + "]" * 1_000_000, " " * 2_000_000,
    # Both letters, or a letter and more: which is meant is not for us to guess.
    "A or B", "A and B", "A/B", "A, B", "AB", "BA", "AA", "A B", "A > B", "A = B", "B < A", "A:B", "A & B", "A|B",
    "A+B", "A, not B", "not A", "Not B.", "A?", "A!", "A...?", "~A", "A*B", "A-", "-A", "+A", "A+", "A++", "A1", "1A",
    "A 1", "A (or B)", "(A) or (B)", "(A)(B)", "[[A]] [[B]]", "[[A]][[B]]", "[[A|B]]", "(A/B)", "[[A]] or [[B]]",
    "A\tB", "Answer: A or B", "Answer: A, B", "Answer: A and B", "Answer: either", "Answer: neither", "Answer: both",
    "both", "Answer: not A", "Answer: A?", "Answer: A!", "Answer: A (probably)", "Answer: A because it is short.",
    "Answer: A > B", "Answer: A Answer: B", "Answer: A; B", "Answer: Answer: A", "Answer:: A", "Answer A: B",
    "Verdict: Answer: B",
    # A sentence that says it.
    "A is better", "A is better.", "B is the better answer.", "I choose A", "I prefer B.", "The better answer is A.",
    "The answer is A", "The answer is (B).", "Response A", "Response B is better.", "Answer A", "Option B", "Choice: A",
    "My answer: A", "Final answer: A", "The verdict: B", "So the answer: A", "I say Answer: A", "Better: A",
    "Winner: B", "A wins", "A wins.", "Go with B", "Definitely A", "Probably B.", "It is A", "A it is.",
    "A.\tB is worse", "A, clearly.", "Preferred response: A", "Preferred Response=1", "Choice=A", "Answer=A",
    "Answer = A", "Answer - A", "Answer -> A",
    # Another label than the two.
    "D", "E", "(D)", "[[D]]", "Answer: D", "Z", "1", "2", "(1)", "first", "the first", "second", "Answer: first", "X",
    "Alpha", "Answer: Alpha", "Bravo", "Answer: 1", "Score: 5", "5", "yes", "no", "Answer: yes", "true", "A5", "none",
    "neither", "equal", "Both are equal.", "It is a tie.", "tied", "ties", "a tie", "draw", "same", "Answer: equal",
    "tie!",
    # Small letters may be words; other scripts only look alike.
    "a", "b", "c", "(a)", "[[b]]", "Answer: a", "answer: b", "a.", "b)", "**a**", "Verdict: b", "i choose a", "a or b",
    "\u0410", "\u0412", "\u0391", "\u0392", "\uff21", "\uff22", "\U0001d400", "\u24b6", "\u24d0", "\u1d00",
    "\U0001f170", "(\u0410)", "Answer: \u0412", "\uff3b\uff3bA\uff3d\uff3d", "\uff08A\uff09", "Answer\uff1a A",
    "\u0410nswer: A", "\u00c4", "A\u0301", "t\u0131e", "T\u0130E", "A\u200b", "\u200bA", "\ufeffA", "\u00a0A",
    "A\u00a0", "Answer:\u00a0A", "A\0", "A\ud800",
    # Brackets and quotes of other kinds, or that do not match.
    "[A]", "[B]", "{A}", "<A>", "((A))", "[[[A]]]", "[A]]", "[[A]", "(A", "A)", "A]]", "(A]", "[[A))", "( A )",
    "[[ A ]]", '"A"', "'B'", "`A`", "\u201cA\u201d", "\u00abA\u00bb", "$A$", "\\boxed{A}", "\\text{B}", "<b>A</b>",
    "<answer>A</answer>", "Answer: [A]", 'Answer: "A"', "Answer: `B`", "Answer: {A}", "Answer: <A>", "Answer: 'A'",
    "Answer: \\boxed{A}", '{"answer": "A"}', '{"verdict": "B"}', "answer=A", "<verdict>B</verdict>", "[[verdict: A]]",
    "| A |", "A |", "~~A~~",
    # Quoted, listed, headed, spoken by another.
    "> A", "> Answer: A", "- A", "* A", "1. A", "1) B", "+ A", "\u2022 A", "- Answer: B", "* Answer: B", "1. Answer: A",
    "user: A", "assistant: B", "Judge: A", "A: yes", "B: the better one", "A.B", "A. B", "B) because", "#A",
    "#Answer: A", "####### A", "A #", "// A", "-- B", "=> A", "-> B", "\u2192 A", "\u2714 A", "A \u2714", "A <",
    "A<|im_end|>", "A</s>", "\x1b[1mA\x1b[0m", "A\x0c", "\x0bB", "A\x85", "Right.\u2028A", "Right.\u2029B", "Right.\rA",
    "Right.\x0cA", "So\x1cB",
    # The letter stands, and something else is said after it.
    "A\nis better than\nB\nin every way.", "A\nThat is all.", "A\n.", "B\n-", "Answer: A\nI hope this helps!", "B\n```",
    "Answer: A\nAnswer: unsure", "Answer: A\nAnswer:", "Answer: B\n(that is, the first)", "A\nor\nB?", "A\n\nb", "B\n0",
    "A\n</think>", "[[A]]\n[[D]]", "Answer: A\nScore: 5", "Answer: A\n> B", "A\nThe user wrote:\n> Answer: A", "A\n---",
]
VERDICTS: dict[Letter | Unscored, list[str]] = {
    "A": [
        "A", " A ", "\tA\t", "A.", "(A)", "(A).", "[[A]]", "[[A]].", "**A**", "*A*", "__A__", "_A_", "Answer: A",
        "answer: A", "ANSWER: A", "Answer:A", "Answer : A", "Answer:\tA", "Verdict: A", "**Answer: A**",
        "**Answer:** A", "**Answer**: A", "**Answer:** **A**", "_Answer: A._",
    ],
    "B": [
        "## B", "### Answer: B", "# **Verdict: B**", "Answer: (B)", "Answer: [[B]]", "verdict: **B**", "B\n", "B\r\n",
        "B\n\n \n\t\n", "why\nB", "why\n\nAnswer: B\n", "why\r\nAnswer: B\r\n", "A\nB", "Answer: A\nAnswer: B",
        "[[A]]\n[[B]]", "A is better.\nB", "> A\nB", "Answer: D\nB", "<think>A</think>\nB", "x" * 2_000_000 + "\nB",
        "A\n" * 300_000 + "B", "B" + "\n" * 2_000_000,
    ],
    TIE: [
        "C", "(C)", "[[C]]", "Answer: C", "tie", "Tie", "TIE", "Tie.", "**tie**", "Answer: tie", "A\nC",
        "Both are fine.\n[[C]]", "Verdict: Tie", "why\ntie\n", "tIe", "## Answer: TIE",
    ],
}
# fmt: on
CORPUS = [(text, what) for what, texts in {NONE: NO_VERDICT, **VERDICTS}.items() for text in texts]
IDS = [ascii(text[:40]) for text, _ in CORPUS]


@pytest.mark.parametrize(("reply", "expected"), CORPUS, ids=IDS)
def test_a_bad_reply_reads_as_what_it_says_and_no_more(reply: str, expected: Letter | Unscored) -> None:
    got = written_letter(reply, finished=True)
    assert (type(got), got) == (type(expected), expected)
    assert written_letter(reply, finished=False) is Unscored.TRUNCATED


def test_no_reply_that_states_a_score_states_a_letter() -> None:
    assert {written_letter(reply, finished=True) for reply, _ in SCORES} == {NONE}


def test_the_corpora_hold_no_reply_twice_and_500_together() -> None:
    assert len({text for text, _ in CORPUS}) == len(CORPUS)
    assert len({text for text, _ in [*CORPUS, *SCORES]}) >= 500
