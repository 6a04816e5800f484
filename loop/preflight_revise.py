"""What is refused at the door about revising: a constitution that cannot criticise, a score that nobody can reach."""

from constitutions.load import DEFAULTS, Method, find_constitution
from loop.config import Config
from runs.errors import ConfigError


def check_revising(config: Config) -> None:
    """Returns if answers can be revised as the settings say. Raises ConfigError."""
    settings = config.revise
    if not settings.passes:
        return
    constitution = find_constitution(config.constitution)
    asked: tuple[Method, ...] = ("critique", "revision") if settings.critique else ("direct_revision",)
    for method in (*asked, "expected") if settings.accept_score is not None else asked:
        if method not in {*constitution.questions, *DEFAULTS}:
            raise ConfigError(
                f"revise.passes={settings.passes} asks {method}, and constitution={config.constitution} has no such "
                f"question, only {', '.join(constitution.questions)}; add it under `questions:`, or set revise.passes=0"
            )
    if not any("critique" in principle.use for principle in constitution.principles):
        raise ConfigError(
            f"revise.passes={settings.passes} draws a principle for each pass, and constitution={config.constitution} "
            "has none whose `use` has critique in it; add one, or set revise.passes=0"
        )
    scale = constitution.scale
    if settings.accept_score is not None and not scale.low <= settings.accept_score <= scale.high:
        raise ConfigError(
            f"revise.accept_score={settings.accept_score:g} is not on the scale of constitution={config.constitution}, "
            f"{scale.low} to {scale.high}; name a score within it"
        )
