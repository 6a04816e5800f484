"""What `selfsame constitution show` says: the canonical form, and each question as it would be asked."""

from typing import Any

from constitutions.exemplars import (
    comparing_question,
    judging_question,
    revising_question,
)
from constitutions.load import DEFAULTS, Constitution, Method
from constitutions.principle import Principle
from constitutions.shown import wording
from loop.terminal import block, shortened, table


def questions_shown(constitution: Constitution) -> dict[str, str]:
    """By method, the question with its exemplars and with the first principle that it can show; the rest in braces.

    A question by principle that no principle is for is not there: nobody is ever asked it.
    """
    asked: list[Method] = [*constitution.questions, *(one for one in DEFAULTS if one not in constitution.questions)]
    shown = {method: _question(constitution, method) for method in asked}
    return {method: text for method, text in shown.items() if text is not None}


def document(constitution: Constitution, files: list[str]) -> dict[str, Any]:
    """As JSON values."""
    return {
        "name": constitution.name,
        "digest": constitution.digest,
        "files": files,
        "provenance": constitution.provenance.model_dump(exclude_defaults=True),
        "canonical": constitution.said,
        "principles": [
            {**one.model_dump(mode="json"), "shown_as": wording(constitution, [one])} for one in constitution.principles
        ],
        "questions": questions_shown(constitution),
    }


def text(constitution: Constitution, files: list[str]) -> str:
    """As lines for people."""
    scale = constitution.scale
    explained = f", with their {' and '.join(constitution.explain)}" if constitution.explain else ""
    lines = [
        f"{constitution.name}  {constitution.digest}",
        f"read from {', which extends '.join(files)}",
        f"scores from {scale.low} to {scale.high}; principles are shown as {constitution.order}{explained}",
        "",
    ]
    if constitution.principles:
        rows = [
            (nth, one.id, one.weight, ", ".join(one.use), ", ".join(one.scope), one.text)
            for nth, one in enumerate(constitution.principles, 1)
        ]
        lines.append(table(("", "principle", "weight", "use", "scope", "text"), rows))
    for kind, names in (
        ("propositions", list(constitution.propositions)),
        ("response types", list(constitution.response_types)),
    ):
        if names:
            lines.append(f"{kind}: {shortened(', '.join(names), 100)}")
    for method, question in questions_shown(constitution).items():
        lines += ["", f"[{method}]", f"    | {block(question)}"]
    return "\n".join(lines)


def question_by(constitution: Constitution, principle: Principle) -> list[tuple[str, str]]:
    """The methods that ask by a principle and the questions with its words, what is judged left out."""
    asked: list[tuple[str, str]] = []
    for method in (*constitution.questions, *DEFAULTS):
        if (text := _asked(constitution, method, principle)) is not None:
            asked.append((method, text))
    return asked


def _asked(constitution: Constitution, method: Method, principle: Principle) -> str | None:
    """The question by one principle; None where this method does not ask by it."""
    request, response = "{request}", "{response}"
    match method:
        case "pairwise" | "pairwise_reasoned" if "comparison" in principle.use:
            said = wording(constitution, [principle])
            return comparing_question(constitution, method, said, request, "{response_a}", "{response_b}")
        case "critique" | "revision" | "direct_revision" if "critique" in principle.use:
            said = wording(constitution, [principle], "critique" if method == "critique" else "revision")
            return revising_question(constitution, method, said, request, response, "{critique}")
        case _:
            return None


def _question(constitution: Constitution, method: Method) -> str | None:
    match method:
        case "expected" | "rubric":
            return judging_question(constitution, method, "{request}", "{response}")
        case "proposition" | "meta" | "new_prompt":
            return constitution.question(method)
        case _:
            by_each = (_asked(constitution, method, one) for one in constitution.principles)
            return next((text for text in by_each if text is not None), None)
