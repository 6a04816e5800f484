"""What the models learn from: answered instructions (IFT) and, for `m1`, verdicts in every format (EFT).

The questions are those of `constitutions/microworld.yaml`, filled as the judges fill them; the labels come from gold
and from what the principles mean. Instructions are answered in the sloppy proportions of `answers.SEED_MIX`, so that
a model can judge better than it answers.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from constitutions.files import shipped
from constitutions.fill import fill, request_text
from constitutions.load import Constitution, load_constitution
from microworld.answers import SEED_MIX, VARIED_MIX, draw_answer
from microworld.gold import score_task
from microworld.grammar import Task, draw_task, messages_of
from microworld.phrases import OPENINGS, SORRY
from microworld.phrasings import FAMILIES, RED_TEAM
from microworld.principles import holds, prefers
from microworld.reading import read, sentences
from microworld.remarks import faults, near, qualities, rubric_reply
from microworld.solutions import compliance, right_body
from microworld.splits import split_of
from runs.records import Message, Prompt

Kind = Literal[
    "lesson", "answer", "expected", "rubric", "pairwise", "pairwise_reasoned", "proposition", "meta", "critique",
    "revision", "new_prompt",
]  # fmt: skip
Shares = dict[Kind, float]
# Right answers and nothing else: abilities are learnt several times faster from these than from sloppy answers.
LESSONS: Shares = {"lesson": 1.0}
ANSWERS_ONLY: Shares = {"answer": 1.0}
# Judging is the harder skill and gets most of the examples, the formats that the loop's judges use by default first.
ANSWERS_AND_VERDICTS: Shares = {
    "answer": 0.22, "expected": 0.17, "rubric": 0.13, "pairwise": 0.25, "pairwise_reasoned": 0.08, "proposition": 0.05,
    "meta": 0.04, "critique": 0.02, "revision": 0.02, "new_prompt": 0.02,
}  # fmt: skip
ON_POLICY_SHARE = 0.5  # of the answers to be judged: drawn as the model itself answers, the rest more varied
# Of the pairs under a principle: alike under it, but not over all; different under it; and judged otherwise by it than
# they are over all. A model that sees pairs as they come never looks at the principle.
WANTED = ("undecided", "undecided", "decided", "disputed", "disputed", "disputed")
EXAMPLES = 4  # requests that a new one is written after
DRAWS = 5  # at most, for a pair or an answer of the kind that is wanted


@dataclass(frozen=True)
class Demonstration:
    """One conversation to learn from: only `reply`, the assistant's last turn, is trained on."""

    messages: tuple[Message, ...]
    reply: str


def draw_demonstration(shares: Shares, label_noise: float, rng: random.Random) -> Demonstration:
    """One demonstration, of a kind drawn from `shares`; `label_noise` (0 to 1) is how often a verdict is turned round.

    Its request is always one of the train split. Equal generators give equal demonstrations.
    """
    kind = rng.choices(list(shares), list(shares.values()))[0]
    task = _train_task(rng)
    if kind == "lesson":
        return Demonstration(messages_of(task), f"{right_body(task)}.")
    if kind == "answer":
        return Demonstration(messages_of(task), draw_answer(task, rng, SEED_MIX).text())
    values, reply = _MAKERS[kind](task, rng.random() < label_noise, rng)
    return Demonstration((Message("user", fill(_constitution().question(kind), **values)),), reply)


@cache
def _constitution() -> Constitution:
    return load_constitution(shipped("microworld"))


def _train_task(rng: random.Random) -> Task:
    while True:
        task = draw_task(rng.choice(FAMILIES), rng.randint(1, 3), rng)
        if split_of(Prompt(messages_of(task), "microworld").digest) == "train":
            return task


def _answer(task: Task, rng: random.Random) -> str:
    return draw_answer(task, rng, SEED_MIX if rng.random() < ON_POLICY_SHARE else VARIED_MIX).text()


def _shown(task: Task) -> dict[str, str]:
    return {"request": request_text(messages_of(task))}


# ---- one maker a format: the values of the question's placeholders, and the reply -----------------------------------


