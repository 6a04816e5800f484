"""What was judged, compared or revised before, shown ahead of what is asked now: each under the same question.

Every reply shown is in the form in which the method's replies are read.
"""

from collections.abc import Sequence
from typing import Literal

from constitutions.fill import fill
from constitutions.load import Constitution

Pointwise = Literal["expected", "rubric"]
Comparing = Literal["pairwise", "pairwise_reasoned"]
Revising = Literal["critique", "revision", "direct_revision"]


def judging_question(constitution: Constitution, method: Pointwise, request: str, response: str) -> str:
    """The exemplars, each under the question as it stands, then the same question about this answer."""
    asked = fill(constitution.question(method), request=request, response=response)
    return exemplars_shown(constitution, method) + asked


def comparing_question(constitution: Constitution, method: Comparing, principle: str, request: str, *ab: str) -> str:
    """The exemplars, compared by the words of this `principle`, then the question about the two answers A and B.

    The better one of an exemplar is A in the first, B in the second, and so on in turns.
    """
    template = constitution.question(method)
    shown = []
    for nth, one in enumerate(constitution.exemplars_compared):
        letter = "AB"[nth % 2]
        first, second = (one.better, one.worse) if letter == "A" else (one.worse, one.better)
        asked = fill(template, principle=principle, request=one.request, response_a=first, response_b=second)
        shown.append((asked, letter if method == "pairwise" else f"{_reasons(one.reasons)}Answer: {letter}"))
    a, b = ab
    return _ahead(shown) + fill(template, principle=principle, request=request, response_a=a, response_b=b)


def revising_question(
    constitution: Constitution, method: Revising, principle: str, request: str, response: str, critique: str = ""
) -> str:
    """The exemplars, each by the words that it was criticised or revised by, then the question about this answer."""
    template = constitution.question(method)
    shown = []
    for one in constitution.exemplars_revised:
        words, said = (
            (one.critique_request, one.critique) if method == "critique" else (one.revision_request, one.revision)
        )
        asked = fill(template, principle=words, request=one.request, response=one.response, critique=one.critique)
        shown.append((asked, said))
    asked_now = fill(template, principle=principle, request=request, response=response, critique=critique)
    return _ahead(shown) + asked_now


def exemplars_shown(constitution: Constitution, method: Pointwise) -> str:
    """What stands before every question of the method: "" for a constitution without exemplars."""
    question = constitution.question(method)
    return _ahead(
        [
            (
                fill(question, request=one.request, response=one.response),
                str(one.score) if method == "expected" else f"{_reasons(one.reasons)}Score: {one.score}",
            )
            for one in constitution.exemplars
        ]
    )


def _reasons(reasons: str) -> str:
    return f"{reasons}\n" if reasons else ""


def _ahead(shown: Sequence[tuple[str, str]]) -> str:
    return "".join(f"{asked}\n{said}\n\n" for asked, said in shown)
