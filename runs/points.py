"""The points at which a test may end the process or have the disk fail: one before each step that makes bytes durable.

`CRASH_AT=n` in the environment kills the process at its n-th point, counted from 1. `FAIL_AT=n:ENOSPC` makes the disk
full there, once, and `FAIL_AT=n:ENOSPC:always` from there on; any name of an error number will do. Otherwise inert.
"""

import errno
import os
import signal
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Literal

Label = Literal["make", "write", "sync", "rename", "sync folder", "written", "remove"]
"""What is about to be done to a path; "written" says that the whole of it is done."""
Hook = Callable[[Label, Path], None]


def crash_at(number: int) -> Hook:
    """A hook that kills the process at the point of that number."""
    numbers = count(1)

    def crash(label: Label, path: Path) -> None:
        if next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash


def fail_at(number: int, code: int, always: bool = False) -> Hook:
    """A hook that raises the system's error `code` at the point of that number, and if `always` at all after it."""
    numbers = count(1)

    def fail(label: Label, path: Path) -> None:
        now = next(numbers)
        if now == number or (always and now > number):
            raise OSError(code, os.strerror(code))

    return fail


def asked_for(environment: Mapping[str, str]) -> Hook | None:
    """The hook that the environment asks for."""
    if number := environment.get("CRASH_AT"):
        return crash_at(int(number))
    if wanted := environment.get("FAIL_AT"):
        number, name, *rest = wanted.split(":")
        return fail_at(int(number), getattr(errno, name), rest == ["always"])
    return None


hook = asked_for(os.environ)
"""What happens at each point: nothing, unless somebody asked. Tests set it."""


def point(label: Label, path: Path) -> None:
    """Here, before `label` is done to `path`, the process may die or the disk fail."""
    if hook is not None:
        hook(label, path)
