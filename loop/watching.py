"""Showing how far long work is, on standard error: a line a finished step; on a terminal a bar for the current one."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loop.progress import Event, Say
from loop.terminal import block, print_aside


@contextmanager
def watch() -> Iterator[Say]:
    """Something to tell events to, which shows them until the block ends."""
    if not sys.stderr.isatty():
        yield Lines(print_aside, every_shard=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        lines = Lines(lambda line: progress.console.print(line, markup=False, highlight=False), every_shard=False)
        at_work = progress.add_task("", visible=False)

        def show(event: Event) -> None:
            lines(event)
            if event.kind == "begin":
                progress.reset(at_work, description=event.address, total=1, visible=True)
            elif event.kind == "shard":
                progress.update(at_work, completed=event.done, total=event.total)
            elif event.kind == "end":
                progress.update(at_work, visible=False)

        yield show


class Lines:
    """Says one line for each event that matters, with the seconds that a step took."""

    def __init__(self, say: Callable[[str], None], every_shard: bool) -> None:
        self._say = say
        self._every_shard = every_shard
        self._began: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Say what `event` is, if it is worth a line."""
        if event.kind in ("note", "retry"):
            self._say(block(event.text))
        elif event.kind == "begin":
            self._began[event.address] = time.monotonic()
        elif event.kind == "shard" and self._every_shard and event.total > 1:
            self._say(f"{event.address} shard={event.done}/{event.total}")
        elif event.kind == "end":
            self._say(f"{event.address} done seconds={time.monotonic() - self._began.pop(event.address):.1f}")
