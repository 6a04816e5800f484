"""What a pair of judged answers is worth a person's time, and for which reason."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, product
from statistics import fmean, pstdev

import numpy as np
from scipy.stats import rankdata

from judges.audit.distance import nearest_others
from loop.people.choosing import Offer, Why
from loop.people.judged import Judged, Said
from runs.harm import provokes_harm
from runs.records import Judgment, Unscored


def offers(judged: Judged) -> list[Offer]:
    """Every two different answers that the judge compared, or scored one by one.

    - disputed: votes on both sides, by `dispute`.
    - uncertain: a probability near a half; of single answers, a margin that is small beside how far the judge's tries
      at one answer are apart, in points. Where the judge failed nothing is known.
    - outlying: the farther out one of the two answers is, by `far_out`.
    - high-stakes: 1 for a prompt that provokes harm, and for a pair trained on its margin as a share of the largest.
    """
    out = far_out(judged)
    largest = max(judged.trained_on.values(), default=0.0)
    found = []
    for prompt, a, b in _twos(judged):
        worth: dict[Why, float] = {"outlying": max(out[prompt, a], out[prompt, b])}
        if split := dispute(_votes(judged, prompt, a, b)):
            worth["disputed"] = split
        unsure = _uncertainty(judged, prompt, a, b)
        if unsure is not None:
            worth["uncertain"] = unsure
        margin = max(judged.trained_on.get((prompt, *texts), 0.0) for texts in ((a, b), (b, a)))
        stakes = provokes_harm(judged.prompts[prompt].tags) + (margin / largest if largest else 0.0)
        if stakes:
            worth["high-stakes"] = stakes
        found.append(Offer(prompt, (a, b), worth))
    return found


def dispute(votes: Sequence[float]) -> float:
    """How evenly and surely votes (probabilities that the first is better) are split: 0 for one side only, to 1."""
    first = sum(vote - 0.5 for vote in votes if vote > 0.5)
    second = sum(0.5 - vote for vote in votes if vote < 0.5)
    return 4 * min(first, second) / len(votes) if votes else 0.0


def far_out(judged: Judged) -> dict[Said, float]:
    """For each answer how far it is from the rest, 0 to 1: its rank in what it is farthest out in.

    That is the words it shares with no other answer to its prompt, a length far from the median, and, of answers scored
    one by one, a score far from it.
    """
    answers: dict[str, list[str]] = defaultdict(list)
    for prompt, *texts in judged.verdicts:
        answers[prompt] += [text for text in texts if text not in answers[prompt]]
    places = [(prompt, text) for prompt, texts in answers.items() for text in texts]
    alone = [far for texts in answers.values() for far in (nearest_others(texts) if len(texts) > 1 else [0.0])]
    features = [alone, _from_the_middle([len(text) for _, text in places])]
    scores = [None if judged.compares else judged.verdicts[place].score for place in places]
    known = [score for score in scores if score is not None]
    if known:
        middle = float(np.median(known))
        features.append(_from_the_middle([middle if score is None else score for score in scores]))
    ranks_F_N = np.array([(rankdata(feature) - 1) / max(len(places) - 1, 1) for feature in features])
    return {place: float(rank) for place, rank in zip(places, ranks_F_N.max(axis=0), strict=True)}


def _from_the_middle(values: Sequence[float]) -> list[float]:
    middle = float(np.median(values)) if values else 0.0
    return [abs(value - middle) for value in values]


def _twos(judged: Judged) -> list[tuple[str, str, str]]:
    if judged.compares:
        return [(prompt, a, b) for prompt, a, b in judged.verdicts]
    answers: dict[str, list[str]] = defaultdict(list)
    for prompt, text in judged.verdicts:
        answers[prompt].append(text)
    return [(prompt, a, b) for prompt, texts in answers.items() for a, b in combinations(texts, 2)]


def _votes(judged: Judged, prompt: str, a: str, b: str) -> list[float]:
    """How probable each reply of each who judged finds the first answer; of single answers, each try against each."""
    if judged.compares:
        return [vote for own in judged.sat[prompt, a, b] for vote in _replied(own)]
    members = {own.adapter: own for own in judged.sat[prompt, b]}
    return [
        0.5 if x == y else float(x > y)
        for own in judged.sat[prompt, a]
        for x, y in product(_tries(own), _tries(members[own.adapter]))
    ]


def _replied(judgment: Judgment) -> list[float]:
    read = [reply.score for reply in judgment.replies if reply.order and reply.score is not None]
    return read or ([] if judgment.score is None else [judgment.score])


def _tries(judgment: Judgment) -> list[float]:
    """The scores of the judge's tries at one answer; the score itself where it had but one."""
    read = [reply.score for reply in judgment.replies if not reply.principle and reply.score is not None]
    return read or ([] if judgment.score is None else [judgment.score])


def _uncertainty(judged: Judged, prompt: str, a: str, b: str) -> float | None:
    if judged.compares:
        verdict = judged.verdicts[prompt, a, b]
        if verdict.unscored in (Unscored.TIE, Unscored.INCONSISTENT):
            return 0.0
        return None if verdict.score is None else -abs(verdict.score - 0.5)
    score_a, score_b = (judged.verdicts[prompt, text].score for text in (a, b))
    if score_a is None or score_b is None:
        return None
    spreads = [pstdev(tries) for text in (a, b) for own in judged.sat[prompt, text] if (tries := _tries(own))]
    return (fmean(spreads) if spreads else 0.0) - abs(score_a - score_b)
