"""Keeping MLflow up to date from beside the loop, which never waits for it."""

import contextlib
import math
import os
import signal
import subprocess
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from loop.config_operational import Export
from loop.progress import Event, Say
from loop.start_sender import sender_command, start_sender
from loop.workers.effort import processor_s
from loop.workers.guardian import descendants
from loop.workers.patience import Patience
from runs.counted import counted
from runs.errors import SelfsameError
from runs.lineage import find_run
from runs.mlflow_mark import default_uri, forget, owed, read_mark, wanted_uri
from runs.store import Store

PATIENCE_S = 60.0
"""How long a run that ends waits for a sender of its last points that stands still, if MLflow is there to take them.
One that works may take its time: MLflow's first start in a home takes minutes on a busy machine."""
WORKS_S = 0.01 * PATIENCE_S
"""Processor time in PATIENCE_S that is work."""
HURRIED_PATIENCE_S = 2.0
WAIT_S = 0.5
QUIET_S = 5.0
"""How long it is waited without a word."""
ANSWER_S = 1.0
"""How long a server has to answer to one question; one that does not is not waited for."""


def rebuild(store: Store) -> list[str]:
    """Send every run to MLflow again, whatever was sent before, and return the names of those that could not be.

    What is there stays as it is, what is gone comes back: every point goes out with its original time.
    """
    failed = []
    for run in store.runs():
        forget(store.home, run.name)
        command = sender_command(store, run.name, wanted_uri(store.home, run))
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            failed.append(run.name)
    return failed


class Feeder:
    """Runs the sender (`runs.mlflow_sender`) beside the loop: a process, as MLflow in a thread would hold up others.

    The sender outlives a server's failures. One that was killed is started again at the next poke.
    """

    def __init__(self, store: Store, run: str, export: Export, say: Say) -> None:
        self._store = store
        self._run = run
        self._wanted = export.mlflow
        self._uri = export.tracking_uri or default_uri(store.home)
        self._say = say
        self._log = store.logs / f"mlflow-{run}.log"
        self._sender: subprocess.Popen[bytes] | None = None
        # What an earlier start of the run could not send.
        if self._owed():
            self.poke()

    def poke(self) -> None:
        """Have everything sent that the store holds by now. Returns at once."""
        if not self._wanted:
            return
        if self._sender is None or self._sender.poll() is not None:
            self._start()
        elif self._sender.stdin is not None:
            # Broken: it has just failed. Full: it was told already.
            with contextlib.suppress(BrokenPipeError, BlockingIOError):
                os.write(self._sender.stdin.fileno(), b"\n")

    def finish(self, hurried: bool = False) -> None:
        """Wait for the last points where MLflow can take them, end the sender, and say so if they could not be sent.

        `hurried` is for somebody who wants out, or sends later: nothing is then waited for long, and what is owed is
        no failure, and not said.
        """
        if not self._wanted:
            return
        why = f"{self._log} says why"
        if self._sender is not None and self._sender.stdin is not None:
            self._sender.stdin.close()
            why = self._wait(self._sender, hurried or not self._owed()) or why
        if (count := self._owed()) and not hurried:
            iterations = f"{counted(count, 'iteration')} of {self._run}"
            self._note(
                f"{iterations} could not be sent to MLflow at {self._uri}: {why}; `selfsame resume {self._run}` sends "
                "what is owed, nothing is lost"
            )

    def _wait(self, sender: "subprocess.Popen[bytes]", hurried: bool) -> str:
        """Wait for a sender that was told to end, or end it. Returns why it was not waited for any longer, if so."""
        why = "" if hurried or _answers(self._uri) else "it does not answer"
        stall_s, timeout_s = (PATIENCE_S, math.inf) if not hurried else (HURRIED_PATIENCE_S, HURRIED_PATIENCE_S)
        patience = Patience(began := time.monotonic(), stall_s, timeout_s)
        told = hurried
        while not why:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return _ended_by(sender.wait(min(WAIT_S, stall_s)))
            if not told and time.monotonic() - began >= QUIET_S:
                told = True
                self._note(
                    f"{self._run} is done; MLflow still takes {counted(self._owed(), 'iteration')}, and is waited for "
                    "as long as it works (Ctrl-C loses nothing)"
                )
            if not patience.look(time.monotonic(), self._work_of(sender.pid)):
                why = f"it stood still for {stall_s:g} s"
            elif patience.is_over:
                why = f"it took more than {timeout_s:g} s"
        sender.kill()
        sender.wait()
        return why

    def _work_of(self, pid: int) -> object:
        """What differs as long as the sender works: what it has sent, and how much processor time it took."""
        used_s = sum(map(processor_s, {pid, *descendants(pid)}))
        return read_mark(self._store.home, self._run), int(used_s / WORKS_S)

    def _owed(self) -> int:
        if not self._wanted:
            return 0
        try:
            return len(owed(self._store, find_run(self._store, self._run), self._uri))
        except SelfsameError:
            return 0  # a damaged store is for the loop to report, not for the window

    def _start(self) -> None:
        try:
            self._sender = start_sender(self._store, self._run, self._uri, subprocess.PIPE)
        except OSError as error:
            self._sender = None
            self._note(f"MLflow is not fed: its sender did not start ({error})")
            return
        if self._sender.stdin is not None:
            os.set_blocking(self._sender.stdin.fileno(), False)

    def _note(self, text: str) -> None:
        self._say(Event("note", self._run, text=text))


def _ended_by(code: int) -> str:
    """Why a sender that could not say so itself sent no more; "" for one that could."""
    if code >= 0:
        return ""
    slow = ": one page took it too long, as on a machine that is busy" if code == -signal.SIGALRM else ""
    return f"its sender was ended by {signal.Signals(-code).name}{slow}"


def _answers(uri: str) -> bool:
    """Whether MLflow is there: a file in the home always is, a server if it answers at once and does not fail."""
    place = urlsplit(uri)
    kinds = {"http": HTTPConnection, "https": HTTPSConnection}
    if place.scheme not in kinds:
        return True
    connection = kinds[place.scheme](place.hostname or "", place.port, timeout=ANSWER_S)
    try:
        connection.request("GET", f"{place.path.rstrip('/')}/health")
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
