"""What a judge said of a pair, for whoever has answered it: never before."""

from loop.people.batch import Question
from loop.people.judged import Judged
from loop.terminal import block
from runs.records import Judgment, Reply


def reasons(judged: Judged, question: Question) -> list[str]:
    """The critiques and scores of each who judged, as lines that speak of the answers as the question names them."""
    prompt, a, b = question.prompt, question.a, question.b
    if (prompt, a, b) in judged.sat:
        return [line for own in judged.sat[prompt, a, b] for line in _of_pair(own, "a", "b")]
    if (prompt, b, a) in judged.sat:
        return [line for own in judged.sat[prompt, b, a] for line in _of_pair(own, "b", "a")]
    named = (("a", a), ("b", b))
    return [line for name, text in named for own in judged.sat[prompt, text] for line in _of_answer(own, name)]


def _of_answer(judgment: Judgment, name: str) -> list[str]:
    verdict = _no_score(judgment) if judgment.score is None else f"{judgment.score:.3g} points"
    return [f"{name}: {verdict}", *(_quoted(reply, f"of {name}") for reply in judgment.replies if reply.text)]


def _of_pair(judgment: Judgment, first: str, second: str) -> list[str]:
    if judgment.score is None:
        verdict = _no_score(judgment)
    else:
        verdict = f"{first} is better with probability {judgment.score:.2f}"
    said = [verdict]
    for reply in judgment.replies:
        order = {"ab": f"shown {first} first", "ba": f"shown {second} first"}.get(reply.order, "of both")
        if reply.text:
            said.append(_quoted(reply, order))
        elif reply.score is not None and reply.order:
            said.append(f"{_principle(reply)}{order}: {first} is better with probability {reply.score:.2f}")
    return said


def _quoted(reply: Reply, order: str) -> str:
    return f"{_principle(reply)}{order}: {block(reply.text)}"


def _principle(reply: Reply) -> str:
    return f"{reply.principle}, " if reply.principle else ""


def _no_score(judgment: Judgment) -> str:
    return f"no verdict ({judgment.unscored})"
