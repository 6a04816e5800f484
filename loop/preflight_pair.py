"""What is refused at the door about pairs: a way to label that the judge cannot serve, a file that cannot be read."""

from collections.abc import Sequence
from pathlib import Path

from judges.preference import PreferenceModel
from judges.verifier import Verifier
from loop.anchors import anchors_digest
from loop.config import Config
from loop.demonstration_file import Demonstration, demonstrations_path, read_demonstrations
from loop.label_file import LabelledPair, labels_path, read_labels
from loop.strict_lines import free_to_learn
from runs.canonical import digest_file
from runs.errors import ConfigError


def check_pairing(config: Config) -> None:
    """Returns if pairs can be had as the settings say. Raises ConfigError with the first reason that they cannot."""
    pair, judge = config.pair, config.judge
    if pair.labels == "soft" and not judge.compares:
        raise ConfigError(
            f"pair.labels=soft wants probabilities, and judge.method={judge.method} gives scores; "
            "set pair.labels=hard, or judge.method=pairwise"
        )
    fixed = judge.method in (Verifier.method, PreferenceModel.method) or judge.adapter != "self" or judge.panel
    if pair.labels == "consistency" and pair.ranked_by == "judge" and fixed:
        raise ConfigError(
            "pair.labels=consistency asks how far the judge agrees with itself an iteration before, and this one stays "
            f"the same or is several (judge.method={judge.method}, judge.adapter={judge.adapter}, "
            f"judge.panel={','.join(judge.panel) or '[]'}); set judge.adapter=self, or pair.ranked_by=implicit"
        )
    if config.generate.seed_samples and pair.source != "judge":
        raise ConfigError(
            f"generate.seed_samples={config.generate.seed_samples} are for a judge to reject, and pair.source="
            f"{pair.source}; set generate.seed_samples=0, or pair.source=judge"
        )
    if pair.source != "judge":
        _check_file(config)


def _check_file(config: Config) -> None:
    pair = config.pair
    if pair.file is None:
        raise ConfigError(f"pair.source={pair.source} wants a file; set pair.file=FILE, or pair.source=judge")
    if config.preference.wants_pairs:
        raise ConfigError(
            f"preference.source={config.preference.source} learns from the judge's pairs, and pair.source="
            f"{pair.source}; set preference.source=labels, or pair.source=judge"
        )
    path = labels_path(pair.file) if pair.source == "labels" else demonstrations_path(pair.file)
    if pair.source == "labels":
        _check_kept_apart(config, path, read_labels(path))
    else:
        _check_alone(config)
        _check_kept_apart(config, path, read_demonstrations(path))


def _check_alone(config: Config) -> None:
    """Whether nothing else says what the policy is asked."""
    written = {name: getattr(config.prompts, name) for name in ("mix", "self_made_frac", "red_team_frac")}
    if others := [name for name, value in written.items() if value]:
        raise ConfigError(
            f"pair.source=demonstrations asks the prompts of pair.file={config.pair.file} alone; leave out "
            f"prompts.{', prompts.'.join(others)}"
        )


def _check_kept_apart(config: Config, path: Path, lines: Sequence[LabelledPair | Demonstration]) -> None:
    """Whether the file is not the one that the judge is held against, and not all of it is kept for measuring."""
    if digest_file(path) == anchors_digest(config.measure.anchors):
        raise ConfigError(
            f"pair.file={config.pair.file} is the file that the judge is held against (measure.anchors); a pair is for "
            "one or for the other, so split the file"
        )
    if not free_to_learn(lines, config.prompts.source):
        raise ConfigError(
            f"pair.file={config.pair.file}: all of its {len(lines)} prompts are held back for measuring by "
            f"prompts.source={config.prompts.source}; name a file about others"
        )
