"""What the command line prints: one JSON document or lines for people, never what a model wrote as it stands."""

import json
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else")]

MIN_TEXT_WIDTH = 40

DIGEST = re.compile(r"s1:[0-9a-f]{64}")
# CSI and OSC sequences go whole: without their escape character the rest would still stand there as litter.
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[@-_]", re.DOTALL)


def harmless(text: str) -> str:
    """`text` on one line, without anything that could steer a terminal: escapes, controls, bidi and invisible marks."""
    kept = []
    for character in ESCAPES.sub("", text):
        if character.isspace():
            kept.append(" ")
        elif unicodedata.category(character)[0] != "C":
            kept.append(character)
    return "".join(kept)


def shortened(text: str, width: int = 60) -> str:
    """`text` harmless, and cut to `width` characters."""
    line = harmless(text)
    return line if len(line) <= width else line[: width - 1] + "…"


def block(text: str) -> str:
    """`text` harmless, its lines kept: each but the first is set in behind a bar, so that none can pass for ours."""
    return "\n    | ".join(harmless(line) for line in text.splitlines() or [""])


def lines(text: str) -> str:
    """`text` with its lines, each harmless: what is left of any text that is printed."""
    return "\n".join(harmless(line) for line in text.split("\n"))


def cell(value: Any) -> str:
    """A value as a table shows it: four digits of a fraction, the start of a digest, a dash for nothing."""
    if value is None or value == () or value == []:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str):
        return f"{value[:15]}…" if DIGEST.fullmatch(value) else shortened(value)
    if isinstance(value, tuple | list):
        return shortened(" ".join(cell(item) for item in value))
    if isinstance(value, dict):
        return shortened(" ".join(f"{name}={cell(inner)}" for name, inner in value.items()))
    return shortened(str(value))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Aligned columns under their names; numbers to the right."""
    from rich.cells import cell_len

    lines = [[str(column) for column in columns], *([cell(value) for value in row] for row in rows)]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(columns))]
    right = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            (" " * (width - cell_len(text)) + text) if on_right else (text + " " * (width - cell_len(text)))
            for text, width, on_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def with_text(rows: str, texts: Sequence[str]) -> str:
    """The lines of a table, its head too, each with a text behind it: broken where the terminal ends, and never cut."""
    from rich.cells import cell_len

    left = rows.split("\n")
    width = max(map(cell_len, left))
    room = max(MIN_TEXT_WIDTH, shutil.get_terminal_size().columns - width - 2)
    shown = []
    for line, text in zip(left, texts, strict=True):
        parts = textwrap.wrap(harmless(text), room, break_long_words=False, break_on_hyphens=False) or [""]
        begins = [line + " " * (width - cell_len(line)), *[" " * width] * (len(parts) - 1)]
        shown += [f"{begin}  {part}".rstrip() for begin, part in zip(begins, parts, strict=True)]
    return "\n".join(shown)


def print_document(value: Any) -> None:
    """The one JSON document that `--json` promises, on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=True, default=str))


def print_line(text: str = "") -> None:
    """A line for people, on standard output."""
    print(lines(text))


def print_aside(text: str) -> None:
    """A line beside the result, on standard error."""
    print(lines(text), file=sys.stderr, flush=True)
