"""Killed at any instant, the run goes on from what is there, and ends where it would have ended anyway."""

import os
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from runs.gc import collect, garbage
from runs.points import crash_at
from runs.store import Store
from tests.crash.conftest import Tally
from tests.crash.whole_run import (
    FULL,
    PARTS,
    diary_of,
    forked,
    go_on,
    golden,
    new_home,
    picture,
    share,
    temporaries,
    what_is_wrong_at_the_end,
)


def after_kills(kills: Sequence[int], home: Path) -> str:
    """What is wrong after as many starts as there are kills, each killed at its point, and one that is left alone."""
    for place, number in enumerate(kills):
        ended = forked(lambda number=number: go_on(home, crash_at(number)))  # type: ignore[misc]
        past_its_end = place > 0 and ended == 0
        if ended != -signal.SIGKILL and not past_its_end:
            return f"a run that was to be killed ended with {ended}"
        if picture(home) not in golden().legal:
            return "it left what no uninterrupted run ever holds"
    if ended := forked(lambda: go_on(home)):
        return f"the run that went on ended with {ended}"
    return what_is_wrong_at_the_end(home) or repeated(home, len(kills))


def repeated(home: Path, kills: int) -> str:
    """What was done more often than once a kill beyond the uninterrupted run; "" if nothing was."""
    more = diary_of(home) - golden().diary
    begun = sum(times for what, times in more.items() if what.startswith("begin"))
    shards = more["shard worked on"]
    return f"{shards} shards and {begun} steps were repeated" if max(shards, begun) > kills else ""


def tried(kills: Sequence[Sequence[int]]) -> list[str]:
    """What went wrong in trials with these kills."""
    bad = []
    for numbers in kills:
        with new_home() as home:
            if wrong := after_kills(numbers, home):
                bad.append(f"killed at {numbers}, {[golden().points[n - 1] for n in numbers]}: {wrong}")
    return bad


@pytest.mark.parametrize("part", PARTS)
def test_killed_at_a_point_it_ends_where_it_would_have_and_repeats_one_shard_at_most(part: int, tally: Tally) -> None:
    # A file has five points: a step of forty would meet the same one of them each time.
    numbers = share(range(1, len(golden().points) + 1), part, 37)
    bad = tried([[number] for number in numbers])
    tally("A1" if FULL else "A1c", len(numbers), len(bad))
    assert not bad


def pairs_of_points() -> list[list[int]]:
    """A point of the run and one of the run that goes on, which has the fewer the later the first came."""
    rng = random.Random(4)
    number = len(golden().points)
    firsts = [rng.randint(1, number) for _ in range(60)]
    return [[first, rng.randint(1, number - first + 12)] for first in firsts]


@pytest.mark.parametrize("part", PARTS)
def test_killed_twice_in_a_row_it_still_ends_there(part: int, tally: Tally) -> None:
    pairs = share(pairs_of_points(), part, 30)
    bad = tried(pairs)
    tally("A2", len(pairs), len(bad))
    assert not bad


@pytest.mark.parametrize("part", PARTS)
def test_stopped_at_a_step_boundary_or_between_iterations_it_repeats_nothing(part: int, tally: Tally) -> None:
    numbers, bad = share(golden().boundaries(), part, 4), []
    for number in numbers:
        with new_home() as home:
            wrong = after_kills([number], home)
            more = diary_of(home) - golden().diary
            done_twice = [what for what in more if what.startswith(("begin", "end", "scores", "shard worked on"))]
            if wrong or done_twice:
                bad.append(f"stopped at {number}: {wrong or done_twice}")
    tally("B1", len(numbers), len(bad))
    assert not bad


def test_a_run_is_at_a_boundary_when_it_begins_and_after_each_step_and_iteration() -> None:
    assert len(golden().boundaries()) == 1 + (3 + 7 + 7) + 3


def test_after_a_reboot_the_run_goes_on_and_gc_takes_what_nobody_is_writing(tally: Tally) -> None:
    numbers, bad = golden().numbers("rename")[:: 4 if FULL else 60], []
    for number in numbers:
        with new_home() as home, pytest.MonkeyPatch.context() as patch:
            forked(lambda number=number: go_on(home, crash_at(number)))  # type: ignore[misc]
            (leftover,) = temporaries(home)
            (home / "lock").write_text(str(os.getpid()))  # after a reboot: a stranger, who lives and owns nothing
            (home.parent / "tmp").mkdir()
            patch.setattr(tempfile, "tempdir", str(home.parent / "tmp"))
            ended = forked(lambda: go_on(home))
            store, young = Store(home), home / "objects" / ".tmp-being-written"
            with store.lock():
                time.sleep(0.01)  # the clock of a file system ticks a few times in a hundredth of a second
                young.write_bytes(b"half")
                collect(store, garbage(store))
            if ended or leftover.exists() or not young.exists() or (wrong := what_is_wrong_at_the_end(home)):
                bad.append(f"killed at {number}: ended with {ended}, {wrong}")
    tally("A6", len(numbers), len(bad))
    assert not bad
