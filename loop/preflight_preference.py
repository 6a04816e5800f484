"""What is refused at the door about preference models: nothing to learn one from, or none there to be asked."""

from loop.anchors import anchors_digest
from loop.config import Config
from loop.label_file import labels_path, read_labels
from runs.canonical import digest_file
from runs.errors import ConfigError
from runs.lineage import newest_preference, resolve
from runs.pruned import NAMED_JUDGES
from runs.records import Iteration
from runs.store import Store

BEFORE_PREFERENCE = frozenset({"red_team", "judge"})
"""The steps that ask the judge before the iteration trains its preference models."""


def check_preference(config: Config) -> None:
    """Returns if preference models, where any are wanted, can be trained as the settings say. Raises ConfigError."""
    settings = config.preference
    if not settings.is_on:
        return
    if settings.batch_size % settings.micro_batch_size:
        raise ConfigError(
            f"preference.batch_size={settings.batch_size} is no multiple of preference.micro_batch_size="
            f"{settings.micro_batch_size}; change one of the two"
        )
    if not settings.wants_labels:
        return
    if settings.labels is None:
        raise ConfigError(
            f"preference.source={settings.source} wants a file of pairs that people compared; set "
            "preference.labels=FILE, or preference.source=pairs"
        )
    path = labels_path(settings.labels)
    read_labels(path)
    if digest_file(path) == anchors_digest(config.measure.anchors):
        raise ConfigError(
            f"preference.labels={settings.labels} is the file that the judge is held against (measure.anchors); a "
            "pair is for one or for the other, so split the file"
        )


def check_preference_models(config: Config, store: Store, after: Iteration | None = None) -> None:
    """Returns if wherever a preference model judges or rewards there is one by then, in a run that goes on `after`.

    None is a new run. Raises ConfigError with the first iteration that would find none, and UsageError for an address
    that does not exist.
    """
    there = after is not None and newest_preference(store, after.digest) is not None
    begin = 0 if after is None else after.index + 1
    # Between two of these the settings, and with them the steps, stay the same.
    for index in sorted({begin, max(begin, 1), *(one.since for one in config.phases if one.since > begin)}):
        settings, unasked = config.at(index), config.unasked(index)
        trains = "preference" not in unasked
        judge = settings.judge
        if judge.method == "preference" and judge.adapter not in NAMED_JUDGES:
            if newest_preference(store, resolve(store, judge.adapter).iteration.digest) is None:
                raise ConfigError(
                    f"judge.method=preference: {judge.adapter} has no preference model, and none before it; name an "
                    "iteration that has one as judge.adapter, or train one in this run (judge.adapter=self, "
                    "preference.source=labels)"
                )
        elif judge.method == "preference":
            early = index > 0 and not unasked >= BEFORE_PREFERENCE
            if not there and (early or not trains):
                raise ConfigError(
                    f"judge.method=preference: this run has no preference model when iteration {index} judges by one; "
                    "learn it from labels (preference.source=labels, preference.labels=FILE), judge otherwise in the "
                    "iterations before it (`phases`), or name an iteration that has one as judge.adapter"
                )
        there = there or trains
        if index > 0 and settings.train.rewards_by_model and not there:
            raise ConfigError(
                f"train.reward={settings.train.reward}: this run has no preference model when iteration {index} trains "
                "by one; learn it from labels (preference.source=labels, preference.labels=FILE) or from the judge's "
                "pairs (preference.source=pairs), or set train.reward=judge"
            )
