"""What taking a principle out did: paired differences to the branch with all of them, and what could have been seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from judges.several_tests import holm
from judges.statistics import LEVEL
from loop.ablation import Arm, Mode
from loop.by_prompt import GOLD, LENGTH, STREAMS, ByPrompt, shared

PREFERRED = "preferred"
"""How much more often than not the branch's answer is preferred to that of the branch with all principles."""
SCORED = "scored"
"""The score of the answer as a whole, by the same judge: its question is none about principles."""
TOLD = (
    LENGTH,
    *(metric for metric in STREAMS.values() if not metric.startswith("judge/")),
    PREFERRED,
    SCORED,
)
"""What effects are told of. A judge's own score is none of them: another constitution makes it another score."""
POWER = 0.8


@dataclass(frozen=True)
class Effect:
    """A branch less the one with all principles, on one metric, with the ends of Student's interval of 95 %.

    `n` counts prompts, or seeds where there are several: then each gives one number. `p` is two-sided, `adjusted` by
    Holm over all branches; gold, which is for the eye, has none. `seeable` is the size of an effect that would have
    been found in 4 of 5 such trials. Where the difference is the same on every prompt, both ends are that difference
    and `seeable` is None: nothing says how far it would scatter.
    """

    metric: str
    mode: Mode
    principle: str
    value: float
    low: float
    high: float
    n: int
    seeable: float | None
    p: float
    adjusted: float | None = None

    @property
    def found(self) -> bool:
        """Whether it is there, as sure as all the branches together allow."""
        return self.adjusted is not None and self.adjusted <= 1 - LEVEL

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "found": self.found}


def effects(measured: Mapping[str, ByPrompt], arms: Sequence[Arm]) -> list[Effect]:
    """The effect of every branch on every metric, by the numbers of each branch's name on single prompts.

    A branch that has none is left out, with what has none on both sides.
    """
    whole = {arm.seed: measured[arm.name] for arm in arms if arm.mode == "whole" and arm.name in measured}
    kinds = list(dict.fromkeys((arm.mode, arm.principle) for arm in arms if arm.mode != "whole"))
    found = []
    for metric in (*TOLD, *GOLD):
        of_metric = []
        for kind in kinds:
            differences = [
                _differences(metric, whole[arm.seed], measured[arm.name])
                for arm in arms
                if (arm.mode, arm.principle) == kind and arm.name in measured and arm.seed in whole
            ]
            if numbers := _numbers(differences, len({arm.seed for arm in arms})):
                of_metric.append(_effect(metric, *kind, numbers, len(kinds)))
        adjusted = holm([one.p for one in of_metric]) if metric not in GOLD else [None] * len(of_metric)
        found += [Effect(**{**vars(one), "adjusted": p}) for one, p in zip(of_metric, adjusted, strict=True)]
    return found


def _differences(metric: str, whole: ByPrompt, other: ByPrompt) -> list[float]:
    if metric == PREFERRED:
        return [chance - 0.5 for chance in other.get(PREFERRED, {}).values()]
    before, after = shared(whole.get(metric, {}), other.get(metric, {}))
    return [b - a for a, b in zip(before, after, strict=True)]


def _numbers(by_seed: Sequence[Sequence[float]], seeds: int) -> list[float]:
    """The differences on single prompts; where several `seeds` were to be run the mean of each that came to its end,
    since trainings differ too: one of several is none."""
    known = [one for one in by_seed if len(one) > 1]
    if seeds == 1:
        return list(known[0]) if known else []
    means = [math.fsum(one) / len(one) for one in known]
    return means if len(means) > 1 else []


def _effect(metric: str, mode: Mode, principle: str, numbers: Sequence[float], branches: int) -> Effect:
    from scipy import stats

    n, value = len(numbers), math.fsum(numbers) / len(numbers)
    spread = math.sqrt(math.fsum((one - value) ** 2 for one in numbers) / (n - 1))
    if not spread:
        # The same on every prompt: each falls to one side by a coin's throw, if it is chance.
        return Effect(metric, mode, principle, value, value, value, n, None, min(1.0, 2 * 0.5**n) if value else 1.0)
    error = spread / math.sqrt(n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * error
    strict = float(stats.t.ppf(1 - (1 - LEVEL) / 2 / branches, n - 1))
    seeable = (strict + float(stats.t.ppf(POWER, n - 1))) * error
    p = float(2 * stats.t.sf(abs(value) / error, n - 1))
    return Effect(metric, mode, principle, value, value - half, value + half, n, seeable, p)
