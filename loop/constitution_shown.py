"""What `selfsame constitution show` says: the canonical form, and each question as it would be asked."""

from typing import Any

from constitutions.exemplars import (
    comparing_question,
    judging_question,
    revising_question,
)
from constitutions.load import DEFAULTS, Constitution, Method
from constitutions.principle import Principle, Use
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


def _question(constitution: Constitution, method: Method) -> str | None:
    request, response = "{request}", "{response}"
    match method:
        case "expected" | "rubric":
            return judging_question(constitution, method, request, response)
        case "pairwise" | "pairwise_reasoned":
            first = _first(constitution, "comparison")
            if first is None:
                return None
            said = wording(constitution, [first])
            return comparing_question(constitution, method, said, request, "{response_a}", "{response_b}")
        case "critique" | "revision" | "direct_revision":
            first = _first(constitution, "critique")
            if first is None:
                return None
            said = wording(constitution, [first], "critique" if method == "critique" else "revision")
            return revising_question(constitution, method, said, request, response, "{critique}")
        case _:
            return constitution.question(method)


def _first(constitution: Constitution, use: Use) -> Principle | None:
    return next((one for one in constitution.principles if use in one.use), None)
