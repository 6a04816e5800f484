"""Sending to MLflow what runs still owe it while they are not at work: a process beside the loop, never waited for."""

import logging
import subprocess
from contextlib import suppress

from loop.daemon.bell import Every
from loop.start_sender import start_sender
from runs.errors import CorruptError, SelfsameError
from runs.mlflow_mark import lag, wanted_uri
from runs.store import Store

RETRY_S = 60
"""A sender is started at most so often: a dead server costs one short attempt a minute."""

log = logging.getLogger(__name__)


class Outbox:
    """At most one sender at a time, for one run after the other. Call it from the thread that lives longest."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pace = Every(RETRY_S)
        self._sender: subprocess.Popen[bytes] | None = None
        self._turn = ""

    def flush(self, at_work: str | None) -> None:
        """Have something sent that is owed, if it is time. A run at work has a sender of its own."""
        if self._sender is not None and self._sender.poll() is None:
            return
        self._sender = None
        if not self._pace.passed():
            return
        try:
            owing = sorted(name for name in owed_by_run(self._store) if name != at_work)
        except SelfsameError as error:
            log.warning("MLflow is not fed: %s", error)  # the window is no reason to stop the loop
            return
        if owing:
            # Round and round, so that one run whose server is dead does not keep the others waiting.
            self._turn = next((name for name in owing if name > self._turn), owing[0])
            self._start(self._turn)

    def soon(self) -> None:
        """Let the next `flush` send at once: a run has just ended, and its last points may be owed."""
        self._pace = Every(RETRY_S)

    def close(self) -> None:
        """End the sender; what it has not sent stays owed."""
        if self._sender is not None:
            self._sender.terminate()
            self._sender.wait()

    def _start(self, name: str) -> None:
        run = self._store.run(name)
        if run is None:
            return
        try:
            self._sender = start_sender(self._store, name, wanted_uri(self._store.home, run), subprocess.DEVNULL)
        except OSError as error:
            log.warning("run=%s MLflow is not fed: its sender did not start (%s)", name, error)


def owed_by_run(store: Store) -> dict[str, int]:
    """How many closed iterations of each run MLflow was not sent yet; runs that owe none are left out."""
    owed = {}
    for run in store.runs():
        with suppress(CorruptError):  # a damaged run is for the loop to report, not for the window
            owed[run.name] = lag(store, run) or 0
    return {name: count for name, count in owed.items() if count}
