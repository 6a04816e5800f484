"""Whether a worker that is only starting, and says nothing yet, gets anything done: it uses processor time."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from loop.workers.guardian import descendants

LEAST = 0.01
"""Of one core, over the time that a worker may stand still; one that hangs in a lock or a dead disk uses none."""
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def effort(guardian: int, stall_s: float) -> Callable[[], str]:
    """A sign that changes as long as what runs under `guardian` uses a hundredth of a core, seen over `stall_s`.

    For a start alone, during which nothing else is seen: what spins without end uses processor time too.
    """
    step_s = max(LEAST * stall_s, 1 / TICKS_A_SECOND)

    def sign() -> str:
        used_s = sum(map(processor_s, descendants(guardian)))
        return f"{int(used_s / step_s) * step_s:.2f} s of processor time"

    return sign


def processor_s(pid: int) -> float:
    """Processor time that a process and its ended children have used, in seconds; 0 if it is gone."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS_A_SECOND  # utime, stime, cutime and cstime: proc(5)
    return 0.0
