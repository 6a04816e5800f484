"""Whether a judge uses its scale: scores that pile up at one end tell no answers apart."""

from collections.abc import Sequence

from judges.audit.records import JudgedPair, Scores
from judges.audit.statistic import UNKNOWN, Evidence, Statistic, above_share_p, share
from judges.statistics import Estimate
from runs.records import Unscored

AT_END = 0.05
"""A score within this share of the scale's range from its end is at the end: expected scores never quite reach it."""
SATURATED_SHARE = 0.6
"""More than this share at one end leaves too few answers to choose between (Meta-Rewarding, 2407.19594: 4.1 to 4.7)."""


def saturation(scores: Scores) -> tuple[Statistic, ...]:
    """Share of scores at either end of the scale (0..1), and how many distinct scores there are."""
    values = [v for v in scores.values if not isinstance(v, Unscored)]
    n, near = len(values), AT_END * (scores.high - scores.low)
    at_ends = (
        ("high", sum(v >= scores.high - near for v in values)),
        ("low", sum(v <= scores.low + near for v in values)),
    )
    shares = tuple(
        share(f"spread/at_{end}", hits, n, Evidence(above_share_p(hits, n, SATURATED_SHARE), f"saturated: {end}"))
        for end, hits in at_ends
        if n
    )
    distinct = Estimate(float(len(set(values))), None, None) if values else UNKNOWN
    return (*shares, Statistic("spread/distinct", n, distinct))


def ties(pairs: Sequence[JudgedPair]) -> Statistic:
    """`spread/ties` (0..1): of the pairs with a verdict or a tie, the share in which the judge sees no difference.

    Two orders that prefer different answers cancel each other and are no tie: `position/consistency` counts them.
    """
    judged = [p for p in pairs if p.chance is not None]
    return share("spread/ties", sum(p.chance == 0.5 and not p.split for p in judged), len(judged))
