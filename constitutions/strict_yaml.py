"""YAML without its surprises: no alias, no tag, no duplicate key, and every scalar as it is written.

Scalars come back as strings (or None for an empty one): YAML's own guesses read `1e-5` as text and `no`
as False, so typing is left to the schema that reads the result.
"""

from typing import Any

import yaml

MAX_CHARACTERS = 200_000  # three seconds of the slowest YAML
MAX_DEPTH = 50


class StrictYamlError(ValueError):
    """Text that is not plain YAML; the message holds the line."""


def load_strict_yaml(text: str) -> Any:
    """The dicts, lists and strings that `text` spells. Raises StrictYamlError."""
    if len(text) > MAX_CHARACTERS:
        raise StrictYamlError(f"more than the {MAX_CHARACTERS} characters that are read")
    try:
        # Events come first: composing nodes would recurse as deep as the text says.
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            _refuse(event)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise StrictYamlError(f"{_line(event)}: nested deeper than {MAX_DEPTH}")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise StrictYamlError(f"line {line}: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise StrictYamlError(f"line {line}: the character {chr(error.character)!r} is not read") from error
    return None if node is None else _build(node)


def _line(thing: Any) -> str:
    return f"line {thing.start_mark.line + 1}"


def _refuse(event: yaml.Event) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise StrictYamlError(f"{_line(event)}: aliases and anchors are not read")
    if tag := getattr(event, "tag", None):
        raise StrictYamlError(f"{_line(event)}: the tag {tag!r} is not read")


def _build(node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_build(child) for child in node.value]
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise StrictYamlError(f"{_line(key)}: a key must be a plain word")
            if key.value in built:
                raise StrictYamlError(f"{_line(key)}: the key {key.value!r} stands here twice")
            built[key.value] = _build(value)
        return built
    plain_null = isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("", "~", "null")
    return None if plain_null else node.value
