"""How a microworld model criticises answers, revises them, and writes requests of its own. See `evaluate`."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from constitutions.fill import fill
from constitutions.load import Constitution
from microworld.demonstrations import EXAMPLES
from microworld.gold import score
from microworld.grammar import parse
from microworld.reader import Reader
from microworld.remarks import faults
from microworld.splits import prompts
from microworld.verdicts import Pair, asked
from runs.records import Message


@dataclass(frozen=True)
class Revised:
    """One answer's gold before and after it was revised, and whether its critique named its faults and no other."""

    before: float
    after: float
    critique_right: bool


def revisions(writer: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> list[Revised]:
    """Each pair's first answer, criticised and revised by the model itself under the overall principle, greedily."""
    principle = constitution.principle("overall").text
    questions = [asked(constitution, "critique", pair.messages, principle=principle, response=pair.a) for pair in pairs]
    critiques = writer.write(questions, 0.0, 0)
    questions = [
        asked(constitution, "revision", pair.messages, principle=principle, response=pair.a, critique=critique)
        for pair, critique in zip(pairs, critiques, strict=True)
    ]
    revised = []
    for pair, critique, text in zip(pairs, critiques, writer.write(questions, 0.0, 0), strict=True):
        task = parse(pair.messages)
        assert task is not None  # drawn from the grammar
        before, after = (score(pair.messages, answer).total for answer in (pair.a, text))
        revised.append(Revised(before, after, critique == faults(task, pair.a)))
    return revised


@dataclass(frozen=True)
class NewRequest:
    """A request that the model wrote: its family, None where the grammar has no such request; and was it an example?"""

    family: str | None
    copied: bool


def new_prompts(writer: Reader, constitution: Constitution, n: int, seed: int) -> list[NewRequest]:
    """`n` requests written at temperature 1, each after EXAMPLES requests of the train split."""
    single = [p.messages[0].content for p in prompts("train", 3 * n, seed) if len(p.messages) == 1]
    rng = random.Random(seed)
    shown = [rng.sample(single, EXAMPLES) for _ in range(n)]
    questions = [
        [Message("user", fill(constitution.question("new_prompt"), examples="\n".join(examples)))] for examples in shown
    ]
    found = []
    for examples, text in zip(shown, writer.write(questions, 1.0, seed), strict=True):
        task = parse((Message("user", text),))
        found.append(NewRequest(task.family if task else None, text in examples))
    return found


def gain(revised: Sequence[Revised]) -> np.ndarray:
    """(N,): how much better each answer became, in points of gold."""
    return np.array([one.after - one.before for one in revised])
