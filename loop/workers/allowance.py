"""What a worker may take, and what it is waited for."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """What a worker may take: seconds without a sign of progress, and GiB of memory with all that it started."""

    stall_s: float = 900.0
    memory_gib: float | None = None


USUAL = Allowance()


@dataclass(frozen=True)
class Work:
    """One thing that is waited for: what it is called, how long it may take, and how one sees that it moves.

    `sign` gives anything that changes with progress (the worker's own signs count too). `look` is called every quarter
    of a second, and what it raises ends the wait.
    """

    doing: str
    timeout_s: float
    stall_s: float
    sign: Callable[[], str] = lambda: ""
    look: Callable[[], None] = lambda: None
