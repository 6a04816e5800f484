"""What is to be done, as it stands in `control/queue.json`: the runs that were submitted, and what became of each.

Nothing here says that something is running: that is what the daemon says over its socket while it lives. What to do
next is a function of this file and the time, so a bell that is lost, late or doubled changes nothing.
"""

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationError

from loop.daemon.schedule import Frozen, Schedule
from runs import lock
from runs.durable import make_folder, read_checked, write_checked
from runs.errors import CorruptError, UsageError

ENDED_KEPT = 100
"""How many ended entries the file keeps, newest first."""

How = Literal["done", "halted", "stopped", "failed", "cancelled"]
Priority = Annotated[int, Field(ge=-1000, le=1000)]


class Ending(Frozen):
    """Why an entry is over. `exit_code` is what `selfsame run` would have left with."""

    how: How
    exit_code: int
    said: str
    at: AwareDatetime


class Entry(Frozen):
    """One submitted run. `number` is its identity and the order of submission; a name may come again after it ended."""

    number: int
    name: str
    recipe: str
    config: dict[str, Any] | None
    """The whole configuration that the run is still to be given; None once it stands in the run's own ref."""
    folder: str
    """The working folder of whoever submitted it, against which the files in its configuration are named."""
    submitted: AwareDatetime
    priority: Priority = 0
    """Higher goes first; of two that are alike the one that was submitted first."""
    schedule: Schedule | None = None
    rung: AwareDatetime | None = None
    """The last bell of the schedule that was answered."""
    until: int | None = None
    """The iteration that the bell answered last allowed, until it is there."""
    paused: bool = False
    waiting: bool = False
    """Whether a person is to say first if its decision may stand."""
    ended: Ending | None = None

    def may_begin(self) -> datetime | None:
        """From when on the daemon may take it; None if never by itself."""
        if self.paused or self.waiting or self.ended is not None:
            return None
        if self.schedule is None:
            return self.submitted
        return self.rung if self.until is not None else self.schedule.next_bell(self.submitted, self.rung)


class Queue(Frozen):
    """All entries, in the order of their submission."""

    entries: tuple[Entry, ...] = ()
    next_number: int = 1
    taken: int | None = None
    """The number of the entry that was taken last and has not come to rest: whoever comes next goes on with it."""

    def by_number(self, number: int) -> Entry | None:
        """The entry of that number; None if it is gone, as when its run was submitted anew."""
        return next((entry for entry in self.entries if entry.number == number), None)

    def open(self, name: str) -> Entry | None:
        """The entry of a run that is not over; None if there is none."""
        return next((entry for entry in self.entries if entry.name == name and entry.ended is None), None)

    def added(self, entry: Entry) -> "Queue":
        """With one more at the end, in place of what was over under the same name, and of the oldest endings."""
        others = [one for one in self.entries if one.name != entry.name]
        over = [one.number for one in others if one.ended is not None]
        dropped = set(over[: max(0, len(over) - ENDED_KEPT)])
        kept = [one for one in others if one.number not in dropped]
        return self.model_copy(update={"entries": (*kept, entry), "next_number": self.next_number + 1})

    def order(self, entry: Entry) -> tuple[bool, int, int]:
        """By which entries that may begin are taken, least first."""
        return (entry.number != self.taken, -entry.priority, entry.number)

    def changed(self, number: int, **changes: Any) -> "Queue":
        """With one entry changed; as it is if that entry is gone."""
        entries = tuple(one.model_copy(update=changes) if one.number == number else one for one in self.entries)
        return self.model_copy(update={"entries": entries})

    def over(self, number: int, ending: Ending) -> "Queue":
        """With one entry over, unless it was over before: who cancels a run is not contradicted by its end."""
        entry = self.by_number(number)
        return self if entry is None or entry.ended is not None else self.changed(number, ended=ending)


