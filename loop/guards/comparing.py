"""The same items, then and now: has what a policy or a judge does with them become worse?"""

import math
from collections.abc import Mapping

from loop.guards.betting import paired
from loop.guards.finding import Finding, said
from loop.guards.limits import WHOSE
from loop.guards.rules import Paired
from loop.guards.seen import Seen


def compared(test: Paired, now: Seen, of: Mapping[str, Seen], alpha: float, min_frac: float) -> Finding | None:
    """Whether the stream fell, at level `alpha`; None where nobody has such a stream, and for the seed itself.

    `observed` and `limit` are log10 of the evidence of a loss and of 1 / alpha. It does not pass where fewer than
    `min_frac` of the reference's items have a number now, nor where one is outside 0 to 1.
    """
    if test.of not in of or not now.measured:
        return None
    before, after = of[test.of].items.get(test.stream, {}), now.items.get(test.stream, {})
    if not before and not test.demanded:
        return None
    limit = math.log10(1 / alpha)
    rows = (*now.addresses(test.stream), *of[test.of].addresses(test.stream))
    both = sorted(item for item in before if item in after)
    faulty = [item for item in both if not (0 <= before[item] <= 1 and 0 <= after[item] <= 1)]
    if faulty or not both or len(both) < min_frac * len(before):
        why = (
            f"{len(faulty)} of {len(both)} items have a number outside 0 to 1"
            if faulty
            else f"{len(both)} of {len(before)} items have a number; at least {min_frac:.0%} are needed"
        )
        says = f"{test.stream} cannot be compared: {why}"
        return Finding(
            test.name, test.stream, None, limit, False, says, test.group, test.action,
            "at_most", None, WHOSE[test.of], rows, {"n": len(both), "alpha": alpha},
        )  # fmt: skip
    import numpy as np

    found = paired(np.array([before[item] for item in both]), np.array([after[item] for item in both]), test.margin)
    change = found.after - found.before
    says = (
        f"{test.stream} went from {said(found.before)} to {said(found.after)} ({change:+.4f} over {found.n} items) "
        f"against {WHOSE[test.of]}; evidence of a loss 10^{found.loss_log10_e:.2f}, 10^{limit:.2f} is enough"
    )
    beside = {
        "n": found.n,
        "mean": found.after,
        "alpha": alpha,
        **({"gain_log10_e": found.gain_log10_e} if test.of == "best" else {}),
    }
    return Finding(
        test.name, test.stream, found.loss_log10_e, limit, found.loss_log10_e < limit, says, test.group, test.action,
        "at_most", found.before, WHOSE[test.of], rows, beside,
    )  # fmt: skip
