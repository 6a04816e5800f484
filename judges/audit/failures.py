"""How often a judge prefers neither answer: because it failed to answer, or because it would not decide."""

from collections.abc import Sequence

from judges.audit.records import FAILURES, JudgedPair
from judges.audit.statistic import Evidence, Statistic, above_share_p, share

TOLERATED_SHARE = 0.05


def failures(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    """`verdict/failed` and `verdict/abstained` (0..1): shares of pairs from which nothing can be learnt, and why.

    Abstained: it answered, and prefers neither. It said so, or the two tie, or its two orders cancel each other.
    """
    n = len(pairs)
    failed = sum(p.outcome in FAILURES for p in pairs)
    abstained = sum(p.chance in (None, 0.5) for p in pairs) - failed
    evidence = Evidence(above_share_p(failed, n, TOLERATED_SHARE), "fails to answer") if n else None
    return share("verdict/failed", failed, n, evidence), share("verdict/abstained", abstained, n)
