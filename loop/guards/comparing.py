"""The same items, then and now: has what a policy or a judge does with them become worse?"""

import math
from collections.abc import Mapping, Sequence

from loop.guards.betting import paired
from loop.guards.finding import Finding, said
from loop.guards.limits import WHOSE
from loop.guards.rules import Paired
from loop.guards.seen import Seen


def compared(
    test: Paired, now: Seen, of: Mapping[str, Seen], recent: Sequence[Seen], alpha: float, min_frac: float
) -> Finding | None:
    """Whether the stream fell, at level `alpha`; None where nobody has such a stream or settings do without its step,
    and for the seed itself.

    What is held against the best so far is held against the `recent` ones too, promoted after it: a gain that is not
    yet proven can be lost. `observed` and `limit` are log10 of the evidence of a loss and of 1 / alpha; `worst` is the
    iteration against which it is strongest. It does not pass where fewer than `min_frac` of a reference's items have a
    number now, nor where one is outside 0 to 1.
    """
    if test.of not in of or not now.measured:
        return None
    first = of[test.of]
    others = [one for one in recent if one.index > first.index] if test.of == "best" else []
    references = [first, *(one for one in others if test.stream in one.items)]
    befores = [one.items.get(test.stream, {}) for one in references]
    after = now.items.get(test.stream, {})
    if not test.demanded and not (befores[0] and now.took(first.step_of(test.stream))):
        return None
    limit = math.log10(1 / alpha)
    rows = tuple(address for one in (now, *references) for address in one.addresses(test.stream))
    both = sorted(item for item in after if all(item in before for before in befores))
    most = max(map(len, befores))
    numbers = [[items[item] for item in both] for items in (after, *befores)]
    faulty = sum(not 0 <= number <= 1 for row in numbers for number in row)
    if faulty or not both or len(both) < min_frac * most:
        why = (
            f"{faulty} numbers are outside 0 to 1"
            if faulty
            else f"{len(both)} of {most} items have a number; at least {min_frac:.0%} are needed"
        )
        says = f"{test.stream} cannot be compared: {why}"
        beside: dict[str, float | int] = {"n": len(both), "alpha": alpha}
        return Finding(
            test.name, test.stream, None, limit, False, says, test.group, test.action,
            "at_most", None, WHOSE[test.of], rows, beside,
        )  # fmt: skip
    import numpy as np

    found = paired(np.array(numbers[1:]), np.array(numbers[0]), test.margin)
    worst = max(range(len(references)), key=lambda place: found.losses_log10_e[place])
    before, index = found.before[worst], references[worst].index
    says = (
        f"{test.stream} went from {said(before)} at iteration {index} to {said(found.after)} "
        f"({found.after - before:+.4f} over {found.n} items); evidence of a loss 10^{found.loss_log10_e:.2f}, "
        f"10^{limit:.2f} is enough"
    )
    beside = {"n": found.n, "mean": found.after, "alpha": alpha, "worst": index}
    if test.of == "best":
        beside["gain_log10_e"] = found.gain_log10_e
    return Finding(
        test.name, test.stream, found.loss_log10_e, limit, found.loss_log10_e < limit, says, test.group, test.action,
        "at_most", before, WHOSE[test.of], rows, beside,
    )  # fmt: skip
