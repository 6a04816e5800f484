"""An anytime-valid test of a mean by betting against it: no normality, no number of items fixed beforehand.

Whoever claims that numbers from 0 to 1 have a mean of at least m lets us stake a part of our capital on each one being
below m: capital is multiplied by 1 + l (m - x), with l from 0 to 1 / (1 - m). If the claim is true the bets are fair
at best, so the capital is a supermartingale that begins at 1, and the chance that it ever reaches 1 / alpha is at most
alpha (Ville 1939). No stake is best against all departures, so the capital is spread over several and the sum counts
(Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024, section 4; Cover's
universal portfolios). What is needed is that each number's mean, given those before it, is at least m: items are in an
order that knows nothing of their values. That holds of a reference that was chosen without these items. The best so far
and the last ones promoted were chosen by the same items, so that of these the promise is not proven, but simulated:
`benchmarks/sequential.py` holds the guards over healthy series, whose best and last ones move.

Shape letters: N items, K stakes, R references, G groups of items; any dimensions before N are tests of their own.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STAKES = (0.03, 0.06, 0.1, 0.16, 0.25, 0.38, 0.55, 0.8)
"""Parts of the largest stake, the smallest for small or noisy departures; each gets an equal part of the capital."""

LN_10 = math.log(10)
Null = Literal["at least", "at most"]


class Paired(NamedTuple):
    """`n` items measured now and under each of R references, with the evidence (log10 of e-values) that it is worse.

    `before` are the references' means and `after` is the mean now; `losses_log10_e` hold against each reference alone,
    `loss_log10_e` against all together, and `gain_log10_e` says that it is better than the first. Each is the largest
    capital that the bets ever reached: 2 is evidence that chance alone gives at most 1 time in 100. `left_log10_e` is
    what is left of that of `loss_log10_e` after the last item. `worst` is the place of the reference, and that of the
    group of items, of the largest loss.
    """

    n: int
    before: tuple[float, ...]
    after: float
    losses_log10_e: tuple[float, ...]
    loss_log10_e: float
    gain_log10_e: float
    left_log10_e: float
    worst: tuple[int, int]


def paired(
    before_R_N: "Floats", after_N: "Floats", margin: float = 0.0, groups_G_N: "NDArray[np.bool_] | None" = None
) -> Paired:
    """Is `after` worse than one of several before it, or better than the first? Numbers from 0 to 1 of the same items.

    With `groups_G_N` a loss is asked of each group of items by itself, and the capital is spread over the groups too:
    what is lost in one is not made up for by another. The gain is always that over all items.

    Against "not worse than any by more than `margin`": the capital is spread over the references too, whose mean is a
    supermartingale whatever they have to do with each other (Vovk and Wang, Annals of Statistics 2021). Nobody has to
    pick the best of them, whose mean is too high because it was picked. Raises ValueError for numbers outside 0 to 1,
    for none, or for other shapes.
    """
    import numpy as np

    if before_R_N.ndim != 2 or before_R_N.shape[1:] != after_N.shape or not before_R_N.size:
        raise ValueError(f"paired numbers of shapes {before_R_N.shape} and {after_N.shape}")
    (lost, losing), (gained, gaining) = nulls(margin)
    halved_R_N = (1 + after_N - before_R_N) / 2
    groups = np.ones((1, len(after_N)), dtype=bool) if groups_G_N is None else groups_G_N
    # A number at the bound neither wins nor loses: the capital of a group stands still at the items of the others.
    bets_R_G_N = log_capital(np.where(groups, halved_R_N[:, None, :], lost), lost, losing)
    worst = np.unravel_index(bets_R_G_N.max(axis=-1).argmax(), bets_R_G_N.shape[:2])
    losses_R_N = np.logaddexp.reduce(bets_R_G_N, axis=1) - np.log(len(groups))
    together_N = np.logaddexp.reduce(losses_R_N, axis=0) - np.log(len(losses_R_N))
    gain_N = log_capital(halved_R_N[0], gained, gaining)
    return Paired(
        len(after_N),
        tuple(map(float, before_R_N.mean(axis=1))),
        float(after_N.mean()),
        tuple(float(one) / LN_10 for one in losses_R_N.max(axis=1)),
        float(together_N.max()) / LN_10,
        float(gain_N.max()) / LN_10,
        float(together_N[-1]) / LN_10,
        (int(worst[0]), int(worst[1])),
    )


def carried_on(left_log10_e: Sequence[Sequence[float]]) -> float:
    """log10 of the capital of whoever takes half of it from one set of items to the next; it bets on each of them.

    Each set holds what tests of the same items left, of which the mean counts, whatever they have to do with each
    other; sets have no item in common. Against "nothing fell" it is a fair game like each of its parts, and finds small
    losses that many see. The other half is kept, so that a set in which much was gained costs a factor of two.
    """
    import numpy as np

    capitals = [np.logaddexp.reduce(LN_10 * np.array(tests)) - np.log(len(tests)) for tests in left_log10_e]
    return float(sum(np.logaddexp(0.0, capital) - np.log(2) for capital in capitals)) / LN_10


def nulls(margin: float) -> tuple[tuple[float, Null], tuple[float, Null]]:
    """What the mean of (1 + difference) / 2 is where nothing was lost beyond `margin`, and where nothing was gained."""
    return (0.5 - margin / 2, "at least"), (0.5, "at most")


def log_capital(values_N: "Floats", bound: float, null: Null) -> "Floats":
    """The natural logarithm of the capital after each value, against "the mean is at least (at most) `bound`".

    Raises ValueError for values outside 0 to 1, and unless the bound is inside.
    """
    import numpy as np

    if not 0 < bound < 1:
        raise ValueError(f"a bound of {bound} is no mean of numbers between 0 and 1 that could be bet against")
    if not np.all((values_N >= 0) & (values_N <= 1)):  # NaN is neither
        raise ValueError("bets are on numbers from 0 to 1")
    gains_N = bound - values_N if null == "at least" else values_N - bound
    largest = 1 / (1 - bound) if null == "at least" else 1 / bound
    stakes_K = largest * np.array(STAKES)
    logs_K_N = np.cumsum(np.log1p(stakes_K[:, None] * gains_N[..., None, :]), axis=-1)
    return np.asarray(np.logaddexp.reduce(logs_K_N, axis=-2) - np.log(len(STAKES)))
