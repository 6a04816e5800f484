"""What the daemon is doing, as far as it has heard; nowhere on the disk."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

from loop.progress import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AtWork:
    """The entry that is carried on, and the shard or step that is under way."""

    number: int
    name: str
    address: str
    done: int
    total: int
    since: datetime
    attempt: int = 1
    """At the step under way."""
    failed: str = ""
    """Where and why the attempt before ended; "" for the first."""

    def after(self, event: Event) -> "AtWork":
        """What it is doing now that the run has said this of itself."""
        if event.kind in ("moved", "note"):
            return self
        if event.kind == "retry":
            why = event.text.partition("\n")[0]  # what follows is what the worker printed
            return replace(self, attempt=event.done, failed=why)
        now = replace(self, address=event.address, done=event.done, total=event.total)
        return replace(now, attempt=1, failed="") if event.kind == "end" else now


def write_down(event: Event) -> None:
    """Put what a run says of itself in the log; not that something moved, or is known, or is all of its step."""
    if event.kind == "note":
        log.info("%s", event.text)
    elif event.kind == "retry":
        log.warning("%s", event.text)
    elif event.kind not in ("moved", "known") and not (event.kind == "shard" and event.total <= 1):
        shard = f" shard={event.done}/{event.total}" if event.kind == "shard" else f" {event.kind}"
        log.info("%s%s", event.address, shard)
