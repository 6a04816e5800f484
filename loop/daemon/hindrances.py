"""What the disk keeps from being done. It is passed over for a while, so that what waits behind it has its turn."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from loop.daemon.queue import Queue

RETRY_S = 20
"""How often work that the disk stopped is tried again: within a minute of the room being back."""
ALL = None
"""In place of an entry's number: the queue itself cannot be changed, so that nothing can be taken."""


@dataclass(frozen=True)
class _Hindrance:
    said: str
    until_s: float


class Hindrances:
    """What the disk said of which entry. Changed by the loop alone; `said` may be asked for by any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[int | None, _Hindrance] = {}

    def add(self, number: int | None, said: str) -> bool:
        """Pass an entry over for `RETRY_S`. Returns whether that is new of it."""
        is_new = number not in self._known
        self._known = {**self._known, number: _Hindrance(said, self._clock() + RETRY_S)}
        return is_new

    def forget(self, number: int | None) -> None:
        """It is done, or can be."""
        self._known = {other: one for other, one in self._known.items() if other != number}

    def forget_ended(self, queue: Queue) -> None:
        """Of what is over, as by a person who cancelled it, nothing is in the way any more."""
        to_come = {ALL, *(entry.number for entry in queue.entries if entry.ended is None)}
        self._known = {number: one for number, one in self._known.items() if number in to_come}

    def passed_over(self) -> frozenset[int | None]:
        """What is not tried now."""
        now_s = self._clock()
        return frozenset(number for number, one in self._known.items() if now_s < one.until_s)

    def said(self) -> str:
        """Why something is not taken although it may be due; "" if nothing is in the way."""
        return "; ".join(dict.fromkeys(one.said for one in self._known.values()))
