"""One writer to a home."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runs.errors import BusyError
from runs.store import Store

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from runs.errors import BusyError
from runs.store import Store
try:
    with Store(Path(sys.argv[1])).lock():
        print("mine", flush=True)
        sys.stdin.read()
except BusyError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def start(home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_of_many_that_start_at_once_one_writes_and_the_others_name_it_and_exit_75(tmp_path: Path) -> None:
    started = [start(tmp_path) for _ in range(4)]
    said = {process.pid: process.stdout.readline() for process in started if process.stdout}
    winners = [pid for pid, line in said.items() if line == "mine\n"]
    assert len(winners) == 1
    assert Store(tmp_path).owner() == winners[0]
    for process in started:
        process.communicate()
        if process.pid != winners[0]:
            assert process.returncode == 75
            assert f"process {winners[0]}." in said[process.pid]
    assert Store(tmp_path).owner() is None


def test_the_lock_dies_with_its_owner(tmp_path: Path) -> None:
    owner = start(tmp_path)
    assert owner.stdout is not None and owner.stdout.readline() == "mine\n"
    store = Store(tmp_path)
    with pytest.raises(BusyError, match=str(owner.pid)), store.lock():
        pass
    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    with store.lock():
        assert store.owner() == os.getpid()
        assert store.put(b"x")


def refuses(handle: int, how: int) -> None:
    """A file system that knows no locks."""
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def agrees(handle: int, how: int) -> None:
    """A file system that gives a lock to whoever asks."""


@pytest.mark.parametrize("flock", [refuses, agrees])
def test_a_home_whose_file_system_keeps_no_locks_is_refused_with_75(
    flock: Callable[[int, int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", flock)
    store = Store(tmp_path)
    with pytest.raises(BusyError, match=rf"{tmp_path} cannot be locked.*SELFSAME_HOME"), store.lock():
        pass
    assert BusyError.exit_code == 75
    with pytest.raises(RuntimeError, match="without its lock"):
        store.put(b"x")


def test_nobody_waits_for_a_reader(tmp_path: Path) -> None:
    store, reader = Store(tmp_path), Store(tmp_path)
    with store.lock():
        name = store.put(b"x")
        assert reader.get(name) == b"x"
        assert reader.owner() == os.getpid()
