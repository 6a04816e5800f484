"""An anytime-valid test of a mean by betting against it: no normality, no number of items fixed beforehand.

Whoever claims that numbers from 0 to 1 have a mean of at least m lets us stake a part of our capital on each one being
below m: capital is multiplied by 1 + l (m - x), with l from 0 to 1 / (1 - m). If the claim is true the bets are fair
at best, so the capital is a supermartingale that begins at 1, and the chance that it ever reaches 1 / alpha is at most
alpha (Ville 1939). No stake is best against all departures, so the capital is spread over several and the sum counts
(Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024, section 4; Cover's
universal portfolios). What is needed is that each number's mean, given those before it, is at least m: items are in an
order that knows nothing of their values.

Shape letters: N items, K stakes; any dimensions before N are tests of their own.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STAKES = (0.03, 0.06, 0.1, 0.16, 0.25, 0.38, 0.55, 0.8)
"""Parts of the largest stake, the smallest for small or noisy departures; each gets an equal part of the capital."""

Null = Literal["at least", "at most"]


class Paired(NamedTuple):
    """`n` items measured twice, means before and after, and the evidence (log10 of e-values) of a loss and a gain.

    Each is the largest capital that the bets ever reached: 2 is evidence that chance alone gives at most 1 time in 100.
    """

    n: int
    before: float
    after: float
    loss_log10_e: float
    gain_log10_e: float


def paired(before: "Floats", after: "Floats", margin: float = 0.0) -> Paired:
    """Is `after` worse than `before`, or better? Both hold one number from 0 to 1 for each of the same items.

    Against "not worse by more than `margin`" and against "not better". Raises ValueError for numbers outside 0 to 1,
    for none, or for two lengths.
    """
    import numpy as np

    if before.shape != after.shape or before.ndim != 1 or not before.size:
        raise ValueError(f"paired numbers of shapes {before.shape} and {after.shape}")
    halved_N = (1 + after - before) / 2
    largest = [float(log_capital(halved_N, bound, null).max()) for bound, null in nulls(margin)]
    loss, gain = (one / float(np.log(10)) for one in largest)
    return Paired(len(before), float(before.mean()), float(after.mean()), loss, gain)


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
