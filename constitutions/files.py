"""The files that constitutions are read from, those that come with selfsame among them."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from constitutions.markdown import lined_markdown
from constitutions.strict_yaml import Lines, lined_yaml

READERS = {".yaml": lined_yaml, ".yml": lined_yaml, ".md": lined_markdown}


def shipped_files() -> dict[str, Path]:
    """The constitutions that come with selfsame: name -> file."""
    return {file.stem: file for file in sorted(Path(__file__).parent.iterdir()) if file.suffix in READERS}


def shipped(name: str) -> Path:
    """The file of a constitution that comes with selfsame. Raises KeyError."""
    return shipped_files()[name]


@lru_cache(maxsize=32)
def tree_of(suffix: str, text: str) -> tuple[Any, Lines]:
    """What the text of a file with that ending spells, and the line of each of its values. Raises StrictYamlError.

    Kept by its text, since every preflight, desk and estimate reads it again: nobody may change what it returns.
    """
    return READERS.get(suffix, lined_yaml)(text)
