"""What a worker prints, in a file that cannot fill the disk."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from runs.private import private

LIMIT_BYTES = 64 * 2**20
KEPT_BYTES = 16 * 2**20
AT_ONCE_BYTES = 8 * 2**20
"""Read in one go at most, so that a worker that never stops printing is looked after in between."""
TAIL_BYTES = 20_000
LINES = 12
LINE_CHARACTERS = 500
PIPE_BYTES = 2**20


class CappedLog:
    """A file at `path` that takes what comes through the pipe `writing`, and keeps its end once it is too long.

    The worker gets `writing`; somebody must `drain` now and then, or the worker waits with its next line.
    """

    def __init__(self, path: Path) -> None:
        """An old file is added to."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.was_cut = False
        self._file = os.fdopen(private(str(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
        self._size = self._file.tell()
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        with suppress(OSError):  # above the system's limit: then it stays at 64 KiB
            fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._tail = b""

    def fileno(self) -> int:
        """What becomes readable when there is something to drain."""
        return self._reading

    def drain(self) -> None:
        """Take what is in the pipe. Never waits. After `close` there is nothing to take."""
        if self._file.closed:
            return
        for _ in range(AT_ONCE_BYTES // PIPE_BYTES):
            try:
                said = os.read(self._reading, PIPE_BYTES)
            except BlockingIOError:
                break
            if not said:
                break
            self._file.write(said)
            self._size += len(said)
            self._tail = (self._tail + said)[-TAIL_BYTES:]
            if self._size > LIMIT_BYTES:
                self._cut()
        self._file.flush()

    def forget(self) -> None:
        """Begin the last lines anew: what was said so far is about something else."""
        self.drain()
        self._tail = b""

    def last(self) -> str:
        """The last of what was said since `forget`, as it is."""
        return self._tail.decode("utf-8", "replace")

    def last_lines(self) -> str:
        """The last lines since `forget`, and where to read on: the end of an error's message."""
        if not self._size:
            return f"It said: nothing, so that its log is empty: {self.path}."
        lines = [line[:LINE_CHARACTERS] for line in self.last().strip().splitlines()[-LINES:]]
        said = "".join(f"\n  {line}" for line in lines) if lines else " nothing, since this began."
        cut = f", of which only the end is kept: it was over {LIMIT_BYTES >> 20} MiB" if self.was_cut else ""
        return f"It said:{said}\nThe whole log: {self.path}{cut}."

    def hand_over(self) -> None:
        """Close our copy of `writing`: the worker has its own."""
        os.close(self.writing)

    def close(self) -> None:
        """Take what is left, and close."""
        try:
            self.drain()
        finally:  # a full disk takes neither what is left nor what a file holds back
            os.close(self._reading)
            self._file.close()

    def _cut(self) -> None:
        self._file.flush()
        with self.path.open("rb") as whole:
            whole.seek(-KEPT_BYTES, os.SEEK_END)
            end = whole.read()
        self._file.truncate(0)
        note = f"[{self._size - len(end)} bytes were cut here]\n".encode()
        self._file.write(note + end)
        self._size = len(note) + len(end)
        self.was_cut = True
