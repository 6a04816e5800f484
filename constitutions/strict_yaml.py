"""YAML without its surprises: no alias, no tag, no duplicate key, and every scalar as it is written.

Scalars come back as strings (or None for an empty one): YAML's own guesses read `1e-5` as text and `no`
as False, so typing is left to the schema that reads the result.
"""

import re
import unicodedata
from pathlib import Path
from typing import Any

import yaml

HIDDEN = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]"
    # Format characters (category Cf), beside the tags of the last line.
    "|[\\xad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff"
    "\\ufff0-\\ufffb\\U000110bd\\U000110cd\\U00013430-\\U0001343f\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a"
    # Variation selectors, joiners and fillers that are letters or marks by their category and drawn as nothing.
    "\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\ufe00-\\ufe0f\\uffa0\\U000e0000-\\U000e0fff]"
)
"""What a person does not see in a file: control and format characters, byte order marks, tags, variation selectors."""
MAX_BYTES = 2_000_000  # of any file: a quarter of a million words
MAX_CHARACTERS = 200_000  # three seconds of the slowest YAML
MAX_DEPTH = 50

Place = tuple[str | int, ...]
"""The keys and positions that lead from the root to a value."""
Lines = dict[Place, int]
"""The line of every value, counted from 1: of its key, or of the value itself in a list."""


class StrictYamlError(ValueError):
    """Text that is not read; the message begins with the line."""


def unseen(character: str) -> str:
    """Why a text that holds a `HIDDEN` character is refused, with its number and, if it has one, its name."""
    named = unicodedata.name(character, "")
    return f"the character U+{ord(character):04X}{named and f' ({named})'}, which nobody sees, is not read"


def read_text(path: Path) -> str:
    """The text of a file, its lines ended by line feeds alone. Raises OSError, and StrictYamlError for no UTF-8."""
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)  # enough to see that it is too long
    if len(data) > MAX_BYTES:
        line = data.count(b"\n") + 1
        raise StrictYamlError(f"line {line}: more than the {MAX_BYTES} bytes that are read")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise StrictYamlError(f"line {line}: the byte {data[error.start]:#04x} is not UTF-8") from error
    if hidden := HIDDEN.search(text):
        line = text.count("\n", 0, hidden.start()) + 1
        raise StrictYamlError(f"line {line}: {unseen(hidden[0])}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_strict_yaml(path: Path) -> Any:
    """What the file at `path` spells. Raises OSError, and StrictYamlError."""
    return load_strict_yaml(read_text(path))


def load_strict_yaml(text: str) -> Any:
    """The dicts, lists and strings that `text` spells. Raises StrictYamlError."""
    return lined_yaml(text)[0]


def lined_yaml(text: str, first_line: int = 1) -> tuple[Any, Lines]:
    """What `text` spells, and on which line each of its values stands. Raises StrictYamlError.

    Lines are counted from `first_line`, where the text is part of a longer one.
    """
    if len(text) > MAX_CHARACTERS:
        line = text.count("\n", 0, MAX_CHARACTERS) + first_line
        raise StrictYamlError(f"line {line}: more than the {MAX_CHARACTERS} characters that are read")
    try:
        # Events come first: composing nodes would recurse as deep as the text says.
        depth = 0
        events = _loader(text, first_line)
        while events.check_event():
            event = events.get_event()
            _refuse(event)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise StrictYamlError(f"line {_line(event)}: nested deeper than {MAX_DEPTH}")
        node = _loader(text, first_line).get_single_node()
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark.line + 1 if error.problem_mark else "?"
        begun = f"{error.context} from line {error.context_mark.line + 1}: " if error.context_mark else ""
        raise StrictYamlError(f"line {place}: {begun}{error.problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        raise StrictYamlError(f"line {line}: the character {chr(error.character)!r} is not read") from error
    if node is None:
        return None, {(): first_line}
    lines: Lines = {(): _line(node)}
    return _build(node, (), lines), lines


def _loader(text: str, first_line: int) -> yaml.SafeLoader:
    loader = yaml.SafeLoader(text)
    loader.line = first_line - 1  # its marks count from here
    return loader


def _line(thing: Any) -> int:
    line: int = thing.start_mark.line
    return line + 1


def _refuse(event: yaml.Event) -> None:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise StrictYamlError(f"line {_line(event)}: aliases and anchors are not read")
    if tag := getattr(event, "tag", None):
        raise StrictYamlError(f"line {_line(event)}: the tag {tag!r} is not read")


def _build(node: yaml.Node, place: Place, lines: Lines) -> Any:
    """The value of `node`, which stands at `place`; the lines of all that is in it are put into `lines`."""
    if isinstance(node, yaml.SequenceNode):
        for nth, child in enumerate(node.value):
            lines[*place, nth] = _line(child)
        return [_build(child, (*place, nth), lines) for nth, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise StrictYamlError(f"line {_line(key)}: a key must be a plain word")
            if key.value in built:
                raise StrictYamlError(f"line {_line(key)}: the key {key.value!r} stands here twice")
            lines[*place, key.value] = _line(key)
            built[key.value] = _build(value, (*place, key.value), lines)
        return built
    plain_null = isinstance(node, yaml.ScalarNode) and node.style is None and node.value in ("", "~", "null")
    return None if plain_null else node.value
