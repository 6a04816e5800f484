"""What is refused at the door about the meta-judge: judgments that cannot meet, or that nobody would learn from."""

from constitutions.load import find_constitution
from loop.config import Config
from runs.errors import ConfigError


def check_meta(config: Config) -> None:
    """Returns if judgments can be judged and learnt from as the settings say. Raises ConfigError."""
    settings, judge = config.meta_judge, config.judge
    if not settings.max_frac:
        return
    whole = judge.commit_first or judge.agreement or judge.rule_weight or judge.safety_first
    if judge.method != "rubric" or judge.replies < 2 or judge.adapter not in ("self", "own") or whole:
        raise ConfigError(
            f"meta_judge.max_frac={settings.max_frac:g} compares several written judgments of the judge's own, and "
            f"judge.method={judge.method}, judge.adapter={judge.adapter}, judge.replies={judge.replies}; set "
            "judge.method=rubric, judge.adapter=self or own, judge.replies=2 or more, and neither judge.commit_first, "
            "judge.agreement, judge.rule_weight nor judge.safety_first"
        )
    if config.pair.source != "judge":
        raise ConfigError(
            f"meta_judge.max_frac={settings.max_frac:g} is a share of pairs beside those of the judge, and "
            f"pair.source={config.pair.source}; set pair.source=judge"
        )
    if config.train.method != "dpo":
        raise ConfigError(
            f"meta_judge.max_frac={settings.max_frac:g} gives pairs, and train.method={config.train.method} learns "
            "from none; set train.method=dpo, or meta_judge.max_frac=0"
        )
    find_constitution(config.constitution).question("meta")


def check_own_judge(config: Config) -> None:
    """Returns if a judge with an adapter of its own sits alone, and learns in some iteration. Raises ConfigError."""
    variants = [one for one in config.variants() if "own" in one.judge.sitting]
    if any(one.judge.panel for one in variants):
        raise ConfigError(
            "judge.adapter=own learns from its own judgments and sits alone, and there is a judge.panel; leave one out"
        )
    if variants and not any(one.meta_judge.max_frac for one in variants):
        raise ConfigError(
            "judge.adapter=own learns from pairs of its judgments, and meta_judge.max_frac=0 in all iterations gives "
            "none, so that the seed would judge; set meta_judge.max_frac=0.15, or judge.adapter=seed"
        )
