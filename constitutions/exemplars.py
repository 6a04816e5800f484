"""Answers that were judged before, shown to a judge of single answers ahead of the one that it is to judge."""

from typing import Literal

from constitutions.fill import fill
from constitutions.load import Constitution

Pointwise = Literal["expected", "rubric"]


def judging_question(constitution: Constitution, method: Pointwise, request: str, response: str) -> str:
    """The exemplars, each under the question as it stands, then the same question about this answer."""
    asked = fill(constitution.question(method), request=request, response=response)
    return exemplars_shown(constitution, method) + asked


def exemplars_shown(constitution: Constitution, method: Pointwise) -> str:
    """What stands before every question of the method: "" for a constitution without exemplars.

    Each verdict is in the form in which the method's replies are read: the score alone, or reasons and a line with it.
    """
    question = constitution.question(method)
    shown = []
    for one in constitution.exemplars:
        asked = fill(question, request=one.request, response=one.response)
        reasons = f"{one.reasons}\n" if one.reasons else ""
        verdict = str(one.score) if method == "expected" else f"{reasons}Score: {one.score}"
        shown.append(f"{asked}\n{verdict}\n\n")
    return "".join(shown)
