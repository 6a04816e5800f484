"""`log --follow`: a line for each iteration as it closes, read off the store, whoever works there."""

import time
from collections.abc import Iterator

from loop.summary import HEADLINES, Closed, history
from loop.terminal import cell
from runs.lineage import find_run
from runs.store import Store

LOOK_S = 0.5


def follow(store: Store, name: str) -> Iterator[Closed]:
    """The closed iterations of a run, oldest first, each as soon as it is there; ends when the run is done or halted.

    A run that nobody works on is waited for: somebody may go on with it.
    """
    seen = 0
    at = None
    while _is_to_come(store, name):
        time.sleep(LOOK_S)
    while True:
        run = find_run(store, name)
        if run.iteration != at:
            at = run.iteration
            closed = history(store, run, since=seen)
            yield from closed
            seen += len(closed)
            if closed and closed[-1].verdict == "halt":
                return
        if seen > run.operational["iterations"]:
            return
        time.sleep(LOOK_S)


def _is_to_come(store: Store, name: str) -> bool:
    """Whether the run has not begun, and waits in a queue."""
    from loop.daemon.queue import QueueFile

    return store.run(name) is None and QueueFile(store.home).read().open(name) is not None


def line(name: str, one: Closed) -> str:
    """An iteration in one line: its address, its decision, and the headline metrics that it has."""
    shown = [f"{short}={cell(one.metrics[metric])}" for metric, short in HEADLINES.items() if metric in one.metrics]
    return "  ".join([f"{name}@{one.index}", one.verdict, *shown, *([one.reason] if one.verdict != "promote" else [])])
