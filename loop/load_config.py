"""A configuration from a recipe or a file, with dotted overrides on top. Every scalar is typed by the schema."""

import difflib
import os
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import ValidationError

from constitutions.strict_yaml import StrictYamlError, read_strict_yaml
from loop.config import Config
from loop.config_phase import Phase, with_settings
from loop.config_section import Section
from loop.userinfo import holds_userinfo
from runs.errors import ConfigError, UsageError

COMMAND_LINE_ONLY = {
    "judge.endpoint_url": "would send what is judged to wherever a file says",
    "judge.match": "would let a file say which answers are right",
}
"""What no recipe and no file may set, and why."""
RECIPES = Path(__file__).with_name("recipes")
SMOKE = (
    "prompts.count=32",
    "generate.samples=4",
    "train.epochs=1",
    "measure.prompts=16",
    "measure.anchor_count=16",
    "gold.prompts=16",
    "drift.items=16",
    "audit.items=16",
    "capability.count=16",
    "guards.min_pairs=1",
)
"""The smallest size that still does every step: `--smoke` puts these, and as many iterations as the last phase begins
with, under the overrides of the command line."""


def recipe_names() -> list[str]:
    """The recipes that come with selfsame, in order."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_about(name: str) -> str:
    """The comment that a shipped recipe begins with: what the paper did, what this does, what differs."""
    lines = (RECIPES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), lines))


def load_config(source: str, overrides: Sequence[str] = (), smoke: bool = False) -> Config:
    """The configuration that `source` (a recipe's name or a YAML file) and `overrides` (`a.b=c`) spell.

    Raises UsageError where there is no such recipe or file, and ConfigError, naming file or override, key and value,
    for what the schema refuses.
    """
    path = _find(source)
    try:
        tree = read_strict_yaml(path)
    except (OSError, StrictYamlError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: holds {_kind(tree)}, not `key: value` lines; see `selfsame recipes show`")
    for dotted, value in (*_leaves(tree), *_phase_leaves(tree)):
        if dotted in COMMAND_LINE_ONLY and value is not None:
            raise ConfigError(
                f"{path}: {dotted}={value!r} {COMMAND_LINE_ONLY[dotted]}; a file cannot name it, only you can: "
                f"selfsame run {source} {dotted}=..."
            )
    if smoke:
        tree = _smallest(with_overrides(tree, (), str(path)))
    return with_overrides(tree, overrides, str(path))


def _smallest(config: Config) -> dict[str, Any]:
    """The tree of `config` at the smallest size, in its phases too, and with one iteration of the last of them."""
    small = dict(override.split("=") for override in SMOKE)
    phases = [
        Phase(since=one.since, settings={leaf: value for leaf, value in one.settings.items() if leaf not in small})
        for one in config.phases
    ]
    iterations = max((phase.since for phase in phases), default=1)
    same = config.model_copy(update={"phases": tuple(phases), "iterations": iterations})
    return with_settings(same.model_dump(mode="json"), small)


def with_overrides(tree: dict[str, Any], overrides: Sequence[str], place: str) -> Config:
    """The configuration that `tree` holds, with each override put in its leaf. `place` says where the tree is from."""
    for dotted, value in (*_leaves(tree), *_phase_leaves(tree)):
        _check_key(dotted, value, place)
    given: dict[str, str] = {}
    values: dict[str, str | None] = {}
    in_phases = {dotted for dotted, _ in _phase_leaves(tree)}
    for override in overrides:
        dotted, equals, text = override.partition("=")
        if not equals or not text:
            raise ConfigError(f"override {override!r} is not KEY=VALUE; write for example train.learning_rate=1e-4")
        _check_key(dotted, text, f"override {override!r}")
        if dotted in given:
            raise ConfigError(f"{dotted} is given twice: {given[dotted]!r} and {override!r}; keep one")
        if dotted in in_phases:
            raise ConfigError(
                f"override {override!r}: the phases of {place} set {dotted} themselves; save "
                "`selfsame recipes show NAME` as a file of your own and change it there"
            )
        given[dotted] = override
        values[dotted] = None if text == "null" else text
    try:
        config = Config.model_validate(with_settings(tree, values))
        return config.model_copy(update={"phases": tuple(_typed(config, phase) for phase in config.phases)})
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(detail, given, place) for detail in error.errors())) from error


def fields_of(section: type[Section], prefix: str = "") -> dict[str, Any]:
    """Every key below `section`, sections included, with its field: dotted name -> pydantic FieldInfo."""
    found: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        found[prefix + name] = field
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found |= fields_of(field.annotation, f"{prefix}{name}.")
    return found


KEYS = fields_of(Config)
SECTIONS = {dotted.rpartition(".")[0] for dotted in KEYS if "." in dotted}


def _find(source: str) -> Path:
    if source in recipe_names():
        return RECIPES / f"{source}.yaml"
    if os.path.isfile(source):
        return Path(source)
    near = difflib.get_close_matches(source, recipe_names(), n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"{source!r} is neither a recipe nor a file; {hint}the recipes are {', '.join(recipe_names())}")


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict) and prefix + name in SECTIONS:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _typed(config: Config, phase: Phase) -> Phase:
    """The phase with its settings as the schema reads them, so that no digest depends on how a file spells a number."""
    read = config.at(phase.since).model_dump(mode="json")
    settings = {dotted: read[dotted.partition(".")[0]][dotted.partition(".")[2]] for dotted in phase.settings}
    return Phase(since=phase.since, settings=settings)


def _phase_leaves(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the phases set; nothing of what is no phase, which the schema refuses."""
    phases = tree.get("phases")
    for phase in phases if isinstance(phases, list | tuple) else ():
        settings = phase.get("settings") if isinstance(phase, dict) else None
        yield from settings.items() if isinstance(settings, dict) else ()


def _check_key(dotted: str, value: Any, place: str) -> None:
    """Raises ConfigError unless `dotted` is a leaf whose value may be written down."""
    if isinstance(value, str) and holds_userinfo(value):
        raise ConfigError(
            f"{dotted} has a user or a password in its address, and settings are written down and shown; leave them "
            "out: MLflow reads them from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the environment"
        )
    if dotted in SECTIONS:
        inner = ", ".join(key for key in KEYS if key.rpartition(".")[0] == dotted)
        raise ConfigError(f"{place}: {dotted} is a section, not a value ({value!r}); its keys are {inner}")
    if dotted in KEYS:
        return
    above = dotted.rpartition(".")[0]
    if above in KEYS and above not in SECTIONS:
        raise ConfigError(
            f"{place}: {above} is a value with no keys of its own, so {dotted} is none; write {above}=..."
        )
    near = _nearest(dotted)
    hint = f"did you mean {near}? " if near else ""
    raise ConfigError(f"{place}: unknown key {dotted!r}; {hint}`selfsame recipes show` prints all with their meaning")


def _nearest(dotted: str) -> str | None:
    last = dotted.rpartition(".")[2]
    by_last = {key.rpartition(".")[2]: key for key in KEYS if key not in SECTIONS}
    whole = difflib.get_close_matches(dotted, KEYS, n=1)
    part = difflib.get_close_matches(last, by_last, n=1)
    return whole[0] if whole else by_last[part[0]] if part else None


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"the text {value!r}"


def _sentence(detail: Any, given: dict[str, str], place: str) -> str:
    dotted = ".".join(str(part) for part in detail["loc"])
    says = detail["msg"][0].lower() + detail["msg"][1:]
    if not detail["loc"]:
        return f"{place}: {says.removeprefix('value error, ')}"
    meaning = KEYS[dotted].description if dotted in KEYS else None
    where = f"override {given[dotted]!r}" if dotted in given else place
    may_be_none = dotted in KEYS and NoneType in get_args(KEYS[dotted].annotation)
    if may_be_none and str(detail["input"]).lower() in ("none", "~"):
        says += f"; none is spelt {dotted}=null"
    return f"{where}: {dotted}={detail['input']!r}: {says}" + (f". {meaning}" if meaning else "")
