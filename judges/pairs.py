"""Preference pairs from judged answers: of each prompt's answers the best against the worst (Yuan, 2401.10020).

What is best is said by the scores of single answers, or by comparisons of each two (`by_scores`, `by_comparisons`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple, get_args

from judges.extremes import PLAIN, Candidate, Choice, Reason, best_and_worst
from judges.same_texts import same_texts
from judges.tournament import Compared, strengths
from runs.records import Judgment, PreferencePair, Response


class Unpaired(NamedTuple):
    """How many prompts gave no pair, by the first reason that holds."""

    too_few_scored: int
    """Fewer than two answers have a score, or a comparison that was decided."""
    same_text: int
    """All scored answers say the same."""
    only_truncated: int
    """No scored answer may be chosen: none came to its end, or none of those that did is the policy's own."""
    tie: int
    """The best is no better than the worst."""
    below_margin: int
    """Better by less than the margin, or only a truncated answer is better."""
    contradicted: int
    """The best won more, and lost to the worst, or nobody could tell these two apart."""
    longer: int
    """The best is longer than the worst by more tokens than it may be."""


class Pairing(NamedTuple):
    """At most one pair a prompt, in the order of the prompts' digests, and why the other prompts gave none."""

    pairs: tuple[PreferencePair, ...]
    unpaired: Unpaired


def by_scores(
    responses: Iterable[Response],
    judgments: Iterable[Judgment],
    min_margin: float,
    label_source: str,
    choice: Choice = PLAIN,
) -> Pairing:
    """The pairs that these judgments of single responses make. The order of neither input matters.

    An answer sampled twice is one candidate, scored with the mean of its scores, so that no text meets itself and none
    gains from being judged often. Unscored answers take no part. An answer cut off at its token limit may be rejected,
    never chosen: else the policy learns not to end. Of equally good (or equally bad) candidates the one with the lowest
    digest is taken: as good as by lot, and so without a taste for short or long answers. `margin` is the
    difference of the scores and at least `min_margin`; labels are hard (probability 1, weight 1).
    Raises ValueError where responses and judgments do not match one to one.
    """
    by_prompt: dict[str, list[tuple[Response, Judgment]]] = defaultdict(list)
    for response, judgment in _matched(responses, judgments):
        by_prompt[response.prompt].append((response, judgment))
    return _pairing(
        [_pair_of_scored(judged, min_margin, label_source, choice) for _, judged in sorted(by_prompt.items())]
    )


def by_comparisons(
    responses: Iterable[Response],
    judgments: Iterable[Judgment],
    min_margin: float,
    label_source: str,
    soft: bool,
    choice: Choice = PLAIN,
) -> Pairing:
    """The pairs that these judgments of two responses each make. The order of neither input matters.

    The best and the worst are those of the greatest and least strength over all decided comparisons of the prompt;
    `margin` is the difference in strength, in nats of log-odds, and at least `min_margin`. The verdict on these two
    themselves must agree: it is the label's probability if `soft`, else that is 1. What is said under `by_scores` of
    repeated, truncated and equal answers holds here too.
    Raises ValueError for a judgment of something else, or of responses that are not here.
    """
    by_digest = {response.digest: response for response in responses}
    answered: dict[str, list[Response]] = defaultdict(list)
    for response in by_digest.values():
        answered[response.prompt].append(response)
    compared: dict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        if judgment.target != "pair" or len(judgment.judged) != 2 or not by_digest.keys() >= set(judgment.judged):
            raise ValueError(f"judgment {judgment.digest} is of {judgment.judged}, not of two responses that are here")
        compared[by_digest[judgment.judged[0]].prompt].append(judgment)
    return _pairing(
        [
            _pair_of_compared(answers, compared[prompt], min_margin, label_source, soft, choice)
            for prompt, answers in sorted(answered.items())
        ]
    )


