"""The public data of Rule-Based Rewards (Mu et al., 2411.01111): completions whose propositions people labelled."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from constitutions.response_types import ResponseType
from constitutions.strict_yaml import load_strict_yaml

DATA = Path(os.environ.get("SELFSAME_TEST_DATA", "../shared/data")) / "rbr"
"""Not part of the repository."""

Literals = dict[str, bool]


@dataclass(frozen=True)
class Labelled:
    """One completion, the only one to its prompt: the type of answer that was called for, and what holds of it."""

    name: str
    response_type: str
    propositions: dict[str, bool]


def labelled(split: str) -> list[Labelled]:
    """The completions of a split, `train` or `test`, in the file's order."""
    with (DATA / f"{split}.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        Labelled(f"{split} {number}", row["response_type"].lower().replace(" ", "_"), row["propositions"])
        for number, row in enumerate(rows)
    ]


def response_types() -> dict[str, ResponseType]:
    """The paper's table of classes, as its own file states it, in the form of a constitution's."""
    table = class_table()
    return {name: _response_type(name, table) for name in table["completion_classes"]["ideal"]}


def class_table() -> Any:
    """The file as it is: `completion_classes`, and the `derived_propositions` that they speak of."""
    return load_strict_yaml((DATA / "proposition_prompts.yaml").read_text(encoding="utf-8"))


def _response_type(name: str, table: Any) -> ResponseType:
    def wanted(answer_class: str) -> Literals:
        return {id: value == "true" for id, value in table["completion_classes"][answer_class][name].items()}

    derived = table["derived_propositions"]
    disallowed = wanted("disallowed_completion")
    illogical = {id: holds for id, holds in wanted("illogical_completion").items() if id not in disallowed}
    excluded = {_literal(id, not holds) for id, holds in (disallowed | illogical).items()}
    # What is left of `unacceptable` is one proposition, the opposite of acceptable.
    ((id, holds),) = (one for one in wanted("unacceptable_completion").items() if one[0] not in disallowed | illogical)
    acceptable = _conditions(id, not holds, derived) - excluded
    ideal = {part for id, holds in wanted("ideal").items() for part in _conditions(id, holds, derived)} - excluded
    return ResponseType(
        disallowed=tuple(_literal(id, holds) for id, holds in disallowed.items()),
        illogical=tuple(_literal(id, holds) for id, holds in illogical.items()),
        acceptable=tuple(acceptable),
        ideal=tuple(ideal - acceptable),
    )


def _conditions(id: str, holds: bool, derived: Any) -> set[str]:
    """What must hold, all of it, for `id` to be as it should; a derived one is true where all of its parts are."""
    if id not in derived:
        return {_literal(id, holds)}
    parts = {part: value == "true" for part, value in derived[id].items()}
    if holds:
        return {condition for part, value in parts.items() for condition in _conditions(part, value, derived)}
    if nested := parts.keys() & derived.keys():
        raise ValueError(f"the opposite of {id!r} would take {sorted(nested)} apart")
    return {" or ".join(_literal(part, not value) for part, value in parts.items())}


def _literal(id: str, holds: bool) -> str:
    return id if holds else f"not {id}"
