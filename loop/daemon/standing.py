"""What the daemon says of itself: what it does, what waits, what is owed. Never a word of a prompt or an answer."""

import os
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from loop.clock import utc_now
from loop.daemon.outbox import owed_by_run
from loop.daemon.queue import Entry, Queue, QueueFile
from runs.store import Store

if TYPE_CHECKING:
    from loop.daemon.work import Daemon


def standing(daemon: "Daemon") -> dict[str, Any]:
    """Everything that `daemon status` shows, as JSON values."""
    now, at_work = daemon.clock(), daemon.at_work
    return {
        "daemon": {
            "pid": os.getpid(),
            "instance": daemon.instance,
            "version": version("selfsame"),
            "home": str(daemon.store.home),
            "started": daemon.started.isoformat(timespec="seconds"),
            "hindered": daemon.hindered,
            "stopping": daemon.stopping,
            "silent_s": round(daemon.progress.silent_s(), 1),
        },
        "at_work": None
        if at_work is None
        else {
            "run": at_work.name,
            "address": at_work.address,
            "shard": at_work.done,
            "shards": at_work.total,
            "since": at_work.since.isoformat(timespec="seconds"),
            "attempt": at_work.attempt,
            "failed": at_work.failed,
        },
        "queue": shown_queue(daemon.queue.read(), now, None if at_work is None else at_work.number),
        "outbox": owed_by_run(daemon.store),
    }


def standing_without(store: Store, daemon: dict[str, Any] | None) -> dict[str, Any]:
    """What `daemon status` shows where no daemon answers: `daemon`, and the queue as it waits."""
    queue = shown_queue(QueueFile(store.home).read(), utc_now(), None)
    return {"daemon": daemon, "at_work": None, "queue": queue, "outbox": owed_by_run(store)}


def shown_queue(queue: Queue, now: datetime, at_work: int | None) -> list[dict[str, Any]]:
    """The entries as JSON values, without their configurations: first those that may begin, in their order."""
    entries = sorted(queue.entries, key=lambda entry: (entry.ended is not None, queue.order(entry)))
    return [shown(entry, now, entry.number == at_work) for entry in entries]


def shown(entry: Entry, now: datetime, at_work: bool) -> dict[str, Any]:
    """One entry as JSON values."""
    return {
        "run": entry.name,
        "recipe": entry.recipe,
        "priority": entry.priority,
        "state": _state(entry, now, at_work),
        "schedule": entry.schedule.model_dump(mode="json", exclude_none=True) if entry.schedule else None,
        "next": None if (time := entry.may_begin()) is None else time.isoformat(timespec="seconds"),
        "exit_code": entry.ended.exit_code if entry.ended else None,
        "said": entry.ended.said if entry.ended else "",
    }


def sentence(daemon: "Daemon") -> str:
    """What the daemon does, in one line. Reads nothing from the disk: it is asked for when that may be at fault."""
    at_work = daemon.at_work
    if at_work is None:
        does = f"hindered: {daemon.hindered}" if daemon.hindered else "waiting for work"
    else:
        does = f"{at_work.address} {at_work.done}/{at_work.total}" if at_work.total else at_work.address
    return f"stopping ({daemon.stopping}): {does}" if daemon.stopping else does


def _state(entry: Entry, now: datetime, at_work: bool) -> str:
    if at_work:
        if entry.ended is not None:
            return f"at work, {entry.ended.how} after the shard in flight"
        return "at work, pauses after the shard in flight" if entry.paused else "at work"
    if entry.ended is not None:
        return entry.ended.how
    if entry.paused:
        return "paused"
    if entry.waiting:
        return "waits for a person"
    time = entry.may_begin()
    return "waits for its turn" if time is not None and time <= now else "waits for its time"
