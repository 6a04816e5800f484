"""Putting values into a question, in one pass: a value is never read again for placeholders."""

import re
from collections.abc import Sequence

from runs.records import Message

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
IN_BRACES = re.compile(r"\{(\s*[A-Za-z_][\w-]*\s*)\}")


def placeholders(template: str) -> set[str]:
    """The names that `template` wants filled, as they are spelt: `Request` is one too, which nobody ever fills."""
    return set(IN_BRACES.findall(template))


def fill(template: str, **values: str) -> str:
    """`template` with each `{name}` replaced by its value, literally. Raises KeyError for a name without a value."""
    return PLACEHOLDER.sub(lambda match: values[match.group(1)], template)


def request_text(messages: Sequence[Message]) -> str:
    """What was asked, as one text: the words of a single turn, or a line for each of several turns."""
    if len(messages) == 1:
        return messages[0].content
    return "\n".join(f"{message.role}: {message.content}" for message in messages)
