"""How often a judge gives no verdict: because it failed to answer, or because it would not decide."""

from collections.abc import Sequence

from judges.audit.records import FAILURES, JudgedPair
from judges.audit.statistic import Evidence, Statistic, above_share_p, share
from runs.records import Unscored

TOLERATED_SHARE = 0.05


def failures(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    """`verdict/failed` and `verdict/abstained` (0..1): shares of pairs; the showings of a pair go together.

    A pair fails if the judge failed to answer in any order; else it is abstained if the judge did not decide in any.
    """
    reasons = [[order for order in (p.ab, p.ba) if isinstance(order, Unscored)] for p in pairs]
    n = len(pairs)
    failed = sum(any(reason in FAILURES for reason in one) for one in reasons)
    abstained = sum(bool(one) for one in reasons) - failed
    evidence = Evidence(above_share_p(failed, n, TOLERATED_SHARE), "fails to answer") if n else None
    return share("verdict/failed", failed, n, evidence), share("verdict/abstained", abstained, n)
