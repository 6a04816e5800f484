"""A disk that is full or failing stops the run with exit 74 and words that help; afterwards the run goes on."""

import errno
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from runs.errors import DiskError
from runs.points import Hook, Label, fail_at
from tests.crash.conftest import Tally
from tests.crash.whole_run import FULL, go_on, golden, new_home, picture, temporaries, what_is_wrong_at_the_end

ERRORS = ("ENOSPC", "EIO", "EROFS", "EDQUOT", "EMFILE")
FAULTS = [(name, always) for name in ERRORS for always in (False, True)]
AMONG = random.Random(7)


def failed(home: Path, hook: Hook, code: int) -> str | None:
    """What is wrong with how a run stopped in whose way `hook` stood; None if the run was done without stopping."""
    try:
        go_on(home, hook)
    except DiskError as error:
        facts = (str(home), os.strerror(code), "bytes needed", "free")
        if error.exit_code != 74 or not all(fact in str(error) for fact in facts):
            return f"it said: {error}"
        if left := temporaries(home):
            return f"it left {left[0]}"
        return "" if picture(home) in golden().legal else "it left what no uninterrupted run ever holds"
    return None


@pytest.mark.parametrize(("name", "always"), FAULTS)
def test_a_disk_that_fails_stops_the_run_cleanly_and_the_run_goes_on_afterwards(
    name: str, always: bool, tally: Tally
) -> None:
    code, number = getattr(errno, name), AMONG.randint(1, len(golden().points))
    with new_home() as home:
        wrong = failed(home, fail_at(number, code, always), code)
        if not wrong:
            go_on(home)
            wrong = what_is_wrong_at_the_end(home)
    tally("C1", 1, bool(wrong))
    assert wrong == "", f"point {number}, {golden().points[number - 1]}"


class Once:
    """Fails at the first point that did not fail before; with `always`, at all after it too.

    A point is known by what is done to which file, and for a file that is written again by how far the store is.
    """

    def __init__(self, code: int, always: bool) -> None:
        self.code, self.always = code, always
        self.met: set[tuple[object, ...]] = set()

    def start(self, home: Path) -> Hook:
        """A hook for one start of the run."""
        failing, file = False, home

        def fail(label: Label, path: Path) -> None:
            nonlocal failing, file
            file = path if label == "write" else file
            place = (label, path, file, len(os.listdir(home / "objects")) if file.parent.name == "refs" else 0)
            if (failing and self.always) or (not failing and place not in self.met):
                failing = True
                self.met.add(place)
                raise OSError(self.code, os.strerror(self.code))

        return fail


@pytest.mark.skipif(not FULL, reason="for `make crash`")
@pytest.mark.parametrize(("name", "always"), FAULTS)
def test_a_disk_that_fails_at_each_point_in_turn_stops_the_run_each_time_and_spoils_nothing(
    name: str, always: bool, tally: Tally
) -> None:
    # One home: each start fails one point further on. What it leaves must be what a killed run may leave, and from
    # each of those the run ends where it should (test_killed.py).
    code, bad, starts = getattr(errno, name), [], 0
    once = Once(code, always)
    with new_home() as home:
        while (wrong := failed(home, once.start(home), code)) is not None:
            starts += 1
            bad += [wrong] if wrong else []
        bad += [wrong] if (wrong := what_is_wrong_at_the_end(home)) else []
    tally("C1", starts, len(bad))
    assert not bad
    failed_at, passed = Counter(place[0] for place in once.met), Counter(label for label, _ in golden().points)
    assert [failed_at[label] for label in ("write", "sync", "rename")] == [passed["write"]] * 3
