"""Phases: iterations whose settings differ from the recipe's others, as where a paper trains in two ways in turn."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from loop.config_section import Count, Section, spelt_in_json

PHASED = ("prompts", "generate", "revise", "judge", "pair", "meta_judge", "preference", "train")
"""The sections that a phase may change. What is measured stays the same, or no two iterations could be compared."""
SEATED = ("judge.panel", "judge.base", "judge.revision", "judge.endpoint_url", "judge.endpoint_model")
"""Leaves of theirs that no phase may change: who else can be asked is fixed when a run begins."""


class Phase(Section):
    since: Count
    """The first iteration that it is for; it lasts until the next phase begins."""
    settings: dict[str, Any]
    """What differs from the settings outside of phases, by dotted name: `train.method: sft`."""


Phases = Annotated[tuple[Phase, ...], BeforeValidator(spelt_in_json)]


def phased_leaf(dotted: str) -> bool:
    """Whether a phase may change the leaf of this name."""
    return dotted.partition(".")[0] in PHASED and dotted not in SEATED


def with_settings(tree: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """A copy of the nested `tree` with each dotted leaf of `settings` in its place."""
    copied = _copy(tree)
    for dotted, value in settings.items():
        *sections, leaf = dotted.split(".")
        inner = copied
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[leaf] = value
    return copied


def _copy(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: _copy(value) if isinstance(value, dict) else value for name, value in tree.items()}