def _matched(responses: Iterable[Response], judgments: Iterable[Judgment]) -> list[tuple[Response, Judgment]]:
    """Each response with its judgment, joined by digest."""
    by_digest = {response.digest: response for response in responses}
    judgment_of: dict[str, Judgment] = {}
    for judgment in judgments:
        if judgment.target != "response" or len(judgment.judged) != 1:
            raise ValueError(f"judgment {judgment.digest} is of a {judgment.target}, not of one response")
        judged = judgment.judged[0]
        if judged not in by_digest:
            raise ValueError(f"judgment {judgment.digest} is of response {judged}, which is not here")
        if judgment_of.setdefault(judged, judgment).digest != judgment.digest:
            raise ValueError(f"response {judged} has two judgments: {judgment_of[judged].digest}, {judgment.digest}")
    if missing := by_digest.keys() - judgment_of.keys():
        raise ValueError(f"{len(missing)} responses have no judgment, among them {min(missing)}")
    return [(by_digest[digest], judgment_of[digest]) for digest in by_digest]


def _pairing(outcomes: Sequence[PreferencePair | Reason]) -> Pairing:
    return Pairing(
        pairs=tuple(outcome for outcome in outcomes if isinstance(outcome, PreferencePair)),
        unpaired=Unpaired(**{reason: outcomes.count(reason) for reason in get_args(Reason)}),
    )


def _pair_of_scored(
    judged: Sequence[tuple[Response, Judgment]], min_margin: float, label_source: str, choice: Choice
) -> PreferencePair | Reason:
    scored = [(response, judgment) for response, judgment in judged if judgment.score is not None]
    if len(scored) < 2:
        return "too_few_scored"
    verdict = {response.digest: judgment for response, judgment in scored}
    candidates = [
        Candidate(
            choice.standing_for(same),
            fmean(verdict[own.digest].score or 0.0 for own in same),
            tuple(sorted(verdict[own.digest].digest for own in same)),
        )
        for same in same_texts(response for response, _ in scored).values()
    ]
    extremes = best_and_worst(candidates, min_margin, choice)
    if isinstance(extremes, str):
        return extremes
    best, worst = extremes
    return _preference(best, worst, 1.0, label_source, best.judgments + worst.judgments)


def _pair_of_compared(
    answers: Sequence[Response],
    judgments: Sequence[Judgment],
    min_margin: float,
    label_source: str,
    soft: bool,
    choice: Choice,
) -> PreferencePair | Reason:
    standing = {own.digest: choice.standing_for(same) for same in same_texts(answers).values() for own in same}
    if len({response.digest for response in standing.values()}) < 2:
        return "same_text"
    decided = [
        (Compared(standing[judgment.judged[0]].digest, standing[judgment.judged[1]].digest, judgment.score), judgment)
        for judgment in judgments
        if judgment.score is not None
    ]
    strength = {digest: found.value for digest, found in strengths([one for one, _ in decided]).items()}
    candidates = [
        Candidate(response, lead, ())
        for response in {own.digest: own for own in standing.values()}.values()
        if (lead := strength.get(response.digest)) is not None
    ]
    if len(candidates) < 2:
        return "too_few_scored"
    extremes = best_and_worst(candidates, min_margin, choice)
    if isinstance(extremes, str):
        return extremes
    best, worst = extremes
    probability = _won(best.response.digest, worst.response.digest, [one for one, _ in decided])
    if probability is None or probability <= 0.5:
        return "contradicted"
    used = tuple(sorted(judgment.digest for _, judgment in decided))
    return _preference(best, worst, probability if soft else 1.0, label_source, used)


def _won(first: str, second: str, decided: Sequence[Compared]) -> float | None:
    """The mean probability that `first` is better than `second`, from the comparisons of these two; None for none."""
    said = [one.probability for one in decided if (one.first, one.second) == (first, second)]
    said += [1 - one.probability for one in decided if (one.second, one.first) == (first, second)]
    return fmean(said) if said else None


def _preference(
    best: Candidate, worst: Candidate, probability: float, label_source: str, judgments: tuple[str, ...]
) -> PreferencePair:
    return PreferencePair(
        prompt=best.response.prompt,
        chosen=best.response.digest,
        rejected=worst.response.digest,
        label_probability=probability,
        weight=1.0,
        margin=best.score - worst.score,
        label_source=label_source,
        judgments=judgments,
    )
