"""How well a judge's scores agree with labels, and how sure a mean is.

Every number comes with its n; intervals are of 95 %. A number that cannot be had (no data, no variance) is None.
Shape letters: N items, R resamples. numpy is imported where it is used: `selfsame status` has no time for it.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Label = Literal["a", "b", "tie"]
LEVEL = 0.95
LEAST_FOR_INTERVAL = 10
"""Of 300 simulated trials, bootstraps of 8 or more pairs that were not all alike held the truth in 95 %; of 5, 90."""
AT_ONCE = 1_000_000
"""Weights that a statistic is given at once."""
SIGN: dict[Label, float] = {"a": 1.0, "b": -1.0, "tie": 0.0}


class Mean(NamedTuple):
    """A mean over `n` values and its standard error (None for one value)."""

    n: int
    value: float | None
    standard_error: float | None


class Estimate(NamedTuple):
    """A value with its interval."""

    value: float | None
    low: float | None
    high: float | None


class LabelledPair(NamedTuple):
    """Two answers to one prompt: which is better by its label, and what the judge scored each (None: unscored)."""

    label: Label
    score_a: float | None
    score_b: float | None


class Agreement(NamedTuple):
    """How a judge's scores agree with labels. Shares are from 0 to 1.

    `n` counts all pairs and `unscored_frac` is of them; both tie shares are of the pairs with two scores. `accuracy`
    is over the `decided_n` pairs in which neither label nor judge ties, with Wilson's interval: read it beside
    `judge_tie_frac`, because a judge can look right by ducking. Cohen's `kappa` counts a tie as a verdict of its own.
    Kendall's tau-b and Spearman's correlation are between score difference and label (1, 0, -1); the intervals of
    these three are percentile bootstraps over pairs (Efron 1979). They have none (ends None) for fewer pairs than
    `LEAST_FOR_INTERVAL`, or where all draws say the same: that nobody disagreed yet is no proof that nobody will.
    """

    n: int
    unscored_frac: float | None
    label_tie_frac: float | None
    judge_tie_frac: float | None
    decided_n: int
    accuracy: Estimate
    kappa: Estimate
    kendall_tau_b: Estimate
    spearman: Estimate


def mean(values: Sequence[float]) -> Mean:
    """The mean of `values` and s / sqrt(n). Raises ValueError for one that is not finite."""
    _refuse_not_finite(values)
    n = len(values)
    if n == 0:
        return Mean(0, None, None)
    value = math.fsum(values) / n
    if n == 1:
        return Mean(1, value, None)
    variance = math.fsum((v - value) ** 2 for v in values) / (n - 1)
    return Mean(n, value, math.sqrt(variance / n))


def mean_difference(before: Sequence[float], after: Sequence[float], seed: int, resamples: int = 2000) -> Estimate:
    """The mean of `after[i] - before[i]`, with the percentile bootstrap's interval over i (Efron 1979).

    At n = 100 the interval covers the truth in 94.4 % (3,000 simulated trials; Student's t in 94.8 %).
    Raises ValueError where the two are not of one length or a value is not finite.
    """
    import numpy as np

    _refuse_not_finite([*before, *after])
    differences_N = np.array([y - x for x, y in zip(before, after, strict=True)])
    n = len(differences_N)
    return _bootstrapped(lambda weights_R_N: weights_R_N @ differences_N / n, n, seed, resamples)


def share_of_pairs(counts_P: "Floats", drawn: Sequence[tuple[str, str]], seed: int, resamples: int = 2000) -> Estimate:
    """The mean of `counts_P` over pairs, with the percentile bootstrap's interval over what was drawn.

    `drawn` names the two draws that each pair is made of, or one draw twice. Pairs that share a draw are no
    evidence of their own: a pair counts as often as both its draws come up. Raises ValueError where the two are not of
    one length.
    """
    import numpy as np
    from scipy.sparse import coo_array

    if len(counts_P) != len(drawn):
        raise ValueError(f"{len(counts_P)} counts for {len(drawn)} pairs")
    names = {name: place for place, name in enumerate(dict.fromkeys(name for pair in drawn for name in pair))}
    pairs_P_2 = np.array([(names[a], names[b]) for a, b in drawn], dtype=int).reshape(-1, 2)
    of_one_P = pairs_P_2[:, 0] == pairs_P_2[:, 1]

    def total(values_P: "Floats") -> Callable[["Floats"], "Floats"]:
        within_N = np.bincount(pairs_P_2[of_one_P, 0], values_P[of_one_P], minlength=len(names))
        if of_one_P.all():
            return lambda weights_R_N: weights_R_N @ within_N
        across_N_N = coo_array((values_P[~of_one_P], pairs_P_2[~of_one_P].T), shape=(len(names),) * 2).tocsr()
        return lambda weights_R_N: weights_R_N @ within_N + ((weights_R_N @ across_N_N) * weights_R_N).sum(axis=1)

    hits, all_pairs = total(counts_P), total(np.ones(len(drawn)))
    return _bootstrapped(lambda weights: _ratio(hits(weights), all_pairs(weights)), len(names), seed, resamples)


def agreement(pairs: Sequence[LabelledPair], seed: int, resamples: int = 1000) -> Agreement:
    """How the judge's scores agree with the labels of `pairs`. Raises ValueError for a score that is not finite."""
    import numpy as np

    scored = [(p.label, p.score_a, p.score_b) for p in pairs if p.score_a is not None and p.score_b is not None]
    _refuse_not_finite([score for _, a, b in scored for score in (a, b)])
    labels_N = np.array([SIGN[label] for label, _, _ in scored])
    differences_N = np.array([a - b for _, a, b in scored])
    verdicts_N = np.sign(differences_N)
    decided_N = (labels_N != 0) & (verdicts_N != 0)
    n, scored_n, decided_n = len(pairs), len(scored), int(decided_N.sum())

    def estimate(statistic: Callable[["Floats", "Floats", "Floats"], "Floats"], judged_N: "Floats") -> Estimate:
        # Of too few there is no interval to draw for, and most groups of a measurement are of few.
        drawn = resamples if scored_n >= LEAST_FOR_INTERVAL else 0
        found = _bootstrapped(lambda weights: statistic(labels_N, judged_N, weights), scored_n, seed, drawn)
        return found if found.low != found.high else Estimate(found.value, None, None)

    return Agreement(
        n=n,
        unscored_frac=(n - scored_n) / n if n else None,
        label_tie_frac=float((labels_N == 0).mean()) if scored_n else None,
        judge_tie_frac=float((verdicts_N == 0).mean()) if scored_n else None,
        decided_n=decided_n,
        accuracy=proportion(int((labels_N == verdicts_N)[decided_N].sum()), decided_n),
        kappa=estimate(_kappa, verdicts_N),
        kendall_tau_b=estimate(_kendall_tau_b, differences_N),
        spearman=estimate(_spearman, differences_N),
    )


def _refuse_not_finite(values: Sequence[float]) -> None:
    if strange := [value for value in values if not math.isfinite(value)]:
        raise ValueError(f"{len(strange)} of {len(values)} values are not finite, the first is {strange[0]}")


def proportion(hits: int, n: int) -> Estimate:
    """hits / n with Wilson's interval (1927), which stays within 0..1 and holds at the ends."""
    if n == 0:
        return Estimate(None, None, None)
    z, share = NormalDist().inv_cdf((1 + LEVEL) / 2), hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the interval's end is the share itself, which rounding would miss.
    return Estimate(share, middle - half if hits else 0.0, middle + half if hits < n else 1.0)


def _kappa(x_N: "Floats", y_N: "Floats", weights_R_N: "Floats") -> "Floats":
    """Cohen's kappa (1960): agreement beyond what the shares of 1, 0 and -1 give by chance."""
    import numpy as np

    signs_3 = np.array(list(SIGN.values()))
    share_x_R_3, share_y_R_3 = (weights_R_N @ (v_N[:, None] == signs_3) / len(x_N) for v_N in (x_N, y_N))
    by_chance_R = (share_x_R_3 * share_y_R_3).sum(axis=1)
    agreed_R = weights_R_N @ (x_N == y_N) / len(x_N)
    return _ratio(agreed_R - by_chance_R, 1 - by_chance_R)


def _kendall_tau_b(x_N: "Floats", y_N: "Floats", weights_R_N: "Floats") -> "Floats":
    """Kendall's tau-b (1945): concordant less discordant pairs of items, over those that each side does not tie."""
    import numpy as np

    # One value of x after the other, of which labels have three, so that no table of all pairs is needed.
    concordant_R, lower_R_N = np.zeros(len(weights_R_N)), np.zeros_like(weights_R_N)
    for value in np.unique(x_N):
        own_R_N = weights_R_N * (x_N == value)
        below_R_N, above_R_N = _below_and_above(y_N, lower_R_N)
        concordant_R += 2 * (own_R_N * (below_R_N - above_R_N)).sum(axis=1)
        lower_R_N += own_R_N
    untied_x_R, untied_y_R = (
        (weights_R_N * np.add(*_below_and_above(v_N, weights_R_N))).sum(axis=1) for v_N in (x_N, y_N)
    )
    return _ratio(concordant_R, np.sqrt(untied_x_R * untied_y_R))


def _spearman(x_N: "Floats", y_N: "Floats", weights_R_N: "Floats") -> "Floats":
    """Spearman's correlation (1904), of ranks in which ties share the middle."""
    import numpy as np

    # Items below less items above: twice the rank less its mean, for any weights.
    x_R_N, y_R_N = (np.subtract(*_below_and_above(v_N, weights_R_N)) for v_N in (x_N, y_N))
    covariance_R, variance_x_R, variance_y_R = (
        (weights_R_N * product_R_N).sum(axis=1) for product_R_N in (x_R_N * y_R_N, x_R_N**2, y_R_N**2)
    )
    return _ratio(covariance_R, np.sqrt(variance_x_R * variance_y_R))


def _below_and_above(v_N: "Floats", weights_R_N: "Floats") -> tuple["Floats", "Floats"]:
    """For each item (R, N) the weight of the items of lower value, and of higher value."""
    import numpy as np

    order_N = np.argsort(v_N)
    summed_R_N1 = np.zeros((len(weights_R_N), len(v_N) + 1))
    np.cumsum(weights_R_N[:, order_N], axis=1, out=summed_R_N1[:, 1:])
    first_N, after_N = (np.searchsorted(v_N[order_N], v_N, side) for side in ("left", "right"))
    return summed_R_N1[:, first_N], summed_R_N1[:, -1:] - summed_R_N1[:, after_N]


def _ratio(above_R: "Floats", below_R: "Floats") -> "Floats":
    """above / below, NaN where below is 0: there is nothing to agree on where one side never varies."""
    import numpy as np

    return np.divide(above_R, below_R, out=np.full_like(above_R, np.nan), where=below_R != 0)


def _bootstrapped(statistic: Callable[["Floats"], "Floats"], n: int, seed: int, resamples: int) -> Estimate:
    """`statistic` of n items and its percentile interval over `resamples` draws of n items with replacement.

    `statistic` maps weights (R, N), how often each draw holds each item, to its values (R,): many draws at once,
    12 times as fast as calling scipy for each. Draws in which it is NaN are left out. Without resamples there is no
    interval.
    """
    import numpy as np

    value = float(statistic(np.ones((1, n)))[0]) if n else math.nan
    if math.isnan(value):
        return Estimate(None, None, None)
    if not resamples:
        return Estimate(value, None, None)
    draws_R_N = _draws(n, seed, resamples)
    some = max(1, AT_ONCE // n)  # what a statistic holds beside the weights stays small
    drawn_R = np.concatenate([statistic(draws_R_N[row : row + some]) for row in range(0, resamples, some)])
    low, high = np.nanquantile(drawn_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high))


@lru_cache(maxsize=1)
def _draws(n: int, seed: int, resamples: int) -> "Floats":
    """Weights (R, N) of `resamples` draws of n items with replacement; kept, as several statistics share them."""
    import numpy as np

    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)
