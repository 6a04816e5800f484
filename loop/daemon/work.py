"""The loop of the daemon: take what is due, carry it on, write down what became of it, again.

It runs in the main thread, because what it starts dies with the thread that started it. Other threads only read,
change the queue in their turn, and ring the bell.
"""

import logging
import os
import secrets
import traceback
from collections.abc import Callable
from datetime import datetime

from loop.clock import utc_now
from loop.daemon.at_work import AtWork, write_down
from loop.daemon.bell import Bell, Every, Progress
from loop.daemon.client import as_typed_beside_a_daemon
from loop.daemon.hindrances import ALL, RETRY_S, Hindrances
from loop.daemon.outbox import Outbox
from loop.daemon.queue import Ending, Entry, How, QueueFile, at_rest, due, set_right, taking
from loop.daemon.ready import make_ready
from loop.progress import Event
from runs.errors import FULL_OR_FAILING, CorruptError, DiskError, SelfsameError
from runs.store import Store

PATIENCE_S = 60.0
"""Longest sleep without a bell."""
COLLECT_S = 86_400
"""How often what no name reaches any more is removed, between two runs."""

log = logging.getLogger(__name__)


class Daemon:
    """One home's daemon. `work` is for the main thread; the rest may be read and called from any."""

    def __init__(self, store: Store, clock: Callable[[], datetime], patience_s: float = PATIENCE_S) -> None:
        """The store's lock is held, here and until the end."""
        self.store = store
        self.clock = clock
        self.queue = QueueFile(store.home)
        self.bell = Bell()
        self.progress = Progress()
        self.instance = secrets.token_hex(16)
        self.started = clock()
        self.at_work: AtWork | None = None
        self.stopping = ""
        """Who asked the daemon to stop; "" if nobody did."""
        self._patience_s = patience_s
        self._outbox = Outbox(store)
        self._hindrances = Hindrances()
        self._collection = Every(COLLECT_S)
        self._collection.passed()  # not at every start: the store has to be read for it

    @property
    def hindered(self) -> str:
        """Why something is not taken although it may be due: what the disk said."""
        return self._hindrances.said()

    def stop(self, who: str) -> None:
        """End after the shard in flight. Safe in a signal handler."""
        self.stopping = who
        self.bell.ring()

    def work(self) -> None:
        """Carry on whatever is due, until somebody asks the daemon to stop."""
        try:
            while not self.stopping:
                if not self.turn():
                    self.bell.wait(min(self._patience_s, RETRY_S) if self.hindered else self._patience_s)
        finally:
            self._outbox.close()

    def turn(self) -> bool:
        """Take one entry as far as it goes now; False if there is nothing to take.

        One that the disk stops is passed over until its next try: the trouble may be its own, and not the next one's.
        """
        self.progress.moved()
        self._outbox.flush(None)
        passed_over = self._hindrances.passed_over()
        if ALL in passed_over:
            return False
        if self._collection.passed():
            self._collect()
        now, number = self.clock(), ALL
        try:
            queue = self.queue.change(lambda queue: set_right(queue, now))
            self._hindrances.forget(ALL)
            self._hindrances.forget_ended(queue)
            entry = due(queue, now, passed_over)
            if entry is None:
                return False
            number = entry.number
            self._carry(entry, now)
        except (DiskError, OSError) as error:
            if not _is_the_disk(error):
                raise
            if self._hindrances.add(number, str(error)):
                log.warning("disk: %s; tried again every %d s", error, RETRY_S)
            return number is not ALL
        self._hindrances.forget(number)
        return True

    def _collect(self) -> None:
        """Remove what no run and no tag reaches. No step is under way.

        It is looked for beside whoever asks, which may take long; where a name was given or taken meanwhile, again.
        """
        from runs.gc import collect, garbage

        try:
            while True:
                names = self.store.refs()
                found = garbage(self.store, before_ns=int(utc_now().timestamp() * 1e9))
                with self.queue.turn:
                    if self.store.refs() == names:
                        count = sum(files for files, _ in found.sizes().values())
                        collect(self.store, found)
                        break
        except (CorruptError, DiskError, OSError) as error:
            log.warning("not everything was collected: %s", error)
            return
        log.info("collected %d files that nothing reaches", count)

    def _carry(self, entry: Entry, now: datetime) -> None:
        """Take the run as far as it goes now, and write down how it ended if it did.

        Only a full or failing disk is tried again by itself, and raises here. All else needs a person, and the next
        entry does not.
        """
        log.info("run=%s taken from the queue", entry.name)
        self.at_work = AtWork(entry.number, entry.name, entry.name, 0, 0, now)
        try:
            ended = self._outcome(entry, now)
        except Exception as error:
            if _is_the_disk(error):
                raise
            ended = self._failure(error)
        finally:
            self.at_work = None
            self._outbox.soon()
            os.chdir(self.store.home)
        if ended is not None:
            log.info("run=%s %s exit_code=%d: %s", entry.name, ended.how, ended.exit_code, ended.said)
            self.queue.change(lambda queue: at_rest(queue.over(entry.number, ended)))
        elif not self.stopping:
            self.queue.change(at_rest)

    def _outcome(self, entry: Entry, now: datetime) -> Ending | None:
        """How the run came to rest; None if it is to go on when its turn comes again."""
        # Not at the top: the daemon is ready before numpy and pyarrow are imported.
        from loop.drive import carry_on

        closed = self._closed(entry.name)
        # The bell is answered on the disk before anything is done for it: no crash makes it ring twice.
        self.queue.change(lambda queue: taking(queue, entry, now, closed))
        make_ready(self.store, self.queue, entry)
        reasons: list[str] = []

        def stop() -> str:
            if reason := self._why_stop(entry.number):
                reasons.append(reason)
            return reason

        outcome = carry_on(self.store, entry.name, self._hear, stop, hurried=True)
        if outcome.kind == "halted":
            return self._ending("halted", 3, outcome.reason)
        if outcome.kind == "done":
            return self._ending("done", 0, outcome.reason)
        if outcome.kind == "waiting":
            log.info("run=%s %s", entry.name, outcome.reason)
            self._wait_for_a_person(entry)
            return None
        if not reasons:
            return self._ending("stopped", 0, outcome.reason)
        log.info("run=%s stops: %s", entry.name, outcome.reason)
        self._rest_until_the_next_bell(entry.number)
        return None

    def _why_stop(self, number: int) -> str:
        """Why the run is to stop here; "" if it is to go on. Asked before each shard, and often while a training runs:
        that it is asked is no progress."""
        self._outbox.flush(self.at_work.name if self.at_work else None)
        if self.stopping:
            return f"the daemon was asked to stop ({self.stopping})"
        entry = self.queue.read().by_number(number)
        if entry is None or entry.ended is not None:
            return "cancelled by a person"
        if entry.paused:
            return "paused by a person"
        if entry.until is not None and self._closed(entry.name) >= entry.until:
            return f"its schedule allows iteration {entry.until} for now"
        return ""

    def _wait_for_a_person(self, entry: Entry) -> None:
        """Leave the run until somebody has said whether its decision may stand, which may be by now."""
        from loop.word import what_waits

        with self.queue.turn:
            run = self.store.run(entry.name)
            if run is not None and what_waits(self.store, run):
                self.queue.change(lambda queue: queue.changed(entry.number, waiting=True))

    def _rest_until_the_next_bell(self, number: int) -> None:
        """If the iteration that a bell allowed is there, the next one is for the next bell."""
        entry = self.queue.read().by_number(number)
        if entry is not None and entry.until is not None and self._closed(entry.name) >= entry.until:
            self.queue.change(lambda queue: queue.changed(number, until=None))

    def _closed(self, name: str) -> int:
        """The index of the run's last closed iteration; -1 if it has none."""
        run = self.store.run(name)
        return self.store.iteration(run.iteration).index if run is not None and run.iteration else -1

    def _hear(self, event: Event) -> None:
        """Take note of what the run says of itself."""
        self.progress.moved()
        write_down(event)
        if self.at_work is not None:
            self.at_work = self.at_work.after(event)

    def _ending(self, how: How, exit_code: int, said: str) -> Ending:
        return Ending(how=how, exit_code=exit_code, said=said, at=self.clock())

    def _failure(self, error: Exception) -> Ending:
        if isinstance(error, SelfsameError):
            return self._ending("failed", error.exit_code, as_typed_beside_a_daemon(str(error)))
        log.error("a bug: %s", traceback.format_exc())
        return self._ending("failed", 1, f"a bug: {type(error).__name__}: {error}. The traceback is in the log")


def _is_the_disk(error: Exception) -> bool:
    return isinstance(error, DiskError) or (isinstance(error, OSError) and error.errno in FULL_OR_FAILING)
