"""Naming how a worker ended, and telling whether it was for want of memory."""

import errno
import os
import signal
from pathlib import Path

# What a Python program, torch on a CPU or a GPU, and the C++ library say last when they get no memory.
OUT_OF_MEMORY = (
    "MemoryError",
    "OutOfMemoryError",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "can't allocate memory",
    "Cannot allocate memory",
    "std::bad_alloc",
)

NO_ROOM = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS))


def ending(exit_code: int) -> str:
    """An exit code in words; minus a signal's number is a death by it."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    return f"was killed by {signal.Signals(-exit_code).name}"


def kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory since it started, in any container; 0 if untold."""
    try:
        counters = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in counters.splitlines() if line.startswith("oom_kill ")), 0)


def ran_out_of_memory(exit_code: int, said: str, kills_before: int) -> bool:
    """Whether a worker that failed did so for want of memory.

    `said` is the last that it said; `kills_before` is what `kernel_kills` was when its work began.
    """
    if exit_code == -signal.SIGKILL:
        return kernel_kills() > kills_before
    return exit_code != 0 and any(words in said for words in OUT_OF_MEMORY)


def met_the_disk(said: str) -> bool:
    """Whether the last line that a worker said names a disk that is full or read-only."""
    return any(words in (said.strip().splitlines() or [""])[-1] for words in NO_ROOM)
