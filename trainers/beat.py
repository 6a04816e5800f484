"""A program's heartbeat: it says that the work moves, which a process that merely lives does not."""

import os
from pathlib import Path


class Beat:
    """The file `beat` in a program's folder: its pid, and how often something got done. Each call is one more."""

    def __init__(self, out: Path) -> None:
        self._path, self._count = out / "beat", 0

    def __call__(self) -> None:
        self._count += 1
        self._path.write_text(f"{os.getpid()} {self._count}\n")
