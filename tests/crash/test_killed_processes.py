"""SIGKILL at random moments to real processes: the run, one of its workers, or all of them at once.

`make test` tries each once and `make crash` ten times; `python -m benchmarks.crash A3` tries each 200 times.
"""

import os
import random
import signal
import time
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Literal, get_args

import pytest

from loop import drive
from loop.workers.trainers import Trainers
from tests.crash.conftest import Tally
from tests.crash.whole_run import FULL, ending, forked, go_on, new_home, started, what_is_wrong_at_the_end
from tests.loop.processes import descendants
from trainers.stub_faults import VARIABLE, write_faults

Victim = Literal["the run", "a worker", "everything"]
KILLS = int(os.environ.get("SELFSAME_CRASH_KILLS", "10" if FULL else "1"))
"""How often each victim is killed."""
GONE_S = 1.0
PATIENCE_S = 30.0


def go_on_with_workers(home: Path) -> None:
    """The run with its engine and its trainer in processes of their own, which know a file that is theirs alone."""
    write_faults(mark(home), [])
    os.environ[VARIABLE] = str(mark(home))
    drive.Trainers = Trainers  # type: ignore[attr-defined]  # in this fork alone; the others train in their own process
    go_on(home)


def mark(home: Path) -> Path:
    """The file that is named in the environment of a run's workers, by which they are known wherever they are."""
    return home.with_name("faults.json")


def workers_of(home: Path) -> list[int]:
    """The processes that the run has started and that still run, whoever their parent is by now."""
    name, found = os.fsencode(mark(home)), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and name in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@cache
def whole_s() -> float:
    """The seconds that the run takes with real workers when nobody is killed."""
    with new_home() as home:
        began = time.monotonic()
        assert forked(partial(go_on_with_workers, home)) == 0
        return time.monotonic() - began


def kill(pids: list[int]) -> bool:
    """Whether one of them could still be killed."""
    hit = False
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            hit = True
    return hit


def killed(victim: Victim, rng: random.Random, home: Path) -> str | None:
    """What is wrong after a kill at a random moment, with what is left or with where the run ends; None if the moment
    came too early or too late for anybody to be killed."""
    run = started(partial(go_on_with_workers, home))
    time.sleep(rng.uniform(0, whole_s()))
    workers = descendants(run)
    targets = {"the run": [run], "a worker": rng.sample(workers, min(1, len(workers))), "everything": [run, *workers]}
    hit = kill(targets[victim])
    ended = ending(run)
    died = time.monotonic()
    while left := workers_of(home):
        if time.monotonic() - died > PATIENCE_S:
            return f"{left} outlive it"
        time.sleep(0.01)
    gone_s = time.monotonic() - died
    if not hit or (victim != "a worker" and ended == 0):
        return None
    if ended != (0 if victim == "a worker" else -signal.SIGKILL):
        return f"it ended with {ended}"
    if ended := forked(partial(go_on, home)):
        return f"the run that went on ended with {ended}"
    late = f"its workers were there for {gone_s:.1f} s more" if gone_s > GONE_S and KILLS > 1 else ""
    return what_is_wrong_at_the_end(home) or late


@pytest.mark.parametrize("victim", get_args(Victim))
def test_whoever_is_killed_at_a_random_moment_nobody_is_left_and_the_run_ends_where_it_would_have(
    victim: Victim, tally: Tally
) -> None:
    rng, kills, bad = random.Random(6), 0, []
    while kills < KILLS:
        with new_home() as home:
            wrong = killed(victim, rng, home)
        kills += wrong is not None
        bad += [f"kill {kills}: {wrong}"] if wrong else []
    tally("A3", kills, len(bad))
    assert not bad
