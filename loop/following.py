"""`log --follow`: a line for each iteration as it closes, read off the store, whoever works there."""

import time
from collections.abc import Iterator

from loop.summary import Closed, headlines, history
from loop.terminal import cell
from runs.lineage import decision_of, find_run, last_index
from runs.store import Store

LOOK_S = 0.5


def follow(store: Store, name: str) -> Iterator[Closed]:
    """The closed iterations of a run, oldest first, each as soon as it is there; ends when the run has ended.

    A run that nobody works on and that no daemon gave up is waited for: somebody may go on with it.
    """
    seen = 0
    at = None
    while True:
        # Asked first: what closes between the two looks is still shown.
        ended = how_it_ended(store, name)
        run = store.run(name)
        if run is not None and run.iteration != at:
            at = run.iteration
            closed = history(store, run, since=seen)
            yield from closed
            seen += len(closed)
        if ended:
            return
        time.sleep(LOOK_S)


def how_it_ended(store: Store, name: str) -> str:
    """How the run ended, in a sentence; "" while it goes on, or may. Raises UsageError if there is no such run."""
    from loop.daemon.client import find_daemon
    from loop.daemon.queue import QueueFile

    entry = next((one for one in QueueFile(store.home).read().entries if one.name == name), None)
    run = store.run(name) if entry else find_run(store, name)
    if run is not None and run.iteration:
        last, target = last_index(store, run), run.operational["iterations"]
        decision = decision_of(store, store.iteration(run.iteration))
        if decision["verdict"] == "halt":
            return f"{name} was halted at iteration {last}: {decision['reason']}"
        if last >= target:
            return f"{name} is done: it is at iteration {last} of {target}"
    # A run that its daemon gave up may be at work again without one.
    if entry is None or entry.ended is None or (store.owner() is not None and find_daemon(store) is None):
        return ""
    code = f", exit code {entry.ended.exit_code}" if entry.ended.exit_code else ""
    return f"{name} {entry.ended.how}{code}: {entry.ended.said}"


def line(name: str, one: Closed) -> str:
    """An iteration in one line: its address, its decision, and the headline metrics that it has."""
    shown = [
        f"{short}={cell(one.metrics[metric])}" for metric, short in headlines([one]).items() if metric in one.metrics
    ]
    return "  ".join([f"{name}@{one.index}", one.verdict, *shown, *([one.reason] if one.verdict != "promote" else [])])
