"""A training program that ends itself where a test says so, in the file `order.json` of its folder."""

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from runs import points

FILES = {"row": ("log.jsonl", "a"), "beat": ("beat", "w")}
"""What is counted: the times that a file is opened so. A row is written once its step is done."""


def main(spec_path: Path, out: Path) -> None:
    """Train, and die before the `number`-th of what `at` counts: steps on the way to the disk, or writes of a file."""
    order = out / "order.json"
    asked = json.loads(order.read_bytes())
    program = asked.pop("program")
    arm(**asked)
    order.unlink()
    try:
        import_module(program).main(spec_path, out)
    except SystemExit as ending:
        (out / "exit").write_text(str(ending.code))
        raise


def arm(at: str, number: int, send: int = signal.SIGKILL) -> None:
    """Have the process send itself a signal there, once."""
    if at == "disk":
        points.hook = points.crash_at(number)
        return
    file, mode = FILES[at]
    left = number

    def watch(event: str, about: tuple[Any, ...]) -> None:
        nonlocal left
        if event == "open" and str(about[0]).endswith(f"/{file}") and str(about[1]).startswith(mode):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), send)

    sys.addaudithook(watch)
