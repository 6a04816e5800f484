"""What a judge is given when a policy is measured: the policy's held-out answers, and pairs that people compared."""

from collections.abc import Mapping, Sequence

from judges.dialogue import Judge
from judges.statistics import LabelledPair
from loop.anchors import AnchorPair
from loop.judging import Case, case
from runs.canonical import digest
from runs.records import Judgment, Prompt, Response

Judged = tuple[str, ...]
"""The digests of the rows that one judgment is of."""


def own_cases(
    judge: Judge, seed: int, prompts: Mapping[str, Prompt], responses: Sequence[Response], rivals: Sequence[Response]
) -> list[Case | None]:
    """One case a response: by itself, or against its rival, the seed policy's answer to the same prompt.

    None where the two say the same: there is nothing to compare. `rivals` are empty for a judge of single answers.
    """
    if judge.compares == 1:
        return [
            case(seed, "response", prompts[r.prompt].messages, (r.text,), prompts[r.prompt].tags, (r.digest,))
            for r in responses
        ]
    return [
        None
        if own.text == rival.text
        else case(
            seed,
            "pair",
            prompts[own.prompt].messages,
            (own.text, rival.text),
            prompts[own.prompt].tags,
            (own.digest, rival.digest),
        )
        for own, rival in zip(responses, rivals, strict=True)
    ]


def anchor_cases(judge: Judge, seed: int, anchors: Sequence[AnchorPair]) -> list[Case]:
    """Both answers of each labelled pair, one after the other or against each other."""
    if judge.compares == 1:
        return [
            case(seed, "response", anchor.messages, (text,), anchor.tags, (side,))
            for anchor in anchors
            for text, side in zip((anchor.a, anchor.b), sides(anchor), strict=True)
        ]
    return [case(seed, "pair", anchor.messages, (anchor.a, anchor.b), anchor.tags, sides(anchor)) for anchor in anchors]


def labelled_pairs(anchors: Sequence[AnchorPair], verdicts: Mapping[Judged, Judgment]) -> list[LabelledPair]:
    """Each labelled pair with what the judge scored its two answers: as probabilities, where it compared them."""
    return [LabelledPair(anchor.label, *_scores(sides(anchor), verdicts)) for anchor in anchors]


def verdicts_on(anchor: AnchorPair, verdicts: Mapping[Judged, Judgment]) -> list[Judgment]:
    """What the judge said of the pair: one judgment of both answers, or one of each."""
    named = sides(anchor)
    return [verdicts[named]] if named in verdicts else [verdicts[side,] for side in named]


def sides(anchor: AnchorPair) -> tuple[str, str]:
    """The names of the pair's two answers, `a` first."""
    return digest([anchor.digest, "a"]), digest([anchor.digest, "b"])


def _scores(named: tuple[str, str], verdicts: Mapping[Judged, Judgment]) -> tuple[float | None, float | None]:
    if named in verdicts:
        first = verdicts[named].score
        return (None, None) if first is None else (first, 1 - first)
    a, b = named
    return verdicts[(a,)].score, verdicts[(b,)].score
