"""Training programs as child processes: what their ends are called, and that none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.worker import Trainers
from runs.errors import DivergedError, WorkerError
from tests.loop.programs import Order

MODULE = "tests.loop.programs"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Trainers]:
    with Trainers(tmp_path / "log", 1, (MODULE,)) as started:
        yield started


def order(workers: Trainers, do: str, out: Path, timeout_s: float = 30) -> dict[str, object]:
    return workers.run(MODULE, Order(do=do), out, timeout_s)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int], timeout_s: float = 10) -> None:
    end = time.monotonic() + timeout_s
    while any(map(is_running, pids)):
        assert time.monotonic() < end, f"still running: {[pid for pid in pids if is_running(pid)]}"
        time.sleep(0.01)


def wait_for_pid(path: Path, timeout_s: float = 30) -> int:
    end = time.monotonic() + timeout_s
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.01)
    return int(path.read_text())


def test_each_program_runs_in_a_process_of_its_own(workers: Trainers, tmp_path: Path) -> None:
    pids = {order(workers, "work", tmp_path / str(i))["pid"] for i in range(3)}
    assert len(pids) == 3
    assert os.getpid() not in pids


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("die", r"killed by SIGKILL \(out of memory\?\)"),
        ("leave", "exit code 9"),
        ("raise", "exit code 1.*row 7 of pairs.parquet has an empty answer"),
        ("forget", "left no result"),
    ],
)
def test_a_failed_program_is_named_and_the_next_one_runs(do: str, said: str, workers: Trainers, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=f"(?s){said}.*{tmp_path / 'log'}"):
        order(workers, do, tmp_path / "failed")
    assert order(workers, "work", tmp_path / "next")


def test_a_message_shows_only_what_this_program_said(workers: Trainers, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="row 7"):
        order(workers, "raise", tmp_path / "first")
    with pytest.raises(WorkerError) as second:
        order(workers, "leave", tmp_path / "second")
    assert "row 7" not in str(second.value)


def test_divergence_is_told_from_other_failures(workers: Trainers, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="diverged at step 3"):
        order(workers, "diverge", tmp_path / "out")


def test_a_program_over_its_time_is_ended_and_the_next_one_runs(workers: Trainers, tmp_path: Path) -> None:
    order(workers, "work", tmp_path / "warm")
    with pytest.raises(WorkerError, match=r"longer than 0\.5 s"):
        order(workers, "hang", tmp_path / "slow", timeout_s=0.5)
    if (tmp_path / "slow" / "pid").exists():
        wait_until_gone([wait_for_pid(tmp_path / "slow" / "pid")])
    assert order(workers, "work", tmp_path / "next")


def test_a_module_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    named = pytest.raises(WorkerError, match=r"(?s)importing.*exit code 1.*trainers\.nothing")
    with Trainers(tmp_path / "log", 1, ("trainers.nothing",)) as workers, named:
        workers.run("trainers.nothing", Order(do="work"), tmp_path / "out", 30)


def test_closing_ends_the_host(tmp_path: Path) -> None:
    workers = Trainers(tmp_path / "log", 1, (MODULE,))
    workers.start()
    assert workers._host is not None
    pid = workers._host.pid
    workers.close()
    assert not is_running(pid)


def test_no_program_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from loop.worker import Trainers
from tests.loop.programs import Order
with Trainers(Path({str(tmp_path / "log")!r}), 1, ({MODULE!r},)) as workers:
    Path({str(tmp_path / "host")!r}).write_text(str(workers._host.pid))
    workers.run({MODULE!r}, Order(do="hang"), Path({str(tmp_path / "out")!r}), 600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    program = wait_for_pid(tmp_path / "out" / "pid")
    host = wait_for_pid(tmp_path / "host")
    parent.kill()
    parent.wait()
    wait_until_gone([host, program])


def test_a_program_sees_no_secret_and_reaches_no_network(
    workers: Trainers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a secret")
    workers.close()
    seen = order(workers, "work", tmp_path / "out")["environment"]
    assert isinstance(seen, dict)
    assert "a secret" not in seen.values()
    assert seen["HF_HUB_OFFLINE"] == "1"
    assert seen["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize("way", ["the pipe closes", "the parent is killed"])
def test_a_child_on_a_lifeline_ends(way: str, tmp_path: Path) -> None:
    child = "import os, time; from trainers.lifeline import exit_with_parent; exit_with_parent(); "
    child += f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    if way == "the pipe closes":
        process = subprocess.Popen([sys.executable, "-c", child], cwd=ROOT, stdin=subprocess.PIPE)
        pid = wait_for_pid(tmp_path / "pid")
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)
    else:
        starter = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"
        read_end, held_open = os.pipe()  # the pipe stays open: the kernel alone tells the child
        process = subprocess.Popen([sys.executable, "-c", starter, child], cwd=ROOT, stdin=read_end)
        pid = wait_for_pid(tmp_path / "pid")
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.close(read_end)
        wait_until_gone([pid])
        os.close(held_open)
    wait_until_gone([pid])
