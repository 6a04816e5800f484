"""May this judge train a policy at all? Asked once, of the seed's judge, before anything is trained.

Each question is put for all labelled pairs and for those of each prompt family, and the judge passes unless the pairs
leave no doubt that it fails: the end of the interval that speaks for it must be beyond the limit. A judge that leaves
a question without an answer fails it, but for accuracy in a family of which it decides no pair: that is no evidence
against it, and over all pairs it must have decided some. A limit of 0, or of 1 for the share without a verdict, asks
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from judges.statistics import Label
from loop.config_guards import Guards
from loop.guards.finding import Finding, Metrics
from loop.guards.limits import at_least, at_most

FAMILY = "family="


def admission(
    guards: Guards, measured: Mapping[str, Metrics], labels: Mapping[str, Sequence[Label]], compares: bool
) -> list[Finding]:
    """The findings over all labelled pairs ("") and over those of each family, by `labels`: tag -> theirs.

    `measured` has the numbers of each tag. Where nothing is labelled there is nothing to ask; of pairs that all are
    ties nothing can be asked of accuracy, and a judge that compares nothing has no position consistency.
    """
    return [
        finding
        for tag, of_tag in sorted(labels.items())
        if of_tag and (not tag or tag.startswith(FAMILY))
        for finding in _of_group(guards, measured.get(tag, {}), tag, any(label != "tie" for label in of_tag), compares)
    ]


def _of_group(guards: Guards, numbers: Metrics, tag: str, decided: bool, compares: bool) -> list[Finding]:
    accuracy, consistency, unscored = (
        guards.min_anchor_accuracy,
        guards.min_position_consistency,
        guards.max_unscored_frac,
    )
    found, right = [], "judge/anchor_accuracy_high"
    if decided and accuracy > 0 and (not tag or numbers.get(right) is not None):
        found.append(at_least("min_anchor_accuracy", numbers, right, accuracy))
    if compares and consistency > 0:
        metric = "judge/anchor_position_consistency_frac_high"
        found.append(at_least("min_position_consistency", numbers, metric, consistency))
    if unscored < 1:
        found.append(at_most("max_unscored_frac", numbers, "judge/anchor_unscored_frac_low", unscored))
    return [replace(one, metric=f"{one.metric} ({tag})", says=f"{tag}: {one.says}") for one in found] if tag else found
