"""How a judge agrees with people, and how people agree with one another, before and after they saw its reasons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from judges.audit.records import JudgedPair
from judges.statistics import SIGN, Agreement, Estimate, Label, LabelledPair, agreement
from loop.people.choosing import REASONS
from loop.people.consensus import Labelled, verdict
from loop.people.judged import Judged
from loop.people.temperature import Fitted, fitted
from runs.records import Unscored

When = Literal["blind", "final"]
SEED = 0


@dataclass(frozen=True)
class Between:
    """Two people and the `n` pairs that both labelled: the share on which they agree, and Cohen's kappa."""

    people: tuple[str, str]
    n: int
    same_frac: float
    kappa: Estimate


@dataclass(frozen=True)
class Report:
    """One judge and all labels. A pair counts once, with what most people said of it.

    - `pairs` are labelled, `not_judged` of them by nobody here: they are of answers that this judge never saw.
    - `blind`: the judge against first answers, `by_reason` for each reason. The pairs were picked and not drawn by lot:
      it is no estimate over all pairs.
    - `informed_before`, `informed_after`: only pairs on which somebody saw the judge's reasons, with what these people
      said before and after.
    - `between_blind`, `between_final`: each two people who share pairs.
    - `temperature`: of the judge's chances against first answers; None for a judge that scores single answers.
    """

    address: str
    labels: dict[str, int]
    pairs: int
    not_judged: int
    blind: Agreement
    by_reason: dict[str, Agreement]
    informed_before: Agreement
    informed_after: Agreement
    between_blind: tuple[Between, ...]
    between_final: tuple[Between, ...]
    temperature: Fitted | None


def report(judged: Judged, pairs: Sequence[Labelled]) -> Report:
    """How the judge of this iteration agrees with what people said of these pairs."""
    people = sorted({person for pair in pairs for person in pair.final})
    seen = [pair for pair in pairs if _scores(judged, pair) is not None]
    informed = [pair for pair in seen if pair.informed]
    return Report(
        address=judged.address,
        labels={person: sum(person in pair.final for pair in pairs) for person in people},
        pairs=len(pairs),
        not_judged=len(pairs) - len(seen),
        blind=_agreement(judged, [(pair, pair.blind.values()) for pair in seen]),
        by_reason={
            why: _agreement(judged, [(pair, pair.blind.values()) for pair in of_reason])
            for why in REASONS
            if (of_reason := [pair for pair in seen if pair.question.why == why])
        },
        informed_before=_agreement(judged, [(p, [p.blind[who] for who in p.informed]) for p in informed]),
        informed_after=_agreement(judged, [(p, [p.final[who] for who in p.informed]) for p in informed]),
        between_blind=between(people, pairs, "blind"),
        between_final=between(people, pairs, "final"),
        temperature=fitted([_chance(judged, pair) for pair in seen]) if judged.compares else None,
    )


def between(people: Sequence[str], pairs: Sequence[Labelled], when: When) -> tuple[Between, ...]:
    """How each two people agree on the pairs that both labelled. A tie is a label of its own."""
    found = []
    answers = [pair.blind if when == "blind" else pair.final for pair in pairs]
    for one, other in combinations(people, 2):
        said = [(labels[one], labels[other]) for labels in answers if one in labels and other in labels]
        if said:
            kappa = agreement([LabelledPair(a, SIGN[b], 0.0) for a, b in said], SEED).kappa
            found.append(Between((one, other), len(said), sum(a == b for a, b in said) / len(said), kappa))
    return tuple(found)


def _agreement(judged: Judged, said: Sequence[tuple[Labelled, Iterable[Label]]]) -> Agreement:
    return agreement(
        [LabelledPair(verdict(labels), *scores) for pair, labels in said if (scores := _scores(judged, pair))], SEED
    )


def _scores(judged: Judged, pair: Labelled) -> tuple[float | None, float | None] | None:
    return judged.scores(pair.question.prompt, pair.question.a, pair.question.b)


def _chance(judged: Judged, pair: Labelled) -> JudgedPair:
    """The pair with the judge's chance that `a` is better, both orders in one."""
    scores = _scores(judged, pair)
    assert scores is not None
    chance = Unscored.ABSTAINED if scores[0] is None else scores[0]
    lengths = len(pair.question.a), len(pair.question.b)
    return JudgedPair(verdict(pair.blind.values()), None, None, *lengths, verdict=chance)
