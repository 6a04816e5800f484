"""How often the same piece of work is tried again after a worker failed."""

from loop.progress import Event, Say
from runs.errors import WorkerError


class Attempts:
    """Follows a run by its events, and counts the failures in a row at one place.

    A place is a step and how many shards of it are done. A run gets past it once there is a receipt, so a failure
    elsewhere is the first of its own.
    """

    def __init__(self, run: str, limit: int, say: Say) -> None:
        self._run, self._limit, self._say = run, limit, say
        self._place, self._shards = run, 0
        self._failed_at, self._failures = ("", 0), 0

    def hear(self, event: Event) -> None:
        """Take note of where the run is, and pass the event on."""
        if event.kind == "begin":
            self._place, self._shards = event.address, 0
        elif event.kind == "shard":
            self._place, self._shards = event.address, self._shards + 1
            if event.done < event.total:
                self._place += f", shard {event.done + 1} of {event.total}"
        self._say(event)

    def failed(self, error: WorkerError, remedy: str) -> None:
        """Say what failed where, and what is done about it. Raises the error, with its place, once that is enough."""
        here = (self._place, self._shards)
        self._failures = self._failures + 1 if here == self._failed_at else 1
        self._failed_at = here
        text = f"{self._place}: attempt {self._failures} of {self._limit} failed: {error}"
        if self._failures >= self._limit:
            raise type(error)(f"{text} `selfsame resume {self._run}` tries again; nothing is lost") from error
        self._say(Event("retry", self._place, self._failures + 1, self._limit, f"{text} {remedy}"))
