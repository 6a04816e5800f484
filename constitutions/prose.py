"""Prose as it is read: the line breaks within a paragraph are layout, a blank line and a list's lines are not."""

import re

WITHIN_A_PARAGRAPH = re.compile(r"(?<!\n)\n(?!\n|[-*] |\d+[.)] )")


def unwrapped(text: str) -> str:
    """`text` with each paragraph and each item of a list on one line, one blank line between paragraphs."""
    lines = (" ".join(line.split()) for line in text.strip().splitlines())
    return WITHIN_A_PARAGRAPH.sub(" ", re.sub(r"\n{3,}", "\n\n", "\n".join(lines)))
