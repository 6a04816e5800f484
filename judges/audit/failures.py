"""How often a judge gives no verdict: because it failed to answer, or because it would not decide."""

from collections.abc import Sequence

from judges.audit.records import FAILURES, JudgedPair
from judges.audit.statistic import Evidence, Statistic, above_share_p, share
from runs.records import Unscored

TOLERATED_SHARE = 0.05


def failures(pairs: Sequence[JudgedPair]) -> tuple[Statistic, ...]:
    """`verdict/failed` and `verdict/abstained` (0..1): shares of pairs without a verdict, by the verdict's reason.

    A judge that says of two answers that they tie has abstained too: nothing is learnt from the pair.
    """
    reasons = [p.outcome for p in pairs if isinstance(p.outcome, Unscored)]
    n = len(pairs)
    failed = sum(reason in FAILURES for reason in reasons)
    abstained = len(reasons) - failed
    evidence = Evidence(above_share_p(failed, n, TOLERATED_SHARE), "fails to answer") if n else None
    return share("verdict/failed", failed, n, evidence), share("verdict/abstained", abstained, n)
