"""One writer to a home: a lock on a file, held for life, that dies with its owner and that no reader can hold."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runs.durable import disk_errors
from runs.errors import BusyError

PATIENCE_S = 0.5
"""How long a newcomer tries: `owner` takes the lock for an instant, and a new owner writes its pid after it has it."""


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Own the lock until the block ends or the process dies. Raises BusyError, naming the owner's pid."""
    with disk_errors(path, 0):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _take(path, handle, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise BusyError(
                    f"{path.parent} is in use by process {_pid(path)}. Wait for it or stop it, "
                    "or set SELFSAME_HOME to another folder"
                )
            time.sleep(0.02)
        with disk_errors(path, 0):
            _check_that_it_holds(path)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


def owner(path: Path) -> int | None:
    """The pid of the process that holds the lock; None if nobody does."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _take(path, handle, fcntl.LOCK_SH) else _pid(path)
    finally:
        os.close(handle)


def _check_that_it_holds(path: Path) -> None:
    """Returns if nobody else could take the lock that we have. Raises BusyError."""
    other = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _take(path, other, fcntl.LOCK_SH):
            raise _without_locks(path, "a lock there keeps nobody out")
    finally:
        os.close(other)


def _take(path: Path, handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _without_locks(path, f"its file system says: {error.strerror}") from error
    return True


def _without_locks(path: Path, why: str) -> BusyError:
    return BusyError(
        f"{path.parent} cannot be locked ({why}), so that two could write there at once; "
        "set SELFSAME_HOME to a folder on a disk of this machine"
    )


def _pid(path: Path) -> int:
    return int(path.read_text() or 0)
