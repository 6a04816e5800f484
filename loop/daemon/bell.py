"""What wakes the daemon. A bell has no meaning of its own: whoever wakes looks at everything that could be due."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

LOOK_S = 5
"""How often the daemon looks for work: a run that is due begins at most so much later."""


class Bell:
    """Rung by any thread, or by a signal handler: its queue may be entered again while it is being entered."""

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake who waits, or who waits next."""
        self._rings.put(None)

    def wait(self, patience_s: float) -> None:
        """Return when the bell rings, or after `patience_s`. Rings that came before count, and many count as one."""
        try:
            self._rings.get(timeout=patience_s)
            while True:
                self._rings.get_nowait()
        except Empty:
            return


class Every:
    """At most once in so many seconds, on a clock that nobody sets."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: float | None = None

    def passed(self) -> bool:
        """Whether it is time; if so, the next time is `seconds` away."""
        now = self._clock()
        if self._last is not None and now - self._last < self._seconds:
            return False
        self._last = now
        return True


class Progress:
    """When the loop last got something done. Moving, not merely alive."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()

    def moved(self) -> None:
        """Something got done."""
        self._last = self._clock()

    def silent_s(self) -> float:
        """For how long nothing got done."""
        return self._clock() - self._last


@contextmanager
def rung_regularly(bell: Bell, watch: Callable[[], None], watch_every_s: float) -> Iterator[None]:
    """Have `bell` rung every `LOOK_S`, and `watch` called in a thread beside the loop, until the block ends."""
    from apscheduler.schedulers.background import BackgroundScheduler

    # A late bell is rung all the same, late ones together are one, and none is rung twice at once.
    defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults=defaults)
    scheduler.add_job(bell.ring, "interval", seconds=LOOK_S)
    scheduler.add_job(watch, "interval", seconds=watch_every_s)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
