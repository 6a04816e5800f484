"""How a microworld model judges pairs of answers in each format, asked as the loop's judges ask. See `evaluate`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from constitutions.fill import fill, request_text
from constitutions.load import Constitution, Method
from microworld.gold import score
from microworld.reader import Reader
from runs.records import Message

SCORES = ("0", "1", "2", "3", "4", "5")
SCORE_LINE, ANSWER_LINE = re.compile(r"\nScore: ([0-5])$"), re.compile(r"\nAnswer: ([AB])$")
MIN_MASS = 0.5  # of the probability, on the scores: less is no verdict (as in the loop's default)
TEMPERATURE, REPLIES = 0.7, 3  # of written judgments, as in the loop's default


@dataclass(frozen=True)
class Pair:
    """Two answers of one model to one prompt."""

    messages: tuple[Message, ...]
    family: str
    a: str
    b: str

    @property
    def gold(self) -> tuple[float, float]:
        """The truth about both."""
        return score(self.messages, self.a).total, score(self.messages, self.b).total


def asked(constitution: Constitution, method: Method, messages: Sequence[Message], **values: str) -> list[Message]:
    """The question of `method` as the judge is asked it: one user's turn."""
    return [Message("user", fill(constitution.question(method), request=request_text(messages), **values))]


def expected_scores(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> tuple[np.ndarray, float]:
    """(N, 2): the expected score of both answers; and the share of verdicts with enough mass on the scale."""
    questions = [asked(constitution, "expected", p.messages, response=text) for p in pairs for text in (p.a, p.b)]
    found = judge.probabilities(questions, SCORES).numpy()
    scores = found @ np.arange(len(SCORES)) / found.sum(1)
    return scores.reshape(-1, 2), float((found.sum(1) >= MIN_MASS).mean())


def rubric_scores(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> tuple[np.ndarray, float]:
    """(N, 2): the mean of three replies on both answers, NaN where none is readable; and the share that is."""
    questions = [asked(constitution, "rubric", p.messages, response=text) for p in pairs for text in (p.a, p.b)]
    replies = [judge.write(questions, TEMPERATURE, seed) for seed in range(REPLIES)]
    stated = np.array([[_stated_score(reply) for reply in same] for same in replies])
    readable = ~np.isnan(stated)
    counts = readable.sum(0)
    means = np.where(counts > 0, np.nansum(stated, 0) / np.maximum(counts, 1), np.nan)
    return means.reshape(-1, 2), float(readable.mean())


def leanings(judge: Reader, constitution: Constitution, principle: str, pairs: Sequence[Pair]) -> np.ndarray:
    """(N,): above 0 where the judge finds `a` better under the principle: P(the first), `a` first less `b` first."""
    text = constitution.principle(principle).text
    questions = [
        asked(constitution, "pairwise", p.messages, principle=text, response_a=first, response_b=second)
        for p in pairs
        for first, second in ((p.a, p.b), (p.b, p.a))
    ]
    return _share_of_first(judge, questions, ("A", "B"))


def proposition_leanings(judge: Reader, constitution: Constitution, question: str, pairs: Sequence[Pair]) -> np.ndarray:
    """(N,): how much likelier the judge's yes is for `a` than for `b`."""
    questions = [
        asked(constitution, "proposition", p.messages, proposition=question, response=text)
        for p in pairs
        for text in (p.a, p.b)
    ]
    return _share_of_first(judge, questions, ("yes", "no"))


def reasoned_verdicts(judge: Reader, constitution: Constitution, pairs: Sequence[Pair]) -> np.ndarray:
    """(N,): 1 for `a`, -1 for `b`, as one reply says that was asked in one order; NaN where it cannot be read."""
    text = constitution.principle("overall").text
    questions = [
        asked(constitution, "pairwise_reasoned", p.messages, principle=text, response_a=p.a, response_b=p.b)
        for p in pairs
    ]
    replies = judge.write(questions, TEMPERATURE, 0)
    found = [ANSWER_LINE.search(reply) for reply in replies]
    return np.array([np.nan if match is None else 1.0 if match[1] == "A" else -1.0 for match in found])


def _share_of_first(judge: Reader, questions: Sequence[Sequence[Message]], words: tuple[str, str]) -> np.ndarray:
    found = judge.probabilities(questions, words).numpy()
    of_two = (found[:, 0] / found.sum(1)).reshape(-1, 2)
    return of_two[:, 0] - of_two[:, 1]


def _stated_score(reply: str) -> float:
    match = SCORE_LINE.search(reply)
    return float(match[1]) if match else float("nan")
