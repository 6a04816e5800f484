"""Pairs of judgments for training a judge, from a meta-judge's verdicts (Meta-Rewarding; Wu et al., 2407.19594, §2.2).

Everything is keyed by the digests of the judgments, never by a place in a list.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import pvariance
from typing import NamedTuple

from judges.statistics import Estimate
from judges.tournament import Compared, strengths

ROUNDING = 1e-9  # 0.15 * 20 is no less than 3


@dataclass(frozen=True)
class Battle:
    """One order's verdict on two judgments: the probability (0..1) that the one shown `first` is right."""

    first: str
    second: str
    probability: float


class PlaceWeights(NamedTuple):
    """What a win in the first and in the second place is worth. They add up to 1."""

    first: float
    second: float


def place_weights(battles: Sequence[Battle]) -> PlaceWeights:
    """w1 = wins in second place / all wins, w2 = wins in first place / all wins: a place that wins often counts less.

    A probability is a share of a win. Both are 1/2 without battles.
    """
    if not battles:
        return PlaceWeights(0.5, 0.5)
    in_first = math.fsum(battle.probability for battle in battles) / len(battles)
    return PlaceWeights(1 - in_first, in_first)


def judgment_strengths(battles: Sequence[Battle]) -> dict[str, Estimate]:
    """The strength of each judgment in nats, by digest, from battles weighed by place: the maximum of
    sum_mn B_mn log sigmoid(s_m - s_n), where B_mn is what m's wins over n are worth.

    The weights are those of all `battles`, so give those of a whole iteration together. The paper's likelihood has no
    maximum where a judgment wins all its battles; the prior of `tournament.strengths` gives it one.
    """
    weights = place_weights(battles)
    worth: dict[tuple[str, str], list[float]] = defaultdict(list)
    for battle in battles:
        worth[battle.first, battle.second].append(weights.first * battle.probability)
        worth[battle.second, battle.first].append(weights.second * (1 - battle.probability))
    # B_mn wins of m are a comparison of weight B_mn that m won.
    return strengths([Compared(m, n, 1.0, math.fsum(wins)) for (m, n), wins in worth.items()])


@dataclass(frozen=True)
class WrittenJudgment:
    """One reply of a judge on one answer to one prompt: its text, and the score that it states."""

    digest: str
    prompt: str
    response: str
    text: str
    score: float


class JudgmentPair(NamedTuple):
    """Two judgments of one answer for training a judge."""

    chosen: WrittenJudgment
    rejected: WrittenJudgment


def most_disputed(judgments: Iterable[WrittenJudgment]) -> dict[str, list[WrittenJudgment]]:
    """For each prompt the judgments of that answer whose scores vary most: prompt -> at least two, sorted by digest.

    Of equally disputed answers the one with the lowest digest; a prompt whose answers are all undisputed has none.
    """
    by_answer: dict[tuple[str, str], list[WrittenJudgment]] = defaultdict(list)
    for judgment in sorted(judgments, key=lambda own: own.digest):
        by_answer[judgment.prompt, judgment.response].append(judgment)
    spread = {answer: pvariance([own.score for own in same]) for answer, same in by_answer.items()}
    most: dict[str, list[WrittenJudgment]] = {}
    for prompt, response in sorted(by_answer, key=lambda answer: (-spread[answer], answer)):
        if spread[prompt, response] > 0:
            most.setdefault(prompt, by_answer[prompt, response])
    return most


def judgment_pairs(
    judgments: Iterable[WrittenJudgment], strength: Mapping[str, Estimate], max_characters: int
) -> list[JudgmentPair]:
    """Of each answer the strongest judgment against the weakest, sorted by prompt and answer.

    Judgments that took part in no battle, and answers whose judgments are equally strong or say the same, give none.
    Nor do those whose strongest is longer than `max_characters` (the paper: 1,100, then 1,000), because judges grow
    verbose too; the next strongest does not stand in for it, which would teach that short is right.
    """
    by_answer: dict[tuple[str, str], list[tuple[float, WrittenJudgment]]] = defaultdict(list)
    for judgment in sorted(judgments, key=lambda own: own.digest):
        value = strength[judgment.digest].value if judgment.digest in strength else None
        if value is not None:
            by_answer[judgment.prompt, judgment.response].append((value, judgment))
    pairs = []
    for _, same in sorted(by_answer.items()):
        best, chosen = max(same, key=lambda own: own[0])
        worst, rejected = min(same, key=lambda own: own[0])
        if best > worst and chosen.text != rejected.text and len(chosen.text) <= max_characters:
            pairs.append(JudgmentPair(chosen, rejected))
    return pairs


def capped(
    pairs: Sequence[JudgmentPair], others: int, max_share: float = 0.15, max_score_share: float = 0.4
) -> list[JudgmentPair]:
    """As many of `pairs` as may join `others` pairs of answers in a training set, sorted by the chosen one's digest.

    They make up at most `max_share` of the set, and those whose chosen judgment states one and the same score at most
    `max_score_share` of them: beyond that the judge learns to say that score whatever it sees ("always a 5", say
    NVIDIA's notes on self-rewarding in NeMo-Aligner, whose limits these are). So none are left where fewer different
    scores are stated than 1 / `max_score_share`. Which ones are left out is as good as by lot: their digests decide.
    """
    ordered = sorted(pairs, key=lambda pair: (pair.chosen.digest, pair.rejected.digest))
    of_score = Counter(pair.chosen.score for pair in ordered)
    for total in range(len(ordered), 0, -1):
        limit = math.floor(max_score_share * total + ROUNDING)
        few_enough = total <= max_share * (total + others) + ROUNDING
        if few_enough and sum(min(count, limit) for count in of_score.values()) >= total:
            return _first_of_each_score(ordered, limit, total)
    return []


def _first_of_each_score(ordered: Sequence[JudgmentPair], limit: int, total: int) -> list[JudgmentPair]:
    taken: Counter[float] = Counter()
    kept: list[JudgmentPair] = []
    for pair in ordered:
        if taken[pair.chosen.score] < limit and len(kept) < total:
            taken[pair.chosen.score] += 1
            kept.append(pair)
    return kept
