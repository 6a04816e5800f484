"""The process between us and one worker, which sees to it that nothing of the worker's outlives the worker or us.

`python -S -P -m loop.workers.guardian FOLDER COMMAND...` runs the command and ends as the command ends. Its standard
input is a pipe that only we hold: when that closes, by whatever end of ours, the guardian ends the worker. Whatever the
worker started and left behind comes to the guardian, in whatever session it is, and is ended too, and FOLDER, which the
worker has for its temporary files, is removed. Standard library only: it is there in a few milliseconds and costs
nothing while it waits.
"""

import os
import re
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import FrameType

from trainers.lifeline import adopt_orphans, die_with_parent

LOOK_S = 0.25
GRACE_S = 0.3
"""How long what the worker left may take to go by itself: Python's resource tracker frees shared memory meanwhile."""
END_S = 3.0
SEGMENTS_EVERY = 4  # looks: a map of 2 GiB takes 1.3 ms to read (2026-11)
SHARED_MEMORY = Path("/dev/shm")
SEGMENT = re.compile(rb" /dev/shm/([^\s/]+)$", re.MULTILINE)


def main(folder: Path, command: list[str]) -> int:
    """Run the command to its end or ours; returns its exit code, or minus the signal that ended it.

    `folder` is gone afterwards, with all that is in it.
    """
    us = os.getpid()
    asked_by = os.getppid()
    before = set(os.listdir(SHARED_MEMORY))
    adopt_orphans()
    worker = os.fork()
    if worker == 0:
        die_with_parent(us)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one that is asked where it hangs dies of the question
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv(command[0], command)
    os.closerange(3, 65_536)  # the worker's line is the worker's: its end must show
    ended = os.pidfd_open(worker)
    strays: set[int] = set()
    segments: set[str] = set()
    for look in count():
        if select.select([0, ended], [], [], LOOK_S)[0] or os.getppid() != asked_by:
            break
        left = _children(us) - {worker}
        _kill(left & strays)  # seen twice: it does not go by itself
        strays = left
        _reap(but=worker)
        if look % SEGMENTS_EVERY == 0:
            segments |= _segments_of(descendants(us))
    segments |= _segments_of(descendants(us))
    exit_code = _end(worker)
    _free(segments - before)
    _remove(folder)
    return exit_code


def _end(worker: int) -> int:
    """End the worker, and what it left once that had its time; returns the worker's exit code, or minus its signal."""
    status = signal.SIGKILL.value  # of one that waits for a broken device: it cannot be killed, nor waited for
    until = time.monotonic() + END_S
    _kill({worker})
    while time.monotonic() < until:
        pid, seen = os.waitpid(worker, os.WNOHANG)
        if pid:
            status = seen
            break
        time.sleep(0.005)
    grace = time.monotonic() + GRACE_S
    while (left := descendants(os.getpid())) and time.monotonic() < until:
        if time.monotonic() > grace:
            _kill(left)
        _reap()
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(status)


def _kill(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _reap(but: int | None = None) -> None:
    """Take note of the ended children, so that they are gone; the worker's end is read elsewhere."""
    for pid in _children(os.getpid()) - {but}:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _children(pid: int) -> set[int]:
    found: set[int] = set()
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found.update(map(int, (thread / "children").read_text().split()))
    return found


def descendants(pid: int) -> set[int]:
    """The processes that `pid` started, and those that these started."""
    found = _children(pid)
    return found.union(*map(descendants, found))


def _segments_of(pids: set[int]) -> set[str]:
    """The names of the shared memory that the processes hold."""
    found: set[str] = set()
    for pid in pids:
        with suppress(OSError):
            found.update(name.decode() for name in SEGMENT.findall(Path(f"/proc/{pid}/maps").read_bytes()))
    return found


def _free(segments: set[str]) -> None:
    """Remove the shared memory of the ended processes, unless somebody else holds it."""
    if not segments:
        return
    held = _segments_of({int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()})
    for name in segments - held:
        with suppress(OSError):
            (SHARED_MEMORY / name).unlink()


def _remove(folder: Path) -> None:
    import shutil  # a third of this program's start, and needed only at its end

    shutil.rmtree(folder, ignore_errors=True)


def _leave(code: int) -> None:
    """End as the worker ended."""
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with suppress(OSError):  # SIGKILL has no other disposition
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _stay(number: int, frame: FrameType | None) -> None:
    """A signal to the whole group is for the worker; the guardian goes after it."""


if __name__ == "__main__":
    for polite in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(polite, _stay)
    _leave(main(Path(sys.argv[1]), sys.argv[2:]))
