"""The weights of a rule-based reward, fitted on ranked answers by a hinge loss (Mu et al., 2411.01111, §4.2).

An answer's total is its base reward, if there is one, plus the weighted sum of its features: the probabilities of
propositions and of classes (`constitutions.response_types`). Shape letters: P pairs, F features. numpy and scipy are
imported where they are used: `selfsame status` has no time for them.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from judges.statistics import Estimate, share_of_pairs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROUNDING = 0.05
"""The hinge's corner is rounded over this share of the margin, so that the loss has a slope everywhere."""
RIDGE = 0.1
"""Of six from 1e-4 to 1 the best or next to it in 11 of 12 cross-validations on RBR's training data with errors
in the features (2026-11); without errors less would do."""


@dataclass(frozen=True)
class RankedAnswer:
    """An answer's place among those it is ranked with (higher is better), its features, and its base reward.

    `prompt` tells which answers are one draw: an interval resamples prompts, not answers.
    """

    prompt: str
    rank: float
    features: Mapping[str, float]
    base: float = 0.0


@dataclass(frozen=True)
class RankedPair:
    better: RankedAnswer
    worse: RankedAnswer


class Ordering(NamedTuple):
    """How a total orders ranked pairs. A pair whose totals are equal is half right; shares are from 0 to 1.

    `right` and `base_right` (by the base reward alone) are of all `n`. `flipped` is of the pairs that the base reward
    puts in an order, whichever: the share that the total puts in the other one. Many flips are what the fit was for
    where `right` rises, and a warning on prompts that it was not fitted on (§4.3). Intervals are of 95 %.
    """

    n: int
    right: Estimate
    tied_frac: float | None
    base_right: Estimate
    flipped: Estimate


def ranked_pairs(groups: Iterable[Sequence[RankedAnswer]]) -> list[RankedPair]:
    """Every two answers of a group (one prompt's, or one response type's) that differ in rank, in their order."""
    return [
        RankedPair(a, b) if a.rank > b.rank else RankedPair(b, a)
        for group in groups
        for a, b in itertools.combinations(group, 2)
        if a.rank != b.rank
    ]


def fit(
    pairs: Sequence[RankedPair], names: Sequence[str], margin: float = 1.0, ridge: float = RIDGE
) -> dict[str, float]:
    """The weights of the features called `names` that minimise mean(relu(margin + worse - better)) + ridge |w|^2 / 2.

    The totals of `better` and `worse` hold their base rewards, so `margin` is in the base reward's units. The ridge
    makes the minimum the only one, and so the result a function of the data alone: no start, no seed, no number of
    steps. It is found by L-BFGS to a slope of 1e-6. Raises ValueError for no pairs, no features, a margin or a
    ridge that is not positive, and KeyError for an answer without one of the features.
    """
    import numpy as np
    from scipy.optimize import minimize

    if not pairs or not names or margin <= 0 or ridge <= 0:
        raise ValueError(f"{len(pairs)} pairs, {len(names)} features, margin={margin}, ridge={ridge}: nothing to fit")
    gains_P_F = _gains(pairs, names)
    base_P = np.array([pair.better.base - pair.worse.base for pair in pairs])
    width = ROUNDING * margin

    def loss(weights_F: "Floats") -> tuple[float, "Floats"]:
        short_P = np.maximum(margin - base_P - gains_P_F @ weights_F, 0)
        steep_P = np.minimum(short_P / width, 1)
        rounded_P = steep_P * (short_P - steep_P * width / 2)
        slope_F = ridge * weights_F - gains_P_F.T @ steep_P / len(pairs)
        return float(rounded_P.mean() + ridge * weights_F @ weights_F / 2), slope_F

    options = {"gtol": 1e-6, "ftol": 0.0, "maxiter": 10_000, "maxfun": 100_000}
    found = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B", options=options)
    return dict(zip(names, map(float, found.x), strict=True))


def ordering(pairs: Sequence[RankedPair], weights: Mapping[str, float], seed: int) -> Ordering:
    """How base reward plus `weights` order the pairs. Raises KeyError for an answer without one of the features."""
    import numpy as np

    base_P, total_P, prompts = _totals(pairs, {}), _totals(pairs, weights), _prompts(pairs)
    ordered_P = base_P != 0
    return Ordering(
        n=len(pairs),
        right=share_of_pairs(_right(total_P), prompts, seed),
        tied_frac=float((total_P == 0).mean()) if pairs else None,
        base_right=share_of_pairs(_right(base_P), prompts, seed),
        flipped=share_of_pairs(
            (np.sign(total_P) == -np.sign(base_P))[ordered_P].astype(float),
            [prompt for prompt, ordered in zip(prompts, ordered_P, strict=True) if ordered],
            seed,
        ),
    )


def improvement(
    pairs: Sequence[RankedPair], weights: Mapping[str, float], over: Mapping[str, float], seed: int
) -> Estimate:
    """By how much the share of pairs in the right order is larger with `weights` than with those it is held against."""
    gained_P = _right(_totals(pairs, weights)) - _right(_totals(pairs, over))
    return share_of_pairs(gained_P, _prompts(pairs), seed)


def best_single(pairs: Sequence[RankedPair], names: Sequence[str]) -> dict[str, float]:
    """The one feature, weighted 1 or -1, that by itself orders the most pairs rightly: what a fit has to beat.

    Of equally good ones the first of `names`. Raises ValueError for no pairs or no features.
    """
    import numpy as np

    if not pairs or not names:
        raise ValueError(f"{len(pairs)} pairs and {len(names)} features: no feature orders anything")
    right_F = (np.sign(_gains(pairs, names)).mean(axis=0) + 1) / 2
    best = int(np.argmax(np.abs(right_F - 0.5)))
    return {names[best]: 1.0 if right_F[best] >= 0.5 else -1.0}


def _totals(pairs: Sequence[RankedPair], weights: Mapping[str, float]) -> "Floats":
    """How much more the better answer's total is (P,), base reward and all."""
    import numpy as np

    base_P = np.array([pair.better.base - pair.worse.base for pair in pairs])
    # Sums that only rounding tells apart are equal: 0.1 + 0.2 is 0.3 here.
    return np.round(base_P + _gains(pairs, list(weights)) @ np.array(list(weights.values())), 12)


def _prompts(pairs: Sequence[RankedPair]) -> list[tuple[str, str]]:
    return [(pair.better.prompt, pair.worse.prompt) for pair in pairs]


def _gains(pairs: Sequence[RankedPair], names: Sequence[str]) -> "Floats":
    """What the better answer has more than the worse one of each feature (P, F)."""
    import numpy as np

    gains = [[pair.better.features[name] - pair.worse.features[name] for name in names] for pair in pairs]
    return np.array(gains).reshape(len(pairs), len(names))


def _right(differences_P: "Floats") -> "Floats":
    """1 for a pair in the right order, 0.5 for one in none, 0 for one in the wrong order."""
    import numpy as np

    return (np.sign(differences_P) + 1) / 2
