"""What is refused at the door about prompts: a source that cannot be read, a mix without prompts, no examples."""

from constitutions.load import find_constitution
from loop.base import find_base
from loop.config import Config
from loop.mixing import draw
from loop.self_instruct import control_tokens, demonstrations
from loop.sources import prompt_source
from loop.steps.red_team import kinds_of
from runs.canonical import seed_of
from runs.errors import ConfigError


def check_prompts(config: Config) -> None:
    """Returns if the source is there and, where a model writes prompts, can be followed. Raises ConfigError."""
    settings = config.prompts
    prompt_source(settings.source)
    if settings.mix:
        check_mix(config)
    if not settings.self_made_frac and not settings.red_team_frac:
        return
    if settings.self_made_frac + settings.red_team_frac > 1:
        raise ConfigError(
            f"prompts.self_made_frac={settings.self_made_frac:g} and prompts.red_team_frac={settings.red_team_frac:g} "
            "are more than all prompts; lower one of the two"
        )
    if settings.min_words > settings.max_words:
        raise ConfigError(
            f"prompts.min_words={settings.min_words} is above prompts.max_words={settings.max_words}; "
            "no prompt can have such a length"
        )
    seed = seed_of(config.seed, "prompts")
    if settings.self_made_frac:
        demonstrations(
            [prompt for part in draw(settings, 1, seed, lambda text: False) for prompt in part.prompts], settings
        )
    if settings.red_team_frac:
        check_red_team(config)
    find_constitution(config.constitution).question("new_prompt")
    control_tokens(find_base(config.model).folder)


def check_mix(config: Config) -> None:
    """Returns if every part of the mix has prompts. Raises ConfigError."""
    settings = config.prompts
    for number, part in enumerate(settings.mix, start=1):
        source = part.source or settings.source
        if not prompt_source(source).train(1, 1, seed_of(config.seed, "prompts"), part.tags):
            raise ConfigError(
                f"prompts.mix: part {number} has no training prompt: prompts.source={source} with the tags "
                f"{', '.join(part.tags) or '(any)'}; name tags that it has"
            )


def check_red_team(config: Config) -> None:
    """Returns if there is something to show, and a judge that says of one answer that it fails. Raises ConfigError."""
    kinds_of(config.prompts, 1, seed_of(config.seed, "prompts"))
    if config.judge.compares:
        raise ConfigError(
            f"prompts.red_team_frac={config.prompts.red_team_frac:g} keeps what the policy fails by a score, and "
            f"judge.method={config.judge.method} scores none; set judge.method=expected"
        )
