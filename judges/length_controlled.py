"""Win rates against a baseline, as they are and with the effect of length taken out (AlpacaEval 2; 2404.04475).

The length-controlled rate is what a logistic model predicts where both answers are equally long. Its terms are the
model itself and tanh of the standardised length difference, as in the paper (§3). The paper's third term, how hard each
instruction is, and its penalty need the judgments of other models, and are not here. So levels differ from what was
published; `docs/external.md` shows by how much.

numpy and scipy are imported where they are used: `selfsame status` has no time for them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from judges.statistics import Estimate, Mean, mean


class Comparison(NamedTuple):
    """One comparison: how surely (0..1) the answer is preferred to the baseline's, and how long each is."""

    preference: float
    length: int
    baseline_length: int


class LengthControlled(NamedTuple):
    """`rate` (0..1) is the win rate at equal lengths, `length` the coefficient of length in nats.

    A positive `length` says that the longer answer is preferred. The intervals are those of decided preferences, 0 or
    1; for preferences in between they are wider than need be (by a fifth on AlpacaEval's).
    """

    rate: Estimate
    length: Estimate


class WinRate(NamedTuple):
    """`raw` is the mean preference (0..1) with its standard error, `length_mean` the mean length of the answers.

    `controlled` is None where length cannot be told from the model: all length differences are the same.
    """

    raw: Mean
    length_mean: float | None
    controlled: LengthControlled | None


def win_rate(judged: Sequence[Comparison]) -> WinRate:
    """The win rates of one model over one baseline. Lengths may be in any unit, such as characters.

    The paper subtracts the other way round, so that its length coefficient is this one's negative. Raises ValueError
    for a preference that is not within 0..1.
    """
    if strange := [one.preference for one in judged if not 0 <= one.preference <= 1]:
        raise ValueError(f"a preference is from 0 to 1, and {len(strange)} are not, the first is {strange[0]}")
    raw = mean([one.preference for one in judged])
    return WinRate(raw, mean([one.length for one in judged]).value, _controlled(judged))


def _controlled(judged: Sequence[Comparison]) -> LengthControlled | None:
    import numpy as np
    from scipy.special import expit

    from judges.audit.firth import firth

    longer_by_N = np.array([one.length - one.baseline_length for one in judged], dtype=float)
    spread = longer_by_N.std(ddof=1) if len(judged) > 1 else 0.0
    if spread == 0:
        return None
    features_N_2 = np.stack([np.ones(len(judged)), np.tanh(longer_by_N / spread)], axis=1)
    fitted = firth(features_N_2, np.array([one.preference for one in judged]))
    if fitted is None:
        return None
    rate = Estimate(*(float(expit(logit)) for logit in fitted.interval(0)))
    return LengthControlled(rate, fitted.interval(1))
