"""How well a judge agrees with labels."""

import math
from collections.abc import Sequence

from scipy import stats

from judges.audit.records import JudgedPair
from judges.audit.statistic import Evidence, Statistic, below_mean_p, bounded_mean
from judges.statistics import LabelledPair, agreement

LEAST_ACCURACY = 0.65
"""Below this a judge is near chance. Small judges reach 0.55 to 0.75 where people agree in 0.81 (2306.05685)."""
AT_MOST_MISNAMED = 0.0025
"""How often a judge that is at chance is said to be worse than it."""
RESAMPLES = 400
"""The intervals of 1,000 simulated judges held the truth in 95 % with so many; it is 2/5 of an audit's time."""


def label_agreement(pairs: Sequence[JudgedPair], seed: int) -> tuple[Statistic, ...]:
    """Accuracy and rank agreement with the labels of `pairs`. `seed` is the bootstrap's.

    - `label/accuracy` (0..1): share of verdicts that prefer the better answer, a tie being half a hit; pairs whose
      label ties take no part. A judge that goes by position alone has a half, where `accuracy_decided` has nothing.
    - `label/accuracy_decided`, `label/kappa`, `label/kendall_tau_b`, `label/spearman`: as in
      `judges.statistics.agreement`.
    """
    hits = _hits(pairs)
    labelled = [
        LabelledPair(p.label, p.chance, None if p.chance is None else 1 - p.chance)
        for p in pairs
        if p.label is not None
    ]
    found = agreement(labelled, seed, RESAMPLES)
    scored_n = sum(one.score_a is not None for one in labelled)
    return (
        Statistic("label/accuracy", len(hits), bounded_mean(hits, 0, 1), _too_low(hits)),
        Statistic("label/accuracy_decided", found.decided_n, found.accuracy),
        Statistic("label/kappa", scored_n, found.kappa),
        Statistic("label/kendall_tau_b", scored_n, found.kendall_tau_b),
        Statistic("label/spearman", scored_n, found.spearman),
    )


def family_accuracy(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    """`family/NAME` (0..1): `label/accuracy` of each family alone, where there are several.

    A judge that is right on the whole may contradict the labels of one family. The families share one test's false
    alarms by how many pairs they have, so that many small ones do not hide a large one.
    """
    families: dict[str, list[JudgedPair]] = {}
    for pair in pairs:
        families.setdefault(pair.family, []).append(pair)
    hits = {family: of_it for family in sorted(families) if (of_it := _hits(families[family]))}
    if len(hits) < 2:
        return ()
    n = sum(map(len, hits.values()))
    return tuple(
        Statistic(f"family/{family}", len(of_it), bounded_mean(of_it, 0, 1), _too_low_in(family, of_it, len(of_it) / n))
        for family, of_it in hits.items()
    )


def _too_low(hits: Sequence[float]) -> Evidence | None:
    """How likely a sound judge is right so seldom, and what one is then: no better than a coin, or clearly worse."""
    if len(hits) < 2:
        return None
    contradicts = below_mean_p(hits, 0, 1, 0.5) <= AT_MOST_MISNAMED
    return Evidence(below_mean_p(hits, 0, 1, LEAST_ACCURACY), "worse than chance" if contradicts else "near chance")


def _too_low_in(family: str, hits: Sequence[float], weight: float) -> Evidence:
    """The same of one family. The binomial test is exact for as few as a family can have; a tie makes it err to 1."""
    right, n = math.ceil(sum(hits)), len(hits)
    contradicts = stats.binom.cdf(right, n, 0.5) <= AT_MOST_MISNAMED
    fault = f"{'worse than chance' if contradicts else 'near chance'} in {family or 'no family'}"
    return Evidence(float(stats.binom.cdf(right, n, LEAST_ACCURACY)), fault, weight)


def accuracy(pairs: Sequence[JudgedPair]) -> Statistic:
    """`label/accuracy` alone, without a claim: for groups of pairs too small to accuse a judge."""
    hits = _hits(pairs)
    return Statistic("label/accuracy", len(hits), bounded_mean(hits, 0, 1))


def _hits(pairs: Sequence[JudgedPair]) -> list[float]:
    """Of each pair whose label decides and that has a verdict: 1 for the better answer, a half for neither."""
    return [
        0.5 if p.chance == 0.5 else float((p.chance > 0.5) == (p.label == "a"))
        for p in pairs
        if p.label in ("a", "b") and p.chance is not None
    ]
