"""How a judge's stated chances would have to be cooled to match people's labels, and what that would gain."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from judges.audit.calibration import SUREST, calibration
from judges.audit.records import JudgedPair
from judges.audit.statistic import UNKNOWN, bounded_mean
from judges.statistics import Estimate

FOLDS = 10


class Fitted(NamedTuple):
    """The temperature by which log-odds are divided, and the mean squared error of the chances without and with it.

    `n` are the pairs that people decided and the judge stated a chance for; all is None where they are too few, or the
    judge states nothing but 0, a half and 1. `brier_after` is of pairs that the temperature was not fitted on.
    """

    n: int
    temperature: Estimate
    brier_before: Estimate
    brier_after: Estimate


def fitted(pairs: Sequence[JudgedPair]) -> Fitted:
    """The temperature of all pairs with its interval; the error after it is cross-validated in ten folds."""
    decided = [pair for pair in pairs if pair.label in ("a", "b") and pair.chance is not None]
    temperature, before = _temperature(decided), _named(decided, "brier")
    cooled = [pair for fold in range(FOLDS) for pair in _held_out(decided, fold)]
    complete = temperature.value is not None and len(cooled) == len(decided)
    return Fitted(len(decided), temperature, before, _brier(cooled) if complete else UNKNOWN)


def _held_out(decided: Sequence[JudgedPair], fold: int) -> list[JudgedPair]:
    """The fold's pairs with their chances cooled by what fits the other folds; none where nothing does."""
    temperature = _temperature([pair for n, pair in enumerate(decided) if n % FOLDS != fold]).value
    if temperature is None:
        return []
    return [replace(pair, ab=_cooled(pair.chance or 0.0, temperature), ba=None) for pair in decided[fold::FOLDS]]


def _cooled(chance: float, temperature: float) -> float:
    return float(expit(logit(np.clip(chance, 1 - SUREST, SUREST)) / temperature))


def _temperature(pairs: Sequence[JudgedPair]) -> Estimate:
    return _named(pairs, "temperature")


def _brier(pairs: Sequence[JudgedPair]) -> Estimate:
    return bounded_mean([((pair.chance or 0.0) - (pair.label == "a")) ** 2 for pair in pairs], 0, 1)


def _named(pairs: Sequence[JudgedPair], name: str) -> Estimate:
    return {one.name: one.estimate for one in calibration(pairs)}[f"calibration/{name}"]
