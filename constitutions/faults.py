"""What is wrong with a constitution's file, in words that need no knowledge of the program that reads it."""

import difflib
from reprlib import repr as short_repr
from typing import Any, get_args

from pydantic import BaseModel

from constitutions.extends import Origins
from constitutions.principle import ID, PROMPT_CLASS
from constitutions.strict_yaml import HIDDEN

SAYS = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_unicode": "must be text in Unicode",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
    "dict_type": "must be `key: value` lines",
    "model_type": "must be `key: value` lines",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_from_float": "must be a whole number",
}
"""By pydantic's name of a fault, what is said of it."""
SHAPES = {
    ID: "must be 1 to 63 small letters, digits, `-` and `_`, a letter or digit first",
    PROMPT_CLASS: "must be TAG=VALUE, such as harm=yes",
}
"""By the pattern that a text does not match, what it must be."""


def sentence(detail: Any, origins: Origins, model: type[BaseModel]) -> str:
    """What is wrong, with the file and line of the deepest value on the way to it that a file holds.

    `detail` is one of the errors that pydantic found where it read the tree as a `model`.
    """
    at = detail.get("ctx", {}).get("at")
    place = (*detail["loc"], *(at or ()))
    held = next(place[:length] for length in range(len(place), -1, -1) if place[:length] in origins)
    value = "" if at or detail["type"] == "missing" else f" = {short_repr(detail['input'])}"
    dotted = HIDDEN.sub("?", ".".join(map(str, place)))[:100] or "constitution"
    path, line = origins[held]
    return f"{path}: line {line}: {dotted}{value}: {_reason(detail, place, model)}"


def _reason(detail: Any, place: tuple[str | int, ...], model: type[BaseModel]) -> str:
    kind, said = detail["type"], str(detail["msg"])
    if kind == "extra_forbidden":
        keys = _keys(model, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), keys, n=1, cutoff=0.7)
        return f"no such key; did you mean `{near[0]}`?" if near else f"no such key; there are {', '.join(keys)}"
    if kind == "string_pattern_mismatch":
        return SHAPES.get(detail["ctx"]["pattern"], f"must match {detail['ctx']['pattern']}")
    return SAYS.get(kind, said.replace("Input should be", "must be"))


def _keys(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """The keys that are read at `place`, the path from the root of a `model`."""
    kind: Any = model
    for step in place:
        # A model's field, or what a list or a dict holds: the first that is said of the one, the last of the other.
        held = get_args(kind)
        kind = held[-1 if isinstance(step, str) else 0] if held else kind.model_fields[step].annotation
    return list(kind.model_fields)
