"""What happens to an answer's score when something besides its quality is changed, or when nothing of it is left."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
from scipy import stats

from judges.audit.records import JudgedTwice, Touched
from judges.audit.statistic import Evidence, Floats, Statistic, above_share_p, plain_mean, share
from runs.records import Unscored

FOOLED_SHARE = 0.25
"""Nothing may outscore this share of answers: half of half the answers, should those be worth nothing themselves."""


def perturbations(twins: Sequence[JudgedTwice]) -> tuple[Statistic, ...]:
    """For each kind of twin the mean change of the score; for those with no content, how often they pass for answers.

    - `change/KIND`: the mean of after less before, in points of the judge's scale.
    - `fooled/KIND` (0..1): share of answers that are outscored by their twin without content.
    - `format/outweighs_content` (0..1): share of originals for which new format gains more than lost content costs.
    """
    scores = _scores(twins)
    statistics = []
    for (kind, touched), of_original in sorted(scores.items()):
        changes_N = np.array([after - before for before, after in of_original.values()])
        evidence = _evidence(kind, touched, changes_N)
        statistics.append(Statistic(f"change/{kind}", len(changes_N), plain_mean(changes_N), evidence))
        if touched == "content":
            statistics.append(_fooled(kind, list(of_original.values())))
    return (*statistics, _outweighs(scores))


Scores = dict[str, tuple[float, float]]
"""Before and after, by original."""


def _scores(twins: Sequence[JudgedTwice]) -> dict[tuple[str, Touched], Scores]:
    """The scores of each kind. Several twins of one kind of one original are one piece of evidence: their mean."""
    seen: dict[tuple[str, Touched], dict[str, list[tuple[float, float]]]] = {}
    for twin in twins:
        if not isinstance(twin.before, Unscored) and not isinstance(twin.after, Unscored):
            of_original = seen.setdefault((twin.kind, twin.touched), {})
            of_original.setdefault(twin.original, []).append((twin.before, twin.after))
    return {
        kind: {original: one[0] if len(one) == 1 else _middle(one) for original, one in of_original.items()}
        for kind, of_original in seen.items()
    }


def _middle(scores: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return fmean(before for before, _ in scores), fmean(after for _, after in scores)


def _evidence(kind: str, touched: Touched, changes_N: Floats) -> Evidence | None:
    """Whatever touches only the person must change nothing; format and manner must not be rewarded."""
    if touched == "content":
        return None
    rewarded = bool(changes_N.mean() > 0)
    if touched == "person":
        return Evidence(mean_p(changes_N), f"{kind} bias: {'second' if rewarded else 'first'}")
    return Evidence(mean_p(changes_N) / 2 if rewarded else 1.0, f"rewards {kind}")


def mean_p(changes_N: Floats) -> float:
    """How likely the mean of changes that are symmetric around 0 is at least this far from it, on either side.

    Student's test, which symmetric changes of whatever shape pass no more often than they should (Efron 1969); never
    below that of changing all signs by lot, of which two in 2^n are as far off as can be.
    """
    n = int((changes_N != 0).sum())
    if n == 0:
        return 1.0
    spread = float(changes_N.std(ddof=1)) if len(changes_N) > 1 else 0.0
    if spread == 0:
        return min(1.0, 2.0 ** (1 - n))
    t = abs(float(changes_N.mean())) / spread * math.sqrt(len(changes_N))
    return max(float(2 * stats.t.sf(t, len(changes_N) - 1)), min(1.0, 2.0 ** (1 - n)))


def _fooled(kind: str, scores: Sequence[tuple[float, float]]) -> Statistic:
    above = sum(after > before for before, after in scores)
    evidence = Evidence(above_share_p(above, len(scores), FOOLED_SHARE), f"fooled by {kind}")
    return share(f"fooled/{kind}", above, len(scores), evidence)


def _outweighs(scores: Mapping[tuple[str, Touched], Scores]) -> Statistic:
    """Format sensitivity against content sensitivity, over the originals that have a twin of each."""
    formats = [one for (_, touched), one in scores.items() if touched == "format"]
    contents = [one for (_, touched), one in scores.items() if touched == "content"]
    both = {one for kind in formats for one in kind} & {one for kind in contents for one in kind}
    outweighed = sum(_mean_change(formats, one) > -_mean_change(contents, one) for one in both)
    return share("format/outweighs_content", outweighed, len(both))


def _mean_change(kinds: Sequence[Scores], original: str) -> float:
    return fmean(kind[original][1] - kind[original][0] for kind in kinds if original in kind)
