"""SIGTERM at any moment: the run ends by itself with exit 0, and nothing that it had done is lost or done again.

The same with real workers, and a second SIGTERM, is in tests/loop/test_stopping.py and tests/loop/daemon.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import pytest

from loop.stopping import stop_on_sigterm
from tests.crash.conftest import Tally
from tests.crash.whole_run import (
    PARTS,
    diary_of,
    ending,
    forked,
    go_on,
    golden,
    new_home,
    share,
    started,
    what_is_wrong_at_the_end,
)

TRIALS = 100
NEVER_AGAIN = ("end", "scores", "shard worked on")
"""What nobody does twice after a run that was asked to stop. The step under way is begun again."""


@contextmanager
def deaf() -> Iterator[None]:
    """Until the block ends a SIGTERM waits, here and in a child that is forked meanwhile."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def run_until_asked(home: Path) -> None:
    """The run, stopped by a SIGTERM as `selfsame run` is."""
    with stop_on_sigterm() as stop:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        go_on(home, stop=stop)


@cache
def whole_s() -> float:
    """The seconds that the run takes which nobody stops."""
    with new_home() as home:
        began = time.monotonic()
        assert forked(partial(run_until_asked, home)) == 0
        return time.monotonic() - began


def asked_after(seconds: float, home: Path) -> str:
    """What is wrong with a run that is asked to stop so long after its start, and with the one that goes on from it."""
    with deaf():
        child = started(partial(run_until_asked, home))
    time.sleep(seconds)
    os.kill(child, signal.SIGTERM)
    if ended := ending(child):
        return f"it ended with {ended}"
    receipts = set((home / "receipts").glob("*"))
    if ended := forked(partial(go_on, home)):
        return f"the run that went on ended with {ended}"
    again = [what for what in diary_of(home) - golden().diary if what.startswith(NEVER_AGAIN)]
    lost = receipts - set((home / "receipts").glob("*"))
    return what_is_wrong_at_the_end(home) or (f"{again} again, {lost} lost" if again or lost else "")


@pytest.mark.parametrize("part", PARTS)
def test_a_run_that_is_asked_to_stop_at_any_moment_ends_with_0_and_loses_nothing(part: int, tally: Tally) -> None:
    rng = random.Random(5)
    moments = share([rng.uniform(0, whole_s()) for _ in range(TRIALS)], part, 20)
    bad = []
    for moment in moments:
        with new_home() as home:
            if wrong := asked_after(moment, home):
                bad.append(f"asked after {moment:.3f} of {whole_s():.3f} s: {wrong}")
    tally("A5", len(moments), len(bad))
    assert not bad
