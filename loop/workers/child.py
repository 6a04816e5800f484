"""A worker process seen from here: asked over a line, watched while it works, ended with all that it started."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from loop.workers.allowance import Allowance, Work
from loop.workers.capped_log import CappedLog
from loop.workers.effort import effort
from loop.workers.failures import OUT_OF_MEMORY, ending, kernel_kills, met_the_disk, ran_out_of_memory
from loop.workers.guardian import descendants
from loop.workers.line import Line, read_object
from loop.workers.patience import Patience
from loop.workers.temporary import temporary_folder
from runs.errors import DiskError, OutOfMemoryError, SelfsameError, StalledError, WorkerError

LOOK_S = 0.25
WEIGH_S = 1.0
FAREWELL_S = 5.0
TELL_S = 0.2
"""How long a process that hangs may take to print where."""
GIB = 2**30


class Child:
    """A worker in a session of its own under a guardian (`loop.workers.guardian`). After any failure it is ended.

    It ends when this process does, by whatever cause, and with it all that it started.
    """

    def __init__(
        self,
        called: str,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        allowance: Allowance,
        on_moved: Callable[[], None] = lambda: None,
    ) -> None:
        """Start `python -P -m module FD *arguments`, where FD is its end of the line (`trainers.parent`).

        `on_moved` is called for each sign of progress while it is waited for.
        """
        self.called = called
        self.log = CappedLog(log)
        self._allowance = allowance
        self._on_moved = on_moved
        self._moved, self._how_far = 0, ""
        self._kills_before = kernel_kills()
        self._weigh_again = 0.0
        ours, theirs = socket.socketpair()
        self._line = Line(ours, called)
        with theirs:
            worker = [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments]
            try:
                self._temporary = temporary_folder()
                self._guardian = subprocess.Popen(
                    [sys.executable, "-S", "-P", "-m", "loop.workers.guardian", self._temporary, *worker],
                    stdin=subprocess.PIPE,  # never written to: its end is how the guardian learns of ours
                    stdout=self.log.writing,
                    stderr=self.log.writing,
                    env={**environment, "TMPDIR": self._temporary},
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # a terminal's Ctrl-C is ours to handle
                )
            except OSError as error:
                raise WorkerError(f"{called} could not be started: {error}; see `selfsame doctor`") from error
        self.log.hand_over()
        self.pid = self._guardian.pid
        self._ended = os.pidfd_open(self.pid)

    def ask(self, message: Mapping[str, Any]) -> None:
        """Begin something new with a message. It goes out while the answer is waited for."""
        self.log.forget()
        self._kills_before = kernel_kills()
        self._how_far = ""
        self.tell(message)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a message that is about what was asked before."""
        self._line.tell(message)

    def answer(self, work: Work) -> dict[str, Any]:
        """The next message of the worker's that is no sign of progress.

        Raises StalledError if it stands still, OutOfMemoryError if it holds more memory than it may or died for want
        of it, DiskError if it ended and its last line names a full disk, and WorkerError if it ends otherwise, takes
        too long, or sends what is no JSON object.
        """
        patience = Patience(time.monotonic(), work.stall_s, work.timeout_s)
        has_ended, seen = False, ""
        try:
            while True:
                while line := self._line.next_line():
                    message = self._read(line, work)
                    if "moved" not in message:
                        return message
                    self._moved += 1
                    self._how_far = str(message["moved"])
                    self._on_moved()
                if has_ended:
                    raise self.failure(self.end(), work.doing)
                sign = work.sign()
                if sign != seen:
                    seen = sign
                    self._on_moved()
                if not patience.look(time.monotonic(), (self._moved, sign)):
                    self._have_it_say_where()
                    far = f" (last sign: {sign or self._how_far})" if sign or self._how_far else ""
                    stood = f"stood still for {patience.still_s:.3g} s while {work.doing}{far}"
                    raise StalledError(f"{self.called} {stood} and was ended. {self.log.last_lines()}")
                if patience.is_over:
                    took = f"took longer than {work.timeout_s:g} s {work.doing}"
                    raise WorkerError(f"{self.called} {took} and was ended. {self.log.last_lines()}")
                self._check_memory(work.doing)
                work.look()
                self._wait()
                has_ended = self._has_ended(FAREWELL_S if self._line.hung_up else 0)
                self._line.take()  # the last word of one that has ended
        except BaseException:
            self.end()
            raise

    def start_up(self, doing: str, timeout_s: float) -> Work:
        """Its first piece of work, of which nothing is heard: that it uses processor time is its sign."""
        stall_s = self._allowance.stall_s
        return Work(doing, max(timeout_s, stall_s), stall_s, effort(self.pid, stall_s))

    def failure(self, exit_code: int, doing: str) -> SelfsameError:
        """What to raise when it, or a program that it ran, ended with this exit code while `doing`.

        A DiskError where its last line says so, else a WorkerError: a fresh worker would make no room.
        """
        self.log.drain()
        if met_the_disk(self.log.last()):
            return DiskError(f"{self.called} {ending(exit_code)} while {doing}. {self.log.last_lines()}")
        out_of_memory = ran_out_of_memory(exit_code, self.log.last(), self._kills_before)
        kind, why = (OutOfMemoryError, ", out of memory,") if out_of_memory else (WorkerError, "")
        return kind(f"{self.called} {ending(exit_code)}{why} while {doing}. {self.log.last_lines()}")

    def gave_up(self, reason: str, doing: str) -> SelfsameError:
        """What to raise when it said itself that it failed, and why."""
        out_of_memory = any(words in reason for words in OUT_OF_MEMORY)
        kind = DiskError if met_the_disk(reason) else OutOfMemoryError if out_of_memory else WorkerError
        return kind(f"{self.called} failed while {doing}: {reason}. {self.log.last_lines()}")

    def end(self) -> int:
        """End it and all that it started; returns its exit code. To end it twice does nothing."""
        if self._guardian.stdin and not self._guardian.stdin.closed:
            self._guardian.stdin.close()
            self._has_ended(FAREWELL_S)
            with suppress(ProcessLookupError):
                # Whatever a killed guardian left; its number is nobody else's before `wait` has asked for it.
                os.killpg(self.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._guardian.wait(FAREWELL_S)
            os.close(self._ended)
            self._line.close()
            self.log.close()
            shutil.rmtree(self._temporary, ignore_errors=True)  # the guardian's to do, but it may have been killed
        code = self._guardian.returncode
        return -signal.SIGKILL if code is None else code

    def _have_it_say_where(self) -> None:
        """End each process that hangs so that its log holds where: Python prints the stacks when it is aborted."""
        for pid in sorted(descendants(self.pid), reverse=True):  # children first: they die with their parent
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGABRT)
            until = time.monotonic() + TELL_S
            while time.monotonic() < until and not self._has_ended():
                self._wait()

    def _has_ended(self, wait_s: float = 0) -> bool:
        ended = select.poll()
        ended.register(self._ended, select.POLLIN)
        return bool(ended.poll(wait_s * 1000))

    def _read(self, line: bytes, work: Work) -> dict[str, Any]:
        message = read_object(line)
        if message is None:
            shown = f"{line[:80]!r}. {self.log.last_lines()}"
            raise WorkerError(f"{self.called} answered garbage while {work.doing}: {shown}")
        return message

    def _wait(self) -> None:
        """Wait until something can be moved, for a moment at most, and move it."""
        moving = select.poll()
        if not self._line.hung_up:
            moving.register(self._line, self._line.awaits)
        moving.register(self.log, select.POLLIN)
        moving.register(self._ended, select.POLLIN)
        moving.poll(LOOK_S * 1000)
        self.log.drain()
        self._line.send()
        self._line.take()

    def _check_memory(self, doing: str) -> None:
        limit = self._allowance.memory_gib
        if limit is None or time.monotonic() < self._weigh_again:
            return
        self._weigh_again = time.monotonic() + WEIGH_S
        from loop.workers.memory import held_bytes

        held = held_bytes(self.pid, above=limit * GIB)
        if held > limit * GIB:
            raise OutOfMemoryError(
                f"{self.called} held {held / GIB:.2f} GiB while {doing}, above limits.worker_memory_gib={limit:g}, "
                f"and was ended. {self.log.last_lines()}"
            )
