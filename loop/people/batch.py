"""What was put to people, blind, and what they said: the records that wait in `control/`."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from loop.people.choosing import By, Chosen, Why
from loop.people.judged import Judged
from runs.canonical import digest, seed_of
from runs.harm import provokes_harm
from runs.records import Message

Answer = Literal["a", "b", "tie", "skip"]
Pair = tuple[str, frozenset[str]]
"""A prompt's digest and the texts of two answers to it, whichever is shown first."""


@dataclass(frozen=True)
class Question:
    """Two answers to a conversation. `id` tells nobody which is which.

    `why` they were chosen, and who wrote them (`a_by`, `b_by`: digests of weights), is never shown.
    """

    id: str
    prompt: str
    messages: tuple[Message, ...]
    tags: Mapping[str, str]
    a: str
    b: str
    why: Why
    a_by: str = ""
    b_by: str = ""

    @property
    def pair(self) -> Pair:
        """What the question is about."""
        return self.prompt, frozenset((self.a, self.b))

    @property
    def warning(self) -> str:
        """What is to be said before the text is shown; "" for nothing."""
        if not provokes_harm(self.tags):
            return ""
        return f"This request was written to provoke harm (harm={self.tags['harm']}), and the answers may do some."


@dataclass(frozen=True)
class Given:
    """One answer of one person. `reasons_seen`: the judge's had been shown by then. `time` is in UTC, ISO 8601."""

    question: str
    source: str
    time: str
    answer: Answer
    reasons_seen: bool = False


@dataclass(frozen=True)
class Batch:
    """The questions that one `label next` chose from one iteration, and every answer to them in the order given.

    `source` is whom they were put to in the terminal, "" where anybody may fill them in. Answers are only ever added:
    a person's first one is what was thought blind, and the last one counts.
    """

    address: str
    iteration: str
    by: By
    source: str
    questions: tuple[Question, ...]
    given: tuple[Given, ...] = field(default=())

    @property
    def name(self) -> str:
        """The same questions have the same name: 16 hexadecimal digits."""
        return digest([self.iteration, self.source, [question.id for question in self.questions]])[3:19]

    def open(self, source: str) -> list[Question]:
        """The questions that this person has not answered or skipped."""
        done = {one.question for one in self.given if one.source == source}
        return [question for question in self.questions if question.id not in done]


def blind(judged: Judged, chosen: Sequence[Chosen], by: By, source: str) -> Batch:
    """The chosen pairs as questions: in random order, and which answer is `a` by lot."""
    lot = random.Random(seed_of(judged.digest, "label", by, source))
    questions = []
    for offer, why in chosen:
        a, b = lot.sample(offer.texts, 2)
        prompt = judged.prompts[offer.prompt]
        name = f"q{digest([judged.digest, source, offer.prompt, a, b])[3:19]}"
        a_by, b_by = (judged.authors.get((offer.prompt, text), "") for text in (a, b))
        questions.append(Question(name, offer.prompt, prompt.messages, prompt.tags, a, b, why, a_by, b_by))
    lot.shuffle(questions)
    return Batch(judged.address, judged.digest, by, source, tuple(questions))


def answered(batches: Iterable[Batch], source: str | None = None) -> set[Pair]:
    """The pairs that somebody has answered or skipped, or only this person."""
    return {
        question.pair
        for batch in batches
        for question in batch.questions
        if any(one.question == question.id and source in (None, one.source) for one in batch.given)
    }


def to_json(batch: Batch) -> dict[str, Any]:
    """The batch as JSON values."""
    return asdict(batch)


def from_json(value: dict[str, Any]) -> Batch:
    """The batch that `to_json` made `value` of."""
    questions = tuple(
        Question(**one | {"messages": tuple(Message(**message) for message in one["messages"])})
        for one in value["questions"]
    )
    return Batch(**value | {"questions": questions, "given": tuple(Given(**one) for one in value["given"])})
