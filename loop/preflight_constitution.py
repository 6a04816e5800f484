"""What is refused or said at the door about a constitution: what judging asks and it lacks, what nobody is shown."""

from collections.abc import Sequence
from typing import get_args

from constitutions.files import shipped_files
from constitutions.load import Constitution, find_constitution
from constitutions.relevant import Room, longest
from loop.base import find_base, find_judge_base
from loop.config import Config
from loop.config_judge import Method
from loop.configured_judge import configured_judge
from loop.sources import RAREST, prompt_source
from loop.token_count import judge_tokens
from runs.errors import ConfigError


def check_constitution(config: Config) -> None:
    """Returns if the constitution has all that the way of judging needs of it. Raises ConfigError."""
    constitution = find_constitution(config.constitution)
    if lacking := sorted(config.judge.asks - constitution.questions.keys()):
        asks, by_rule = f"judge.method={config.judge.method}", config.judge.by_rule
        other = [f"judge.method={one}" for one in get_args(Method) if one in constitution.questions]
        way_out = f"judge in another way ({', '.join(other) or 'it has a question for none'})"
        if lacking == ["proposition"] and by_rule:
            asks = f"judge.{by_rule[0]}={str(getattr(config.judge, by_rule[0])).lower()}"
            way_out = f"leave {asks} out"
        raise ConfigError(
            f"{asks} asks {', '.join(lacking)}: constitution={config.constitution} has no such question, only "
            f"{', '.join(sorted(constitution.questions))}; add it there, name a constitution that has it "
            f"({', '.join(_shipped_with(lacking))}), or {way_out}"
        )
    if config.judge.compares and not any("comparison" in principle.use for principle in constitution.principles):
        raise ConfigError(
            f"judge.method={config.judge.method} compares answers by principles, and constitution="
            f"{config.constitution} has none for comparisons; add one under `principles:` (its `use` is comparison "
            "where it does not say), or judge in another way"
        )
    configured_judge(config.judge, constitution)
    if config.judge.compares:
        _check_drawing(config, constitution)
    if config.judge.max_principle_tokens is not None:
        _check_room(config, constitution, config.judge.max_principle_tokens)


def remark_on_scopes(config: Config) -> list[str]:
    """The principles that this run asks by and that no training prompt is in the scope of, with the tags there are."""
    asked = {use for use, asks in (("comparison", config.judge.compares), ("critique", config.revise.passes)) if asks}
    principles = [one for one in find_constitution(config.constitution).principles if asked & {*one.use} and one.scope]
    if not principles:
        return []
    names = sorted({part.source or config.prompts.source for part in config.prompts.mix} or {config.prompts.source})
    sources = [prompt_source(name) for name in names]
    idle = [one for one in principles if not any(source.train(1, 1, config.seed, one.scope) for source in sources)]
    if not idle:
        return []
    seen = [prompt.tags for source in sources for prompt in source.train(RAREST, 1, config.seed)]
    tags = sorted({f"{tag}={value}" for each in seen for tag, value in each.items()})
    return [
        f"constitution={config.constitution}: the principle {one.id!r} is never shown, since no training prompt of "
        f"{', '.join(names)} has {' or '.join(one.scope)}; they have {', '.join(tags) or 'no tags'}"
        for one in idle
    ]


def _check_drawing(config: Config, constitution: Constitution) -> None:
    """Whether there are as many principles as are to be drawn."""
    named = set(config.judge.principle_ids)
    there = [p.id for p in constitution.principles if "comparison" in p.use and (not named or p.id in named)]
    if config.judge.principles is not None and config.judge.principles > len(there):
        raise ConfigError(
            f"judge.principles={config.judge.principles} are to be drawn for each comparison, and constitution="
            f"{config.constitution} has {len(there)} to draw from ({', '.join(there)}); set it to {len(there)} at "
            "most, or to null, which takes all that apply"
        )


def _shipped_with(questions: Sequence[str]) -> list[str]:
    """The shipped constitutions that have these questions."""
    return [name for name in sorted(shipped_files()) if set(questions) <= find_constitution(name).questions.keys()]


def _check_room(config: Config, constitution: Constitution, most: int) -> None:
    """Whether the principles can be counted as one judge counts, and none is longer than there is room for."""
    judge = config.judge
    if "endpoint" in judge.sitting or ("base" in judge.sitting and len(judge.sitting) > 1):
        raise ConfigError(
            f"judge.max_principle_tokens={most} is counted by the one tokenizer of all who judge, and judge.adapter="
            f"{judge.adapter} with judge.panel={','.join(judge.panel) or '[]'} has an endpoint, whose tokenizer is not "
            "here, or two models; leave it out, or name judges of one model"
        )
    folder = (find_judge_base(config) or find_base(config.model)).folder
    if not (folder / "tokenizer.json").is_file():
        raise ConfigError(
            f"judge.max_principle_tokens={most} is counted in tokens, and {folder} has no tokenizer.json; save the "
            "model's fast tokenizer there, or leave it out"
        )
    found = longest(constitution, "comparison", Room(most, judge_tokens(config)))
    if found is not None and found[1] > most:
        raise ConfigError(
            f"judge.max_principle_tokens={most}: the principle {found[0].id!r} alone takes {found[1]} tokens, and none "
            "is cut; raise it, leave reasons out of `explain`, or split the document: `selfsame constitution import "
            "FILE --explained --max-words N --out OWN.md`"
        )
