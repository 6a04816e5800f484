"""Questions put to a person in the terminal, one after the other; every answer is kept before the next is asked."""

from collections.abc import Callable, Sequence
from typing import Literal

from loop.people.batch import Answer, Question
from loop.terminal import block

Hear = Callable[[str], str]
"""Shows a prompt and returns what was typed; "q" where nothing more comes."""
Say = Callable[[str], None]
Keep = Callable[[Question, Answer, bool], None]
"""Keeps an answer; the flag says whether the judge's reasons had been shown."""
Reasons = Callable[[Question], Sequence[str]]

ANSWERS: dict[str, Answer] = {"a": "a", "b": "b", "tie": "tie", "t": "tie", "skip": "skip", "s": "skip"}
CHOICES = "Which is better: a, b, tie, skip or quit? "


def ask_all(questions: Sequence[Question], say: Say, hear: Hear, keep: Keep, reasons: Reasons) -> int:
    """How many were answered or skipped before the person quit."""
    for number, question in enumerate(questions):
        say(f"\n--- {number + 1} of {len(questions)}")
        if _ask(question, say, hear, keep, reasons) == "quit":
            return number
    return len(questions)


def _ask(question: Question, say: Say, hear: Hear, keep: Keep, reasons: Reasons) -> Literal["done", "quit"]:
    if question.warning:
        say(question.warning)
        typed = _heard(hear, "Enter shows it, skip passes on, quit ends: ", {"": "", "skip": "s", "s": "s"})
        if typed is None:
            return "quit"
        if typed:
            keep(question, "skip", False)
            return "done"
    for message in question.messages:
        say(f"{message.role}: {block(message.content)}")
    say(f"\na: {block(question.a)}\n\nb: {block(question.b)}\n")
    first = _heard(hear, CHOICES, ANSWERS)
    if first is None:
        return "quit"
    keep(question, ANSWERS[first], False)
    if ANSWERS[first] == "skip":
        return "done"
    return _reconsider(question, ANSWERS[first], say, hear, keep, reasons)


def _reconsider(
    question: Question, first: Answer, say: Say, hear: Hear, keep: Keep, reasons: Reasons
) -> Literal["done", "quit"]:
    """The judge's reasons, if the person wants them, and the answer after them."""
    typed = _heard(hear, f"Kept: {first}. Enter goes on, r shows what the judge said: ", {"": "", "r": "r"})
    if typed != "r":
        return "quit" if typed is None else "done"
    for line in reasons(question):
        say(line)
    keep(question, first, True)
    again = _heard(hear, f"Enter stays with {first}; or a, b, tie: ", {"": "", "a": "a", "b": "b", "tie": "tie"})
    if again is None:
        return "quit"
    if again and again != first:
        keep(question, ANSWERS[again], True)
    return "done"


def _heard(hear: Hear, prompt: str, allowed: dict[str, Answer] | dict[str, str]) -> str | None:
    """What was typed, once it is one of the allowed words; None for quit."""
    while True:
        typed = hear(prompt).strip().lower()
        if typed in ("q", "quit"):
            return None
        if typed in allowed:
            return typed
