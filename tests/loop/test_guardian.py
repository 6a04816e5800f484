"""Nothing that a worker started outlives the worker or us."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loop.processes import descendants, is_running, wait_for, wait_until_gone

ROOT = Path(__file__).resolve().parents[2]
LEAVES_TWO = """
import json, subprocess, sys, time
pids = [subprocess.Popen(["sleep", "600"], start_new_session=new).pid for new in (False, True)]
open(sys.argv[1], "w").write(json.dumps(pids))
"""
HOLDS_MEMORY = """
import mmap, os, sys, time
file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
os.truncate(file, 4096)
held = mmap.mmap(file, 4096)
for name in sys.argv[2:]:
    other = mmap.mmap(os.open(name, os.O_RDWR), 4096)
print("held", flush=True)
time.sleep(600)
"""


def guarded(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    worker = [sys.executable, "-S", "-c", code, *arguments]
    command = [sys.executable, "-S", "-P", "-m", "loop.workers.guardian", tempfile.mkdtemp(), *worker]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    )


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("", 0),
        ("import sys; sys.exit(7)", 7),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import os; os.abort()", -signal.SIGABRT),
    ],
)
def test_a_guardian_ends_as_its_worker_ends(code: str, ending: int) -> None:
    assert guarded(code).wait(10) == ending


@pytest.mark.parametrize("then", ["", "import os; os.kill(os.getpid(), 9)"])
def test_what_a_worker_leaves_ends_soon_after_it(then: str, tmp_path: Path) -> None:
    guardian = guarded(LEAVES_TWO + then, str(tmp_path / "pids"))
    guardian.wait(10)
    left = json.loads((tmp_path / "pids").read_text())
    assert len(left) == 2
    assert not any(map(is_running, left))


@pytest.mark.parametrize("end", ["the lifeline closes", "the worker is killed", "the guardian is asked to end"])
def test_a_worker_and_what_it_started_end_together(end: str, tmp_path: Path) -> None:
    guardian = guarded(LEAVES_TWO + "time.sleep(600)", str(tmp_path / "pids"))
    started = [*json.loads(wait_for(tmp_path / "pids")), *descendants(guardian.pid)]
    assert len(started) == 5
    if end == "the lifeline closes":
        assert guardian.stdin is not None
        guardian.stdin.close()
    elif end == "the worker is killed":
        [worker] = set(descendants(guardian.pid)) - set(json.loads((tmp_path / "pids").read_text()))
        os.kill(worker, signal.SIGKILL)
    else:
        os.killpg(guardian.pid, signal.SIGTERM)  # the worker dies of it; the guardian sees to the rest
    wait_until_gone(started, timeout_s=5)
    assert guardian.wait(10) < 0


def test_an_orphan_is_ended_while_the_worker_goes_on(tmp_path: Path) -> None:
    double_fork = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-S", "-c", {LEAVES_TWO!r}, sys.argv[1]]).wait()
time.sleep(600)
"""
    guardian = guarded(double_fork, str(tmp_path / "pids"))
    orphans = json.loads(wait_for(tmp_path / "pids"))
    wait_until_gone(orphans)
    assert guardian.poll() is None
    assert guardian.stdin is not None
    guardian.stdin.close()
    guardian.wait(10)


@pytest.fixture
def segments() -> Iterator[list[Path]]:
    """Names in shared memory: the first to be made by the worker, the others made by us, the last held by us."""
    paths = [Path(f"/dev/shm/selfsame-test-{os.getpid()}-{n}") for n in range(3)]
    for path in paths[1:]:
        path.write_bytes(bytes(4096))
    yield paths
    for path in paths:
        path.unlink(missing_ok=True)


def test_shared_memory_of_a_dead_worker_is_freed_and_nobody_elses(segments: list[Path]) -> None:
    theirs, *ours = segments
    guardian = guarded(HOLDS_MEMORY, *map(str, segments))
    assert guardian.stdout is not None and guardian.stdin is not None
    assert guardian.stdout.readline() == b"held\n"
    time.sleep(0.1)
    assert theirs.exists()
    guardian.stdin.close()
    guardian.wait(10)
    assert not theirs.exists()
    assert all(path.exists() for path in ours)
