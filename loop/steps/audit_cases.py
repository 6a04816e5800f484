"""What an audit puts to a judge, and how the verdicts become the records that `judges.audit` reads.

Each part says which cases it needs (`*_cases`) and reads their judgments (`*_records`), which are keyed by the digests
of what was judged. Labelled pairs are the material: they have two answers, a person's label, and the prompt's tags.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from constitutions.load import Constitution, Scale
from constitutions.principle import Principle, in_scope
from judges.audit.distance import asked, distances
from judges.audit.probes import Insertions, Probe, probes
from judges.audit.records import JudgedPair, JudgedTwice, Opposed, Repeated, Scores, Side, Triad, chance_of_scores
from judges.dialogue import Judge
from judges.pairwise import Pairwise
from judges.voting import Voting
from loop.anchors import AnchorPair
from loop.judging import Case, case
from loop.steps.probes import sides
from loop.steps.votes import order_chance
from runs.canonical import digest, seed_of
from runs.records import Judgment, Prompt, Response, Unscored

Verdicts = Mapping[tuple[str, ...], Judgment]
"""Judgments by the digests of what they judged."""


SURE = 0.8
"""Probability of the better answer from which on a judge has decided by a principle."""


class Probed(NamedTuple):
    """A twin and the labelled pair whose better answer it is of."""

    anchor: AnchorPair
    probe: Probe

    def names(self) -> tuple[str, str]:
        """What the two texts are called: before, after."""
        return digest([self.anchor.digest, self.probe.before]), digest([self.anchor.digest, self.probe.after])


class Turned(NamedTuple):
    """A labelled pair and a principle that has an opposite."""

    anchor: AnchorPair
    given: Principle
    opposite: Principle


def pair_records(
    anchors: Sequence[AnchorPair],
    verdicts: Verdicts,
    known: Sequence[AnchorPair],
    weights: str | None,
    likelihoods: Mapping[str, float],
) -> list[JudgedPair]:
    """Each labelled pair as the judge judged it, and how far its prompt is from those of the `known` pairs, if any.

    With the answer that the judge's own `weights` wrote and, by side, how likely they find each answer.
    """
    texts, familiar = ([asked(anchor.messages) for anchor in of] for of in (anchors, known))
    far: list[float] | list[None] = distances(texts, familiar) if familiar else [None] * len(anchors)
    records = []
    for anchor, distance in zip(anchors, far, strict=True):
        ab, ba, verdict = _chances(sides(anchor), verdicts)
        family = anchor.tags.get("family", "")
        likely_a, likely_b = (likelihoods.get(side) for side in sides(anchor))
        records.append(
            JudgedPair(
                label=anchor.label,
                ab=ab,
                ba=ba,
                length_a=len(anchor.a),
                length_b=len(anchor.b),
                own=_own(anchor, weights),
                likelihood_a=likely_a,
                likelihood_b=likely_b,
                family=family,
                distance=distance,
                verdict=verdict,
            )
        )
    return records


def _own(anchor: AnchorPair, weights: str | None) -> Side | None:
    """The side that these weights wrote, where another's answer is on the other one."""
    mine = [by == weights for by in (anchor.a_by, anchor.b_by)]
    return ("a" if mine[0] else "b") if sum(mine) == 1 else None


def scores_of(scale: Scale | None, anchors: Sequence[AnchorPair], verdicts: Verdicts) -> Scores | None:
    """The scores of single answers on their scale; None for a judge that compares or whose scores have no ends."""
    named = [side for anchor in anchors for side in sides(anchor)]
    if scale is None or any((side,) not in verdicts for side in named):
        return None
    return Scores(scale.low, scale.high, [_score(verdicts[side,]) for side in named])


def probed(anchors: Sequence[AnchorPair], insertions: Insertions, seed: int) -> list[Probed]:
    """The twins of each pair's better answer (of `a` where neither is); another pair's is its answer off topic."""
    better = [anchor.b if anchor.label == "b" else anchor.a for anchor in anchors]
    others = better[1:] + better[:1]
    return [
        Probed(anchor, probe)
        for anchor, text, other in zip(anchors, better, others, strict=True)
        for probe in probes(text, insertions, seed_of(seed, "probe", anchor.digest), other)
    ]


