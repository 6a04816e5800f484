"""Rows in groups by the tags of their prompts, so that every number about held-out prompts can be had for each tag."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from runs.canonical import digest
from runs.records import Prompt

Item = TypeVar("Item")
ALL = ""


def by_tag(items: Sequence[Item], tags_of: Callable[[Item], dict[str, str]]) -> dict[str, list[Item]]:
    """The items by tag, `family=sort` and so on in the order of the names; first all of them, under ALL."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        for name, value in tags_of(item).items():
            groups[f"{name}={value}"].append(item)
    return {ALL: list(items), **dict(sorted(groups.items()))}


def probes_digest(prompts: Sequence[Prompt]) -> str:
    """The name of a set of prompts, whatever their order."""
    return digest(sorted(prompt.digest for prompt in prompts))
