"""Where run data lives."""

import os
from pathlib import Path


def home() -> Path:
    """`$SELFSAME_HOME`, or `.selfsame` in the working folder; it may not exist yet."""
    return Path(os.environ.get("SELFSAME_HOME") or ".selfsame").absolute()
