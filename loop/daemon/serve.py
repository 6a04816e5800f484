"""`selfsame daemon run`: the lock, the signals, the socket, the bells and the loop, put together."""

import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from loop.clock import utc_now
from loop.daemon.bell import rung_regularly
from loop.daemon.listening import listening
from loop.daemon.notify import Notifier
from loop.daemon.queue import QueueFile
from loop.daemon.standing import sentence
from loop.daemon.work import PATIENCE_S, Daemon
from loop.terminal import block
from runs.errors import CorruptError
from runs.store import Store

if TYPE_CHECKING:
    from starlette.applications import Starlette

STALL_S = 900.0
"""After so long without anything done there is a warning. systemd's watchdog, where there is one, has its own time."""
WATCH_S = 10.0
STOPPED_AT_ONCE = 130

log = logging.getLogger(__name__)


def serve(store: Store) -> str:
    """Be the daemon of this home until somebody asks it to stop; returns who did.

    Raises BusyError, naming the owner, if somebody else works here, and CorruptError if a ref or the queue is damaged.
    """
    notifier = Notifier(os.environ)
    with store.lock(), QueueFile(store.home).lock():
        _say_what_happens()
        daemon = Daemon(store, utc_now, min(PATIENCE_S, (notifier.watchdog_s or PATIENCE_S) / 4))
        check_refs(store)
        daemon.queue.read()
        _stop_on_signals(daemon, notifier)
        watch = Watch(daemon, notifier)
        with (
            listening(store.home, daemon.instance, lambda: _application(daemon)),
            rung_regularly(daemon.bell, watch.look, watch.every_s),
        ):
            notifier.tell(READY="1", STATUS=sentence(daemon))
            log.info("ready pid=%d home=%s", os.getpid(), store.home)
            daemon.work()
            notifier.tell(STOPPING="1")
        log.info("stopped by %s", daemon.stopping)
        return daemon.stopping


def _application(daemon: Daemon) -> "Starlette":
    from loop.daemon.api import application

    return application(daemon)


def check_refs(store: Store) -> None:
    """Returns if every run's ref is whole and its iteration is there. Raises CorruptError."""
    for run in store.refs():
        if run.iteration and not store.has(run.iteration):
            raise CorruptError(
                f"{store.ref_path(run.name)} points at {run.iteration}, which is not in the store. "
                "Run `selfsame verify` to see what is missing"
            )


class Watch:
    """Looks at the loop from beside it: tells systemd that it moves, and the log when it does not."""

    def __init__(self, daemon: Daemon, notifier: Notifier) -> None:
        self._daemon = daemon
        self._notifier = notifier
        self._limit_s = notifier.watchdog_s or STALL_S
        self._warned = False
        self._beats: dict[Path, int] = {}
        self.every_s = min(WATCH_S, self._limit_s / 2)

    def look(self) -> None:
        """Report what the loop got done lately. A loop that lives and does nothing gets no sign of life."""
        self._hear_trainers()
        fields = {"STATUS": sentence(self._daemon)}
        silent_s = self._daemon.progress.silent_s()
        moving = silent_s < self._limit_s
        if moving and self._notifier.watchdog_s is not None:
            fields["WATCHDOG"] = "1"
        if moving and self._daemon.stopping:
            fields["EXTEND_TIMEOUT_USEC"] = _microseconds(3 * self.every_s)
        self._notifier.tell(**fields)
        if not moving and not self._warned:
            log.warning("nothing got done for %.0f s; last: %s", silent_s, fields["STATUS"])
        self._warned = not moving

    def _hear_trainers(self) -> None:
        """A training program changes its file `beat` with each thing done; the loop only hears of it at the end."""
        beats = {}
        for path in self._daemon.store.scratch.rglob("beat"):
            with suppress(OSError):
                beats[path] = path.stat().st_mtime_ns
        if beats.items() - self._beats.items():
            self._daemon.progress.moved()
        self._beats = beats


def _stop_on_signals(daemon: Daemon, notifier: Notifier) -> None:
    """The first signal ends the daemon after the shard in flight, the second at once: its workers die with it."""

    signalled = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal signalled
        if signalled:
            os._exit(STOPPED_AT_ONCE)
        signalled = True
        daemon.stop(signal.Signals(number).name)
        notifier.tell(STOPPING="1", EXTEND_TIMEOUT_USEC=_microseconds(3 * WATCH_S), STATUS=sentence(daemon))

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)


def _say_what_happens() -> None:
    """One line an event on standard error. A log that cannot be written stops nothing."""
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(HarmlessLines("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("loop").setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # or whoever sends garbage fills the log


class HarmlessLines(logging.Formatter):
    """No text of a worker's, whatever it holds, steers the terminal of a reader or passes for a line of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """The record on one line; what else it has is set in behind a bar."""
        return block(super().format(record))


def _microseconds(seconds: float) -> str:
    return str(int(seconds * 1e6))
