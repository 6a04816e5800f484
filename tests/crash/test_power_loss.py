"""When the power goes, whatever is left of the disk can be gone on from, and nothing that was promised is missing."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from runs.errors import DiskError, SelfsameError
from runs.points import Label
from runs.store import Store
from runs.verify import verify
from tests.crash.conftest import Tally
from tests.crash.disk_model import Disk, Done, Recorder, disks
from tests.crash.mutants import MUTANTS, Mutant, sync_again_after_a_failure, without_settling
from tests.crash.whole_run import PARTS, go_on, golden, new_home, picture, share, warm, what_is_wrong_at_the_end


@contextmanager
def no_mutant() -> Iterator[None]:
    """The store as it is."""
    yield


def recorded(mutant: Mutant = no_mutant) -> list[Done]:
    """All that a whole run does to the disk, in order."""
    with new_home() as home:
        recorder = Recorder(home)
        with recorder.listening(), mutant():
            go_on(home, recorder)
        return recorder.done


@contextmanager
def file_sync_fails(number: int) -> Iterator[None]:
    """The sync of a file with that number fails, once."""
    really_sync, left = os.fsync, number

    def fsync(handle: int) -> None:
        nonlocal left
        left -= stat.S_ISREG(os.fstat(handle).st_mode)
        if left == 0 and stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        really_sync(handle)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


def recorded_with_a_failed_sync(number: int, mutant: Mutant = no_mutant) -> list[Done]:
    """All that a run does to the disk that one sync fails, and that goes on afterwards."""
    with new_home() as home:
        recorder = Recorder(home)
        with file_sync_fails(number), recorder.listening(), mutant():
            try:
                go_on(home, recorder)
            except DiskError:
                go_on(home, recorder)
        assert picture(home) == golden().end
        return recorder.done


@contextmanager
def restored(disk: Disk) -> Iterator[Path]:
    """A home that holds what is left, for as long as the block lasts."""
    with new_home() as home:
        disk.write_to(home)
        yield home


def damage(disk: Disk) -> str:
    """What a disk lacks, or holds in pieces; "" if it is sound."""
    if wrong := disk.wrong():
        return wrong
    with restored(disk) as home:
        return next((f"{problem.file}: {problem.what}" for problem in verify(Store(home))), "")


def what_comes_of(disk: Disk) -> str:
    """Why a run that goes on from a disk does not end where it should; "" if it does."""
    with restored(disk) as home:
        try:
            go_on(home)
        except SelfsameError as error:
            return str(error)
        return what_is_wrong_at_the_end(home)


@cache
def all_disks() -> Sequence[Disk]:
    """Every disk that the run can leave."""
    with warm():
        return list(disks(recorded()))


@pytest.mark.parametrize("part", PARTS)
def test_every_disk_that_a_loss_of_power_leaves_can_be_gone_on_from(part: int, tally: Tally) -> None:
    left = share(all_disks(), part, 100)
    bad = [wrong for disk in left if (wrong := damage(disk) or what_comes_of(disk))]
    tally("A4", len(left), len(bad))
    assert not bad


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_store_without_one_of_its_steps_is_caught(mutant: Mutant, tally: Tally) -> None:
    caught = any(damage(disk) for disk in disks(recorded(mutant)))
    tally("A4 mutants missed", 1, not caught)
    assert caught


@pytest.mark.parametrize("part", PARTS)
def test_a_file_whose_sync_failed_once_is_never_trusted(part: int, tally: Tally) -> None:
    numbers = share(range(len(golden().numbers("sync")), 0, -1), part, 200)
    bad = []
    for number in numbers:
        left = disks(recorded_with_a_failed_sync(number))
        bad += [f"sync {number}: {wrong}" for disk in left if (wrong := disk.wrong())]
    tally("C4", len(numbers), len(bad))
    assert not bad


def test_a_store_that_syncs_again_after_a_failure_is_caught(tally: Tally) -> None:
    done = recorded_with_a_failed_sync(4, sync_again_after_a_failure)
    caught = any(damage(disk) for disk in disks(done))
    tally("A4 mutants missed", 1, not caught)
    assert caught


class Killed(BaseException):
    """What ends a process here: the recorder has to live on."""


SOON = 40
"""How much is done to the disk until a new owner has built upon what it found."""


def disks_after_a_kill(number: int, mutant: Mutant = no_mutant) -> Iterator[Disk]:
    """What a loss of power may leave soon after a run went on that was killed before it synced a name.

    It is the name that was given as the `number`-th in the run.
    """
    with new_home() as home:
        recorder, renamed = Recorder(home), 0

        def record_and_kill(label: Label, path: Path) -> None:
            nonlocal renamed
            recorder(label, path)
            if label == "sync folder" and renamed == number:
                raise Killed
            renamed += label == "rename"

        with recorder.listening(), mutant():
            with pytest.raises(Killed):
                go_on(home, record_and_kill)
            killed_after = len(recorder.done)
            go_on(home, recorder)
    return disks(recorder.done[: killed_after + SOON], killed_after)


@pytest.mark.parametrize("part", PARTS)
def test_after_a_kill_and_a_loss_of_power_nothing_stands_on_what_is_gone(part: int, tally: Tally) -> None:
    numbers = share(range(1, len(golden().numbers("rename")) + 1, 5), part, 24)
    bad = [f"killed at {n}: {wrong}" for n in numbers for disk in disks_after_a_kill(n) if (wrong := damage(disk))]
    tally("A2 and A4", len(numbers), len(bad))
    assert not bad


def test_a_store_that_builds_on_what_a_killed_owner_left_unsynced_is_caught(tally: Tally) -> None:
    # The first object is the constitution, which each start puts there again; on the second a receipt is to stand.
    built_on = golden().numbers("rename").index(golden().numbers("rename", "objects")[1]) + 1
    caught = any(damage(disk) for disk in disks_after_a_kill(built_on, without_settling))
    tally("A4 mutants missed", 1, not caught)
    assert caught
