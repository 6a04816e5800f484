"""Where run data lives."""

import os
from pathlib import Path

from runs.errors import UsageError


def home() -> Path:
    """`$SELFSAME_HOME`, or `.selfsame` in the working folder; it may not exist yet. Raises UsageError for a file."""
    path = Path(os.environ.get("SELFSAME_HOME") or ".selfsame").absolute()
    if path.exists() and not path.is_dir():
        raise UsageError(f"SELFSAME_HOME={path} is no folder; name one, it is made if it is missing")
    return path
