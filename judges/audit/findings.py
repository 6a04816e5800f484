"""The audit of a judge: every statistic, and those faults that can be named with few false alarms."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from judges.audit.agreement import family_accuracy, label_agreement
from judges.audit.attraction import attraction
from judges.audit.calibration import calibration, reliability_rows
from judges.audit.failures import failures
from judges.audit.groups import by_distance, by_family, by_margin
from judges.audit.perturbation import perturbations
from judges.audit.position import position
from judges.audit.principle import principle
from judges.audit.records import JudgedPair, JudgedTwice, Opposed, Repeated, Scores, Triad
from judges.audit.spread import saturation, ties
from judges.audit.stability import repetition, same_verdict, transitivity
from judges.audit.statistic import Statistic
from judges.audit.unseen import Unseen, cleared, unseen

FALSE_ALARMS = 0.0025
"""Chance that a sound judge is accused of anything, by the tests' own reckoning: half of the 0.005 that is promised."""


@dataclass(frozen=True)
class Judged:
    """All that was asked of one judge. What was not asked is empty, and says nothing."""

    pairs: Sequence[JudgedPair] = ()
    twice: Sequence[JudgedTwice] = ()
    opposed: Sequence[Opposed] = ()
    repeated_pairs: Sequence[Repeated] = ()
    repeated_scores: Sequence[Repeated] = ()
    triads: Sequence[Triad] = ()
    scores: Scores | None = None


@dataclass(frozen=True)
class Finding:
    """A named fault. `p_value` is adjusted for all faults that were looked for."""

    name: str
    statistic: Statistic
    p_value: float


@dataclass(frozen=True)
class Audit:
    """What was found out about a judge.

    `families` are the accuracies by family that were tested. Groups go from kind (family, distance, margin) to group to
    its statistics. `unseen` are the faults that would not have been found, and `cleared` those that probably would have
    been and are not. `reliability` are the bins of a reliability diagram, empty where no probabilities were stated.
    """

    statistics: tuple[Statistic, ...]
    findings: tuple[Finding, ...]
    families: tuple[Statistic, ...] = ()
    groups: dict[str, dict[str, tuple[Statistic, ...]]] = field(default_factory=dict)
    unseen: tuple[Unseen, ...] = ()
    cleared: tuple[str, ...] = ()
    reliability: Sequence[dict[str, float]] = ()

    def statistic(self, name: str) -> Statistic:
        """The statistic of this name. Raises KeyError where the audit has none."""
        return {one.name: one for one in self.statistics}[name]


def audit(judged: Judged, seed: int = 0) -> Audit:
    """Every statistic that the judgments allow, and the faults they show. `seed` is the bootstraps'."""
    statistics = (
        *position(judged.pairs),
        *attraction(judged.pairs),
        *label_agreement(judged.pairs, seed),
        *calibration(judged.pairs),
        *failures(judged.pairs),
        ties(judged.pairs),
        *(saturation(judged.scores) if judged.scores else ()),
        *perturbations(judged.twice),
        *principle(judged.opposed),
        same_verdict(judged.repeated_pairs),
        *repetition(judged.repeated_scores),
        *transitivity(judged.triads),
    )
    groups = {
        "family": by_family(judged.pairs),
        "distance": by_distance(judged.pairs),
        "margin": by_margin(judged.pairs),
    }
    families = family_accuracy(judged.pairs)
    tested = (*statistics, *families)
    found = findings(tested)
    names = [one.statistic.name for one in found]
    labelled = any(pair.label is not None for pair in judged.pairs)
    ordered = not judged.pairs or any(pair.ab is not None for pair in judged.pairs)
    missed = unseen(tested, names, FALSE_ALARMS, labelled, ordered)
    return Audit(statistics, found, families, groups, missed, cleared(names, missed), reliability_rows(judged.pairs))


def findings(statistics: Sequence[Statistic]) -> tuple[Finding, ...]:
    """The faults for which there is evidence, by Holm's procedure (1979) with weights: likeliest first.

    The chance that any of them is a false alarm is at most `FALSE_ALARMS`, however many were looked for and however
    they hang together: each is held to its weight's part of what those not yet found have. What has no value is no
    finding.
    """
    tested = sorted(
        ((one, one.evidence) for one in statistics if one.evidence is not None and one.estimate.value is not None),
        key=lambda both: both[1].p_value / both[1].weight,
    )
    found: list[Finding] = []
    adjusted = 0.0
    for place, (statistic, evidence) in enumerate(tested):
        left = sum(other.weight for _, other in tested[place:])
        adjusted = max(adjusted, evidence.p_value * left / evidence.weight)
        if adjusted > FALSE_ALARMS:
            break
        found.append(Finding(evidence.finding, statistic, adjusted))
    return tuple(found)
