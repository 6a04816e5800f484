"""How much memory a process and all that it started hold."""

from contextlib import suppress

import psutil


def held_bytes(pid: int, above: float) -> int:
    """Resident memory of the process `pid` and its descendants, in bytes; 0 if it is gone.

    Summed as it is, memory that processes share counts once for each: at most too much. Only where that sum is above
    `above` are shares counted, which takes some milliseconds a GiB.
    """
    processes: list[psutil.Process] = []
    with suppress(psutil.Error):
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    at_most = sum(_resident(process) for process in processes)
    return at_most if at_most <= above else sum(_share(process) for process in processes)


def _resident(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _share(process: psutil.Process) -> int:
    with suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0
