"""May this judge train a policy at all? Asked once, of the seed's judge, before anything is trained.

Each question is put for all labelled pairs and for those of each prompt family, and the judge passes unless the pairs
leave no doubt that it fails: the end of the interval that speaks for it must be beyond the limit.
"""

from collections.abc import Mapping
from dataclasses import replace

from loop.config import Guards
from loop.guards import Finding, Metrics, at_least, at_most

FAMILY = "family="


def admission(guards: Guards, measured: Mapping[str, Metrics]) -> list[Finding]:
    """The findings over all labelled pairs ("") and for each family in `measured`: tag -> its numbers.

    Where nothing is labelled there is nothing to ask.
    """
    return [
        finding
        for tag, numbers in sorted(measured.items())
        if not tag or tag.startswith(FAMILY)
        for finding in _of_group(guards, numbers, tag)
    ]


def _of_group(guards: Guards, numbers: Metrics, tag: str) -> list[Finding]:
    asked = [
        (at_least, "min_anchor_accuracy", "judge/anchor_accuracy_high", guards.min_anchor_accuracy),
        (
            at_least,
            "min_position_consistency",
            "judge/anchor_position_consistency_frac_high",
            guards.min_position_consistency,
        ),
        (at_most, "max_unscored_frac", "judge/anchor_unscored_frac_low", guards.max_unscored_frac),
    ]
    found = [ask(guard, numbers, metric, limit) for ask, guard, metric, limit in asked if metric in numbers]
    return [replace(one, metric=f"{one.metric} ({tag})", says=f"{tag}: {one.says}") for one in found] if tag else found
