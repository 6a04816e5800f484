"""Judged iterations made by hand: what a judge said, and nothing else."""

from collections.abc import Iterable, Sequence

from loop.people.batch import Answer, Batch, Given, Question, blind
from loop.people.choosing import Chosen
from loop.people.judged import Judged, Said
from loop.people.worth import offers
from runs.canonical import digest
from runs.records import By, Judgment, Message, Prompt, Reply, Unscored

FIRST, SECOND = "the first answer", "another answer, the second"


def prompt(number: int, **tags: str) -> Prompt:
    return Prompt((Message("user", f"question {number}"),), "hand", tags=tags)


def of_pair(
    score: float | Unscored, votes: Sequence[float] = (), text: str = "", by: By = "base", who: str = "judge"
) -> Judgment:
    """A judgment of two answers; each vote is a principle's, in one order."""
    replies = tuple(Reply(f"p{n}", "ab", text, vote) for n, vote in enumerate(votes))
    return _judgment(score, replies, "pair", by, who)


def of_answer(score: float | Unscored, tries: Sequence[float] = (), text: str = "", who: str = "judge") -> Judgment:
    """A judgment of one answer, with the scores of its tries."""
    return _judgment(score, tuple(Reply("", "", text, one) for one in tries), "response", "base", who)


def _judgment(score: float | Unscored, replies: tuple[Reply, ...], target: str, by: By, who: str) -> Judgment:
    failed = isinstance(score, Unscored)
    return Judgment(
        target, (), digest(who), by, "made", "", (), replies, None if failed else score, score if failed else None,
        None, 0,
    )  # type: ignore[arg-type]  # fmt: skip


def judged(
    verdicts: dict[Said, Judgment],
    prompts: Iterable[Prompt],
    sat: dict[Said, list[Judgment]] | None = None,
    trained_on: dict[Said, float] | None = None,
) -> Judged:
    members = sat or {said: [one] for said, one in verdicts.items()}
    return Judged("r1@1", digest("r1@1"), {p.digest: p for p in prompts}, verdicts, members, trained_on or {})


def compared(*verdicts: Judgment, **tags: str) -> Judged:
    """One pair of answers to each of so many prompts, as a judge that compares judged it."""
    prompts = [prompt(number, **tags) for number in range(len(verdicts))]
    return judged({(p.digest, FIRST, SECOND): v for p, v in zip(prompts, verdicts, strict=True)}, prompts)


def asked(shown: Judged, source: str = "") -> Batch:
    """All pairs of the iteration as questions."""
    return blind(shown, [Chosen(offer, "uncertain") for offer in offers(shown)], "mixed", source)


def says(question: Question, better: str, source: str, time: str = "1", reasons_seen: bool = False) -> Given:
    """That this text is the better one, or `tie` or `skip`."""
    answer: Answer = {question.a: "a", question.b: "b"}.get(better, better)  # type: ignore[assignment]
    return Given(question.id, source, time, answer, reasons_seen)
