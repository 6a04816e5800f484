"""The environment can end a process, or make its disk fail, at any point."""

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runs.points import asked_for

ROOT = Path(__file__).parents[2]
WRITE = """
import sys
from pathlib import Path
from runs.durable import write_file
from runs.errors import DiskError
try:
    write_file(Path(sys.argv[1]), b"some bytes")
except DiskError as error:
    sys.exit(f"{error.exit_code} {error}")
"""


def written_with(environment: dict[str, str], path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", WRITE, str(path)], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def test_a_process_is_killed_at_the_point_that_the_environment_names(tmp_path: Path) -> None:
    assert written_with({"CRASH_AT": "3"}, tmp_path / "a").returncode == -signal.SIGKILL
    (unfinished,) = tmp_path.iterdir()  # killed before it was renamed
    assert unfinished.name.startswith(".tmp-") and unfinished.read_bytes() == b"some bytes"


def test_the_disk_fails_at_the_point_that_the_environment_names(tmp_path: Path) -> None:
    done = written_with({"FAIL_AT": "2:ENOSPC"}, tmp_path / "a")
    assert done.stderr.startswith("74 ") and "No space left on device (10 bytes needed" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_disk_fails_once_or_from_then_on(tmp_path: Path) -> None:
    for asked, failing in (("2:EIO", [2]), ("2:EIO:always", [2, 3, 4])):
        hook, failed = asked_for({"FAIL_AT": asked}), []
        assert hook is not None
        for number in range(1, 5):
            try:
                hook("write", tmp_path)
            except OSError as error:
                assert error.errno == errno.EIO
                failed.append(number)
        assert failed == failing


def test_nobody_who_did_not_ask_meets_a_fault() -> None:
    assert asked_for({}) is None
    with pytest.raises(ValueError):
        asked_for({"CRASH_AT": "soon"})