def due(queue: Queue, now: datetime, passed_over: Collection[int | None] = ()) -> Entry | None:
    """What to take next: of all that may begin by `now` the highest priority, then the first submitted.

    The one that was at work when its daemon ended goes before all others: a run at work is never pushed aside. Entries
    whose number is in `passed_over` are not taken now.
    """
    waiting = [entry for entry in queue.entries if entry.number not in passed_over]
    ready = [entry for entry in waiting if (time := entry.may_begin()) is not None and time <= now]
    return min(ready, key=queue.order, default=None)


def taking(queue: Queue, entry: Entry, now: datetime, closed: int) -> Queue:
    """With the entry taken, and its bell answered (`answered`)."""
    return answered(queue, entry, now, closed).model_copy(update={"taken": entry.number})


def at_rest(queue: Queue) -> Queue:
    """With what was taken come to rest: it is over, or waits for its turn again."""
    return queue.model_copy(update={"taken": None})


def answered(queue: Queue, entry: Entry, now: datetime, closed: int) -> Queue:
    """With the bell of a repeating schedule answered: the run may close one iteration after `closed` (-1: none yet).

    However many bells were missed they are one. The first allows iteration 1, for which number 0 is only the start.
    """
    if entry.schedule is None or not entry.schedule.repeats or entry.until is not None:
        return queue
    return queue.changed(entry.number, rung=now, until=max(closed, 0) + 1)


def set_right(queue: Queue, now: datetime) -> Queue:
    """With nothing submitted and no bell answered in the future: a clock that was set back would keep a run waiting, or
    a schedule silent, for as long."""
    for entry in queue.entries:
        times = {"submitted": entry.submitted, "rung": entry.rung}
        ahead = {what: now for what, time in times.items() if time is not None and time > now}
        if ahead and entry.ended is None:
            queue = queue.changed(entry.number, **ahead)
    return queue


class QueueFile:
    """The queue on the disk. Whoever changes it is inside `lock()`; its threads take turns."""

    def __init__(self, home: Path) -> None:
        self._path = home / "control" / "queue.json"
        self._lock_path = home / "queue.lock"
        self.turn = threading.RLock()
        """Held by the thread that changes the queue, or names that the queue must agree with."""
        self._queue: Queue | None = None

    def lock(self) -> AbstractContextManager[None]:
        """Be the one process that changes the queue: a daemon for life, anybody else for a moment. Raises BusyError.

        It is not the store's lock, so that work can be queued while a run is at work without a daemon.
        """
        return lock.hold(self._lock_path)

    def read(self) -> Queue:
        """The queue as it stands; whoever changes it is not waited for. Raises CorruptError for a damaged file."""
        if (queue := self._queue) is not None:
            return queue
        with self.turn:
            if self._queue is None:
                self._queue = self._load()
            return self._queue

    def change(self, how: Callable[[Queue], Queue]) -> Queue:
        """The queue, changed, and on the disk. Raises DiskError, with nothing changed."""
        with self.turn:
            before = self.read()
            after = how(before)
            if after != before:
                make_folder(self._path.parent)
                write_checked(self._path, after.model_dump(mode="json"))
                self._queue = after
            return after

    def _load(self) -> Queue:
        value = read_checked(self._path)
        if value is None:
            return Queue()
        try:
            return Queue.model_validate(value)
        except ValidationError as error:
            raise CorruptError(
                f"{self._path} is of another version of selfsame ({error.error_count()} differences); start the daemon "
                "with the version that wrote it, or move the file away: runs are not in it"
            ) from error


def open_entry(queue: Queue, name: str) -> Entry:
    """The entry of that run which is not over. Raises UsageError with what there is instead."""
    entry = queue.open(name)
    if entry is None:
        over = next((one.ended for one in queue.entries if one.name == name and one.ended is not None), None)
        names = ", ".join(one.name for one in queue.entries if one.ended is None)
        raise UsageError(
            f"{name} is not in the queue{f' any more ({over.how})' if over else ''}; "
            f"{f'there is {names}' if names else 'the queue is empty'}. `selfsame daemon status` lists what ended"
        )
    return entry
