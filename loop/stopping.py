"""Stopping a run in the foreground with SIGTERM: cleanly the first time, at once the second."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from loop.limits import Stop


@contextmanager
def stop_on_sigterm() -> Iterator[Stop]:
    """A `Stop` that says so after a SIGTERM. A second SIGTERM raises KeyboardInterrupt, as Ctrl-C does."""
    asked: list[str] = []

    def take_note(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append("SIGTERM asked for it")

    before = signal.signal(signal.SIGTERM, take_note)
    try:
        yield lambda: asked[0] if asked else ""
    finally:
        signal.signal(signal.SIGTERM, before)
