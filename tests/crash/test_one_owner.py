"""However many start at once, one owns the home; and when it dies, the next start needs nobody's help."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from runs.errors import BusyError
from runs.store import Store
from tests.crash.conftest import Tally
from tests.crash.whole_run import FULL, new_home

FORK = multiprocessing.get_context("fork")
STARTS = 8
AT_ONCE = 5
"""How many homes are fought over side by side: a loser tries for half a second, and mostly sleeps."""


def start(home: Path, together: Any, said: Any, over: Any) -> None:
    """Own the home until all is over, or say why not and leave with the exit code for it."""
    together.wait()
    try:
        with Store(home).lock():
            said.put((os.getpid(), ""))
            over.wait()
    except BusyError as error:
        said.put((os.getpid(), str(error)))
        sys.exit(error.exit_code)


def fight(verdict: Any) -> None:
    """Let STARTS processes want one home at the same instant, and say what was wrong with how it went."""
    together, said, over = FORK.Barrier(STARTS), FORK.SimpleQueue(), FORK.Event()
    with new_home() as home:
        processes = [FORK.Process(target=start, args=(home, together, said, over)) for _ in range(STARTS)]
        for process in processes:
            process.start()
        answers = dict(said.get() for _ in processes)
        owner = Store(home).owner()
        over.set()
        for process in processes:
            process.join()
    winners = [pid for pid, words in answers.items() if not words]
    unnamed = [words for words in answers.values() if words and f"process {owner}." not in words]
    codes = sorted(process.exitcode or 0 for process in processes)
    right = winners == [owner] and not unnamed and codes == [0] + [75] * (STARTS - 1)
    verdict.put("" if right else f"owner {owner}, winners {winners}, exit codes {codes}, {unnamed}")


def test_of_eight_that_start_at_once_one_wins_and_seven_leave_with_75_and_name_it(tally: Tally) -> None:
    rounds, bad = 20 if FULL else 1, []
    verdict = FORK.SimpleQueue()
    for _ in range(rounds):
        referees = [FORK.Process(target=fight, args=(verdict,)) for _ in range(AT_ONCE)]
        for referee in referees:
            referee.start()
        bad += [words for _ in referees if (words := verdict.get())]
        for referee in referees:
            referee.join()
    tally("F1", rounds * AT_ONCE, len(bad))
    assert not bad


def own(home: Path, ready: Any, worker: list[str]) -> None:
    """Own the home until somebody ends the process; `worker` is a child that it has meanwhile."""
    with Store(home).lock():
        child = subprocess.Popen(worker) if worker else None
        ready.put(child.pid if child else 0)
        signal.pause()


def test_whoever_starts_after_the_owner_was_killed_owns_the_home_at_once(tally: Tally) -> None:
    deaths = 200 if FULL else 10
    with new_home() as home:
        for _ in range(deaths):
            ready = FORK.SimpleQueue()
            owner = FORK.Process(target=own, args=(home, ready, []))
            owner.start()
            ready.get()
            os.kill(owner.pid or 0, signal.SIGKILL)
            with Store(home).lock():
                assert Store(home).owner() == os.getpid()
            owner.join()
    tally("F2", deaths, 0)


def test_a_worker_that_outlives_the_owner_holds_no_lock(tally: Tally) -> None:
    with new_home() as home:
        ready = FORK.SimpleQueue()
        owner = FORK.Process(target=own, args=(home, ready, ["sleep", "60"]))
        owner.start()
        worker = ready.get()
        try:
            os.kill(owner.pid or 0, signal.SIGKILL)
            with Store(home).lock():
                assert Store(home).owner() == os.getpid()
        finally:
            os.kill(worker, signal.SIGKILL)
            owner.join()
    tally("F2", 1, 0)