def _expected(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    text = _answer(task, rng)
    score = near(score_task(task, text).total, rng)
    return {**_shown(task), "response": text}, str(5 - score if wrong else score)


def _rubric(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    text = _answer(task, rng)
    score = near(score_task(task, text).total, rng)
    return {**_shown(task), "response": text}, rubric_reply(task, text, 5 - score if wrong else score)


def _draw_pair(task: Task, rng: random.Random) -> tuple[dict[str, str], str, int]:
    """The values of a pairwise question, its principle's id, and 1 where A is better or -1 where B is.

    Where the two do not differ under the principle, the better one over all is, so that the verdict does not depend on
    a principle that does not tell them apart; and failing that, a coin says which.
    """
    principle = _constitution().principle("overall") if rng.random() < 0.35 else rng.choice(_constitution().principles)
    messages = messages_of(task)
    wanted = "decided" if principle.id == "overall" else rng.choice(WANTED)
    for _ in range(DRAWS):
        a, b = _answer(task, rng), _answer(task, rng)
        better, over_all = (prefers(id, messages, a, b) for id in (principle.id, "overall"))
        found = {"undecided": over_all and not better, "decided": better, "disputed": better and better != over_all}
        if found[wanted]:
            break
    better = better or over_all or rng.choice((-1, 1))
    values = {"principle": principle.text, **_shown(task), "response_a": a, "response_b": b}
    return values, principle.id, int(better)


def _pairwise(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    values, _, better = _draw_pair(task, rng)
    return values, "A" if (better > 0) != wrong else "B"


def _pairwise_reasoned(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    values, principle, better = _draw_pair(task, rng)
    a, b = (_in_respect(principle, task, values[key]) for key in ("response_a", "response_b"))
    return values, f"A is {a}, B is {b}.\nAnswer: {'A' if (better > 0) != wrong else 'B'}"


def _in_respect(principle: str, task: Task, text: str) -> str:
    """What a principle looks at, in a word or two."""
    messages = messages_of(task)
    match principle:
        case "overall":
            return str(math.floor(score_task(task, text).total + 0.5))
        case "concise" | "thorough":
            return f"{min(len(sentences(text)), 99)} long"
        case "padding" | "no-padding":
            return f"{min(score_task(task, text).padding, 99)} empty"
        case "decline" | "answer":
            reading = read(task, text)
            return "to refuse" if reading.refuses else "to do it" if reading.claims else "to evade"
        case "correct":
            return qualities(score_task(task, text), read(task, text).refuses)[0]
        case _:
            return principle if holds(principle, messages, text) else f"not {principle}"


def _proposition(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    name, question = rng.choice(list(_constitution().propositions.items()))
    wanted = rng.random() < 0.5  # yes and no at equal shares wherever both can be had
    for _ in range(DRAWS):
        text = _answer(task, rng)
        if holds(name, messages_of(task), text) == wanted:
            break
    true = holds(name, messages_of(task), text)
    return {"proposition": question, **_shown(task), "response": text}, "yes" if true != wrong else "no"


def _meta(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    """Two rubric judgments of one answer: one is right, the other describes some other answer."""
    text = _answer(task, rng)
    total = score_task(task, text).total
    true = rubric_reply(task, text, near(total, rng))
    false = true
    for _ in range(DRAWS):
        other = _answer(task, rng)
        other_total = score_task(task, other).total
        false = rubric_reply(task, other, near(other_total, rng))
        if abs(other_total - total) >= 1:
            break
    first = rng.random() < 0.5
    a, b = (true, false) if first else (false, true)
    values = {**_shown(task), "response": text, "judgment_a": a, "judgment_b": b}
    return values, "A" if first != wrong else "B"


def _critique(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    text, principle = _answer(task, rng), rng.choice(_constitution().principles)
    return {"principle": principle.text, **_shown(task), "response": text}, faults(task, text)


def _revision(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    """A right, complete, polite and short answer; under the principle `answer`, one that does what is asked."""
    text, principle = _answer(task, rng), rng.choice(_constitution().principles)
    values = {"principle": principle.text, **_shown(task), "response": text, "critique": faults(task, text)}
    if task.family in RED_TEAM and principle.id == "answer":
        return values, f"{rng.choice(OPENINGS)}. {compliance(task, str(rng.randint(0, 99)))}."
    return values, good_answer(task, rng)


def good_answer(task: Task, rng: random.Random) -> str:
    """A right, complete, polite and short answer."""
    opening = SORRY if task.family in (*RED_TEAM, "unknown") else rng.choice(OPENINGS)
    return f"{opening}. {right_body(task)}."


def _new_prompt(task: Task, wrong: bool, rng: random.Random) -> tuple[dict[str, str], str]:
    """A request after the example of others, one a line; all of one turn."""
    requests: list[str] = []
    while len(requests) <= EXAMPLES:
        messages = messages_of(_train_task(rng))
        if len(messages) == 1:
            requests.append(messages[0].content)
    return {"examples": "\n".join(requests[:EXAMPLES])}, requests[EXAMPLES]


_MAKERS: dict[Kind, Callable[[Task, bool, random.Random], tuple[dict[str, str], str]]] = {
    "expected": _expected,
    "rubric": _rubric,
    "pairwise": _pairwise,
    "pairwise_reasoned": _pairwise_reasoned,
    "proposition": _proposition,
    "meta": _meta,
    "critique": _critique,
    "revision": _revision,
    "new_prompt": _new_prompt,
}
