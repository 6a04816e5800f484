"""A worker's end of the line to the process that asks it: one JSON object a line, either way."""

import faulthandler
import json
import os
import time
from typing import Any

AT_ONCE_BYTES = 2**20
SIGN_S = 0.1
"""Signs of progress go out at most this often; whatever takes longer than this always sends one at its end."""


class Parent:
    """The asking process. What it sends is read with `next`, what it is told goes through `say`."""

    def __init__(self, fd: int) -> None:
        """`fd` is a connected socket, open for both ways; no program that this one starts gets it.

        From now on a process that dies of SIGSEGV or SIGABRT prints where it was: its parent may ask for that.
        """
        faulthandler.enable()  # here, and not by the environment: for this process, and none that it starts
        os.set_inheritable(fd, False)
        self._fd = fd
        self._come = bytearray()
        self._answers = os.fdopen(os.dup(fd), "wb")
        self._signed = 0.0

    def fileno(self) -> int:
        """The descriptor on which the parent's end can be waited for."""
        return self._fd

    def next(self) -> dict[str, Any] | None:
        """What is asked next; None once the parent has closed the line."""
        came: bytes | bytearray = self._come
        while b"\n" not in came:
            came = os.read(self._fd, AT_ONCE_BYTES)
            if not came:
                return None
            self._come += came
        line, _, self._come = self._come.partition(b"\n")
        asked: dict[str, Any] = json.loads(line)
        return asked

    def has_next(self) -> bool:
        """Whether what is asked next has come already, with what was asked before: `fileno` does not tell of it."""
        return b"\n" in self._come

    def say(self, message: dict[str, Any]) -> None:
        """Send one message. Raises ValueError for a number that JSON does not have (NaN)."""
        self.say_bytes(json.dumps(message, allow_nan=False).encode())

    def say_bytes(self, line: bytes) -> None:
        """Send a line as it is."""
        self._answers.write(line + b"\n")
        self._answers.flush()

    def moved(self, how_far: str) -> None:
        """Tell that the work in hand has come further. Many calls a second cost nothing."""
        now = time.monotonic()
        if now - self._signed >= SIGN_S:
            self._signed = now
            self.say({"moved": how_far})

    def hang_up(self) -> None:
        """Close this end, in a fork that has nothing to say."""
        os.close(self._fd)
        self._answers.close()
