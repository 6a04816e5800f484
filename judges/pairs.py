"""Preference pairs from scored answers: of each prompt's answers the best against the worst (Yuan, 2401.10020)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, NamedTuple, get_args

from runs.records import Judgment, PreferencePair, Response


class Unpaired(NamedTuple):
    """How many prompts gave no pair, by the first reason that holds."""

    too_few_scored: int
    """Fewer than two answers have a score."""
    same_text: int
    """All scored answers say the same."""
    only_truncated: int
    """No scored answer came to its end, so none may be chosen."""
    tie: int
    """The best is no better than the worst."""
    below_margin: int
    """Better by less than the margin, or only a truncated answer is better."""


Reason = Literal["too_few_scored", "same_text", "only_truncated", "tie", "below_margin"]


class Pairing(NamedTuple):
    """At most one pair a prompt, in the order of the prompts' digests, and why the other prompts gave none."""

    pairs: tuple[PreferencePair, ...]
    unpaired: Unpaired


@dataclass(frozen=True)
class Candidate:
    """One text that was answered to a prompt, however often it was sampled."""

    response: Response
    score: float
    judgments: tuple[str, ...]


def best_against_worst(
    responses: Iterable[Response], judgments: Iterable[Judgment], min_margin: float, label_source: str
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
    outcomes = [_pair(judged, min_margin, label_source) for _, judged in sorted(by_prompt.items())]
    return Pairing(
        pairs=tuple(outcome for outcome in outcomes if isinstance(outcome, PreferencePair)),
        unpaired=Unpaired(**{reason: outcomes.count(reason) for reason in get_args(Reason)}),
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


def _pair(judged: Sequence[tuple[Response, Judgment]], min_margin: float, label_source: str) -> PreferencePair | Reason:
    scored = [(response, judgment) for response, judgment in judged if judgment.score is not None]
    if len(scored) < 2:
        return "too_few_scored"
    candidates = _candidates(scored)
    if len(candidates) < 2:
        return "same_text"
    finished = [candidate for candidate in candidates if candidate.response.stop == "end"]
    if not finished:
        return "only_truncated"
    best = min(finished, key=lambda candidate: (-candidate.score, candidate.response.digest))
    others = [candidate for candidate in candidates if candidate is not best]
    worst = min(others, key=lambda candidate: (candidate.score, candidate.response.digest))
    margin = best.score - worst.score
    if margin == 0:
        return "tie"
    if margin < max(min_margin, 0):
        return "below_margin"
    return PreferencePair(
        prompt=best.response.prompt,
        chosen=best.response.digest,
        rejected=worst.response.digest,
        label_probability=1.0,
        weight=1.0,
        margin=margin,
        label_source=label_source,
        judgments=best.judgments + worst.judgments,
    )


def _candidates(scored: Sequence[tuple[Response, Judgment]]) -> list[Candidate]:
    by_text: dict[str, list[tuple[Response, Judgment]]] = defaultdict(list)
    for response, judgment in scored:
        by_text[response.text].append((response, judgment))
    return [
        Candidate(
            # A sample that came to its end stands for its text before one that was cut off there.
            response=min((response for response, _ in same), key=lambda own: (own.stop == "length", own.digest)),
            score=fmean(judgment.score for _, judgment in same if judgment.score is not None),
            judgments=tuple(sorted(judgment.digest for _, judgment in same)),
        )
        for same in by_text.values()
    ]
