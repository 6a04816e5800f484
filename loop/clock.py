"""The wall clock: for provenance, which enters no digest, and for schedules, which no result depends on."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


def begin_lap() -> Callable[[], dict[str, float]]:
    """A function that says when the lap began, which is now, and when it ended: when that is called (s since 1970).

    Between the two a clock counts that nobody sets: no work ends before it began, whatever becomes of the time of day.
    """
    began, start = time.time(), time.monotonic()
    return lambda: {"began": began, "ended": began + time.monotonic() - start}


def utc_now() -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)