def twin_cases(judge: Judge, seed: int, twins: Sequence[Probed]) -> list[Case]:
    """Both texts of each twin, one by one or against each other."""
    cases = []
    for twin in twins:
        texts, names, anchor = (twin.probe.before, twin.probe.after), twin.names(), twin.anchor
        if judge.compares == 2:
            cases.append(case(seed, "pair", anchor.messages, texts, anchor.tags, names))
        else:
            cases += [
                case(seed, "response", anchor.messages, (text,), anchor.tags, (name,))
                for text, name in zip(texts, names, strict=True)
            ]
    return cases


def twin_records(twins: Sequence[Probed], verdicts: Verdicts) -> list[JudgedTwice]:
    """What the judge gave before and after; where it compared them, how probably each is the better one."""
    records = []
    for twin in twins:
        before, after = _scores(twin.names(), verdicts)
        records.append(JudgedTwice(twin.probe.kind, twin.probe.touched, twin.anchor.digest, before, after))
    return records


def turned(constitution: Constitution, anchors: Sequence[AnchorPair]) -> list[Turned]:
    """Each labelled pair with one of the principles that hold for it and have an opposite, in turn."""
    opposed = [p for p in constitution.principles if p.opposite is not None]
    found = []
    for number, anchor in enumerate(anchors):
        holding = [p for p in opposed if in_scope(p.scope, anchor.tags)]
        if holding:
            given = holding[number % len(holding)]
            found.append(Turned(anchor, given, constitution.principle(str(given.opposite))))
    return found


def judge_by(constitution: Constitution, principle: Principle, min_mass: float) -> Pairwise:
    """The judge that compares two answers under this principle alone, and abstains where the principle says little.

    Answers that do not differ in what the principle is about are no evidence that it is not heeded.
    """
    alone = principle.model_copy(update={"use": ("comparison",), "scope": ()})
    only = constitution.model_copy(update={"principles": (alone,)})
    return Pairwise(only, Voting(min_confidence=SURE), min_mass)


def opposed_record(given: Judgment, opposite: Judgment) -> Opposed:
    """How probably `a` is better, by the principle and by its opposite."""
    return Opposed(_score(given), _score(opposite))


def repeated_records(first: Sequence[Judgment], again: Sequence[Judgment]) -> list[Repeated]:
    """The same items judged twice, with different luck."""
    return [Repeated(_score(one), _score(other)) for one, other in zip(first, again, strict=True)]


def circle_cases(seed: int, prompt: Prompt, three: Sequence[Response]) -> list[Case]:
    """Three different answers to one prompt, each against the next."""
    return [
        case(seed, "pair", prompt.messages, (one.text, other.text), prompt.tags, (one.digest, other.digest))
        for one, other in _circle(three)
    ]


def triad_record(three: Sequence[Response], verdicts: Verdicts) -> Triad:
    """What came of the three comparisons."""
    ab, bc, ca = (_score(verdicts[one.digest, other.digest]) for one, other in _circle(three))
    return Triad(ab, bc, ca)


def _circle(three: Sequence[Response]) -> list[tuple[Response, Response]]:
    a, b, c = three
    return [(a, b), (b, c), (c, a)]


def _chances(
    named: tuple[str, str], verdicts: Verdicts
) -> tuple[float | Unscored | None, float | Unscored | None, float | Unscored]:
    """The chance that `a` is better, shown first and shown second, and by the verdict.

    A judge of single answers knows no order; nor has a verdict without replies in an order, such as a panel's, one.
    """
    if named in verdicts:
        judgment = verdicts[named]
        verdict, first = _score(judgment), order_chance(judgment, "ab")
        return (None, None, verdict) if first is None else (first, order_chance(judgment, "ba"), verdict)
    a, b = (_score(verdicts[side,]) for side in named)
    return None, None, chance_of_scores(a, b)


def _scores(named: tuple[str, str], verdicts: Verdicts) -> tuple[float | Unscored, float | Unscored]:
    """Two scores; of two texts that were compared how probably each is the better one."""
    if named not in verdicts:
        before, after = (_score(verdicts[side,]) for side in named)
        return before, after
    chance = _score(verdicts[named])
    return (chance, chance) if isinstance(chance, Unscored) else (chance, 1 - chance)


def _score(judgment: Judgment) -> float | Unscored:
    if judgment.score is not None:
        return judgment.score
    assert judgment.unscored is not None
    return judgment.unscored
